//! When a status is computed and written.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::client::Body;
use kubewright_core::{
    Children, Invalid, Observed, Operator, Readiness, Registry, Report, Status, View,
};
use serde_json::json;

use super::*;
use crate::engine::Engine;
use crate::testing::{self, Answer, Page, Pages, child, known, next, observed, resource, web};
use crate::watch::testing::{delete_resource, resource_feed, upsert_resource};
use crate::work::run::reconcile;
use crate::work::worker;
use crate::write::api::Api;

#[test]
fn every_part_of_a_status_is_in_its_hash() {
    let hash = |replicas: i32, conditions: &[Condition], readiness: &Readiness, generation| {
        let (conditions, readiness) = (conditions.to_vec(), readiness.clone());
        let report = Report { status: json!({ "replicas": replicas }), conditions, readiness };
        hash_of(&report, Some(generation))
    };
    let own = |status| [Condition::new("Routed", status, "Accepted", "by the gateway")];
    let ready = |message: &str| Readiness::Ready(message.to_owned());
    let hashes = [
        hash(1, &[], &ready("a"), 1),
        hash(2, &[], &ready("a"), 1),
        hash(1, &[], &ready("b"), 1),
        hash(1, &[], &ready("a"), 2),
        hash(1, &[], &Readiness::Stalled("Ready", "a".to_owned()), 1),
        hash(1, &own(None), &ready("a"), 1),
        hash(1, &own(Some(true)), &ready("a"), 1),
        hash(1, &own(Some(false)), &ready("a"), 1),
    ];
    let different: std::collections::HashSet<u64> = hashes.into_iter().collect();
    assert_eq!(different.len(), hashes.len());
    assert_eq!(hashes[0], hash(1, &[], &ready("a"), 1));
}

/// Creates one Deployment for each Page, and counts its reports.
#[derive(Clone, Default)]
struct Servers(Arc<AtomicUsize>);

impl Operator for Servers {
    const NAME: &'static str = "servers";
    type Resource = Page;
    type Owns = (Deployment,);
    type Reads = ();
    type Facts = ();

    fn build(&self, page: &Page, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let mut server = Deployment::default();
        server.metadata.name.clone_from(&page.metadata.name);
        Ok(Children::new().with(server))
    }

    fn report(&self, _: &Page, observed: &Observed<'_, Self>, (): &()) -> Report<Status> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Report::new(observed, Status::default())
    }
}

/// The state of the API server.
#[derive(Default)]
struct Server {
    version: u64,
    statuses: Vec<Value>,
    /// Runs during the next write of a child.
    meanwhile: Option<Box<dyn FnOnce() + Send>>,
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Server>>);

impl Shared {
    fn api(&self) -> Api {
        let server = self.clone();
        testing::api("test", move |request| server.clone().answer(request))
    }

    async fn answer(self, request: http::Request<Body>) -> Answer {
        let is_status = request.uri().path().ends_with("/status");
        let body: Value =
            serde_json::from_slice(&request.into_body().collect().await.unwrap().to_bytes())
                .unwrap();
        let version = self.next();
        let mut answer = child("web", version);
        if is_status {
            self.0.lock().unwrap().statuses.push(body["status"].clone());
            answer["metadata"]["uid"] = "u-1".into();
        } else {
            answer["metadata"]["generation"] = 1.into();
            let meanwhile = self.0.lock().unwrap().meanwhile.take();
            if let Some(meanwhile) = meanwhile {
                meanwhile();
            }
        }
        testing::answer(200, &answer)
    }

    /// The version of a new write.
    fn next(&self) -> u64 {
        let mut server = self.0.lock().unwrap();
        server.version += 1;
        server.version
    }

    fn version(&self) -> u64 {
        self.0.lock().unwrap().version
    }

    /// The resource with its last status, as the watch shows it. The times of the status are old.
    fn shown(&self) -> Value {
        let mut shown = resource("Page", Some("ns"), self.version());
        let status = self.0.lock().unwrap().statuses.last().cloned().unwrap_or_default();
        shown["status"] = status;
        for condition in shown["status"]["conditions"].as_array_mut().into_iter().flatten() {
            condition["lastTransitionTime"] = "2020-01-01T00:00:00Z".into();
        }
        shown["metadata"]["managedFields"] = testing::managed_status(&shown["status"]);
        shown
    }

    /// Reports the number of available Pods in the status of the Deployment.
    fn available(&self, engine: &Engine, pods: i32) {
        let mut deployment = child("web", self.next());
        deployment["metadata"]["generation"] = 1.into();
        deployment["status"] = json!({
            "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1,
            "readyReplicas": pods, "availableReplicas": pods,
        });
        observed(engine, &deployment);
    }

    /// The status and the transition time of the last written `Ready`.
    fn ready(&self) -> (String, String) {
        let status = self.0.lock().unwrap().statuses.last().unwrap().clone();
        let ready = status["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["type"] == "Ready")
            .unwrap()
            .clone();
        (
            ready["status"].as_str().unwrap().to_owned(),
            ready["lastTransitionTime"].as_str().unwrap().to_owned(),
        )
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_that_changes_back_during_the_event_of_the_last_write_is_written() {
    let server = Shared::default();
    let engine = testing::engine(&Registry::new("test").with(Servers::default()), server.api());
    let feed = Arc::new(Mutex::new(resource_feed(&engine)));
    let show = move |shown: Value| {
        upsert_resource(&mut feed.lock().unwrap(), &shown);
    };
    engine.controller(0).children[0].set_served(true);
    engine.start(0);
    server.next();
    show(server.shown());
    server.available(&engine, 0);
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    show(server.shown());
    let first = server.ready();
    assert_eq!(first.0, "False");
    // The resource is ready. The event of that status comes later.
    server.available(&engine, 1);
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(server.ready().0, "True");
    let ready = server.shown();
    // The resource is not ready any more. That event comes during the write of the child.
    server.available(&engine, 0);
    server.0.lock().unwrap().meanwhile = Some(Box::new(move || show(ready)));
    while next(&engine).await.is_some() {
        engine.queue.done(&web());
    }
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert!(server.0.lock().unwrap().meanwhile.is_none(), "the event came");
    let (ready, since) = server.ready();
    assert_eq!(ready, "False", "the Deployment is not available");
    assert!(!since.starts_with("2020"), "{since}: the resource was ready in between");
}

#[tokio::test(start_paused = true)]
async fn a_report_is_computed_exactly_if_an_input_of_the_status_changed() {
    let (server, servers) = (Shared::default(), Servers::default());
    let engine = testing::engine(&Registry::new("test").with(servers.clone()), server.api());
    let mut feed = resource_feed(&engine);
    engine.controller(0).children[0].set_served(true);
    engine.start(0);
    server.next();
    upsert_resource(&mut feed, &server.shown());
    server.available(&engine, 1);
    let run = async || {
        let before = servers.0.load(Ordering::Relaxed);
        assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
        servers.0.load(Ordering::Relaxed) - before
    };
    assert_eq!((run().await, run().await), (1, 1), "until the watch shows what was written");
    let mut shown = server.shown();
    upsert_resource(&mut feed, &shown);
    assert_eq!(
        (run().await, run().await),
        (1, 0),
        "the shown status differs from the written one and is known afterwards"
    );

    shown["metadata"]["labels"] = json!({ "team": "blue" });
    shown["metadata"]["resourceVersion"] = server.next().to_string().into();
    upsert_resource(&mut feed, &shown);
    assert_eq!((run().await, run().await), (1, 0), "a label");

    server.available(&engine, 0);
    assert_eq!(run().await, 1, "a child's status");
    upsert_resource(&mut feed, &server.shown());
    assert_eq!((run().await, run().await), (1, 0), "and its status");

    let (key, resource) = (web(), engine.controller(0).resources.get(&web().key).unwrap());
    warn(&RunContext::new(&engine, &key, resource), "Trouble", "in between");
    assert_eq!((run().await, run().await), (1, 0), "a warning that is over");
}

/// Records the generation in the status that each `build` gets.
#[derive(Clone, Default)]
struct Reader(Arc<Mutex<Vec<Option<i64>>>>);

impl Operator for Reader {
    const NAME: &'static str = "reader";
    type Resource = Page;
    type Owns = (Deployment,);
    type Reads = ();
    type Facts = ();

    fn build(&self, page: &Page, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let seen = page.status.as_ref().and_then(|status| status.observed_generation);
        self.0.lock().unwrap().push(seen);
        Ok(Children::new())
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_before_the_event_of_our_status_gets_that_status() {
    let (server, reader) = (Shared::default(), Reader::default());
    let engine = testing::engine(&Registry::new("test").with(reader.clone()), server.api());
    let mut feed = resource_feed(&engine);
    engine.controller(0).children[0].set_served(true);
    engine.start(0);
    server.next();
    let mut page = server.shown();
    upsert_resource(&mut feed, &page);
    let run = async || {
        assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
        *reader.0.lock().unwrap().last().unwrap()
    };
    assert_eq!((run().await, run().await), (None, Some(1)), "no event came in between");
    upsert_resource(&mut feed, &server.shown());
    assert_eq!(run().await, Some(1));
    page["metadata"]["resourceVersion"] = server.next().to_string().into();
    page["status"] = Value::Null;
    upsert_resource(&mut feed, &page);
    assert_eq!(run().await, None, "another client removed the status after our write");
}

/// A worker for one Page whose status is not found `times` times. Returns the number of its writes.
fn with_status_not_found(times: usize) -> (Arc<Engine>, Arc<Mutex<usize>>) {
    let writes = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&writes);
    let api = testing::api("test", move |request| {
        std::future::ready(if request.uri().path().ends_with("/status") {
            let mut writes = counted.lock().unwrap();
            *writes += 1;
            if *writes <= times {
                testing::answer(404, &json!({}))
            } else {
                testing::answer(200, &child("web", 9))
            }
        } else {
            testing::answer(200, &child("web", 8))
        })
    });
    let engine = testing::engine(&Registry::new("test").with(Pages), api);
    known(&engine, &resource("Page", Some("ns"), 1));
    worker::start(&engine, 8).detach_all();
    engine.start(0);
    (engine, writes)
}

#[tokio::test]
async fn a_status_that_is_not_found_for_a_moment_is_written_later() {
    let (engine, writes) = with_status_not_found(1);
    tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while *writes.lock().unwrap() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the write is retried");
    engine.queue.close();
}

#[tokio::test(start_paused = true)]
async fn the_status_of_a_deleted_resource_is_not_retried() {
    let (engine, writes) = with_status_not_found(usize::MAX);
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    assert_eq!(*writes.lock().unwrap(), 1);
    delete_resource(&mut resource_feed(&engine), &resource("Page", Some("ns"), 2));
    tokio::time::sleep(std::time::Duration::from_hours(1)).await;
    assert_eq!((*writes.lock().unwrap(), engine.queue.depths().iter().sum::<usize>()), (1, 0));
}
