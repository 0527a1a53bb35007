//! What is told of a resource, and when.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::client::Body;
use kubewright_core::condition::Condition;
use kubewright_core::{Children, Invalid, ObjectKey, Observed, Operator, Registry, Sample, View};
use serde_json::json;

use super::*;
use crate::api::{Api, Form};
use crate::engine::Engine;
use crate::queue::WorkKey;
use crate::reconcile::reconcile;
use crate::reflector::{Collection, Sink};
use crate::sinks::{Feed, Parents};
use crate::testing::{
    self, Answer, Page, PageStatus, Pages, child, known, next, observed, resource,
};

#[test]
fn whatever_a_status_says_is_in_the_hash() {
    let report = |replicas: i32, conditions: Vec<Condition>| Report {
        status: json!({ "replicas": replicas }),
        conditions,
    };
    let own = |status| Condition::new("Routed", status, "Accepted", "by the gateway");
    let ready = |message: &str| Verdict::Ready(message.to_owned());
    let hashes = [
        told(&report(1, Vec::new()), &ready("a"), Some(1)),
        told(&report(2, Vec::new()), &ready("a"), Some(1)),
        told(&report(1, Vec::new()), &ready("b"), Some(1)),
        told(&report(1, Vec::new()), &ready("a"), Some(2)),
        told(&report(1, Vec::new()), &Verdict::Stalled("Ready", "a".to_owned()), Some(1)),
        told(&report(1, vec![own(None)]), &ready("a"), Some(1)),
        told(&report(1, vec![own(Some(true))]), &ready("a"), Some(1)),
        told(&report(1, vec![own(Some(false))]), &ready("a"), Some(1)),
    ];
    let different: std::collections::HashSet<u64> = hashes.into_iter().collect();
    assert_eq!(different.len(), hashes.len());
    assert_eq!(hashes[0], told(&report(1, Vec::new()), &ready("a"), Some(1)));
}

/// Makes one Deployment for each Page; counts how often it is asked for a status.
#[derive(Clone, Default)]
struct Servers(Arc<AtomicUsize>);

impl Operator for Servers {
    const NAME: &'static str = "servers";
    type Resource = Page;
    type Owns = (Deployment,);
    type Reads = ();

    fn build(&self, page: &Page, _: &View<'_, ()>) -> Result<Children<Self::Owns>, Invalid> {
        let mut server = Deployment::default();
        server.metadata.name.clone_from(&page.metadata.name);
        Ok(Children::new().with(server))
    }

    fn status(&self, _: &Page, _: &Observed<'_, Self::Owns>) -> PageStatus {
        self.0.fetch_add(1, Ordering::Relaxed);
        PageStatus::default()
    }

    fn samples() -> Vec<Sample<Page>> {
        Vec::new()
    }
}

/// What the API server has: its version, the statuses that were written, and what is to happen at
/// the next write of a child.
#[derive(Default)]
struct Server {
    version: u64,
    statuses: Vec<Value>,
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
            if let Some(happens) = meanwhile {
                happens();
            }
        }
        testing::answer(200, &answer)
    }

    /// The version of another write.
    fn next(&self) -> u64 {
        let mut server = self.0.lock().unwrap();
        server.version += 1;
        server.version
    }

    fn version(&self) -> u64 {
        self.0.lock().unwrap().version
    }

    /// The resource as the watch shows it with the last status, which is old.
    fn shown(&self) -> Value {
        let mut shown = resource("Page", Some("ns"), self.version());
        let status = self.0.lock().unwrap().statuses.last().cloned().unwrap_or_default();
        shown["status"] = status;
        for condition in shown["status"]["conditions"].as_array_mut().into_iter().flatten() {
            condition["lastTransitionTime"] = "2020-01-01T00:00:00Z".into();
        }
        shown
    }

    /// The Deployment's own controller says how many Pods are available.
    fn available(&self, engine: &Engine, pods: i32) {
        let mut deployment = child("web", self.next());
        deployment["metadata"]["generation"] = 1.into();
        deployment["status"] = json!({ "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": pods, "availableReplicas": pods });
        observed(engine, &deployment);
    }

    /// `Ready` as it was written last: its status, and since when.
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

fn page() -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("ns", "web") }
}

fn feed(engine: &Arc<Engine>) -> Feed<Parents> {
    let kind = engine.running(0).kind.clone();
    let collection = Collection {
        kind,
        namespace: None,
        labels: None,
        fields: None,
        shard: None,
        form: Form::Full,
    };
    Feed::new(
        Arc::clone(engine),
        collection,
        engine.sync.register("pages".to_owned(), vec![0], false),
        Parents(0),
    )
}

#[tokio::test(start_paused = true)]
async fn a_status_that_changes_back_while_the_event_of_the_last_one_comes_is_written() {
    let server = Shared::default();
    let engine = testing::engine(&Registry::new("test").with(Servers::default()), server.api());
    let shows = Arc::new(Mutex::new(feed(&engine)));
    let show = move |shown: Value| {
        shows.lock().unwrap().upsert(shown.to_string().as_bytes());
    };
    engine.running(0).children[0].serve(true);
    engine.start(0);
    server.next();
    show(server.shown());
    server.available(&engine, 0);
    assert_eq!(reconcile(&engine, &page()).await, End::Done);
    show(server.shown());
    let first = server.ready();
    assert_eq!(first.0, "False");
    // It is ready; the event of that status is on its way.
    server.available(&engine, 1);
    assert_eq!(reconcile(&engine, &page()).await, End::Done);
    assert_eq!(server.ready().0, "True");
    let ready = server.shown();
    // It is not ready any more; that event comes while the child is written.
    server.available(&engine, 0);
    server.0.lock().unwrap().meanwhile = Some(Box::new(move || show(ready)));
    while next(&engine).await.is_some() {
        engine.queue.done(&page());
    }
    assert_eq!(reconcile(&engine, &page()).await, End::Done);
    assert!(server.0.lock().unwrap().meanwhile.is_none(), "it came");
    let (ready, since) = server.ready();
    assert_eq!(ready, "False", "the Deployment is not available");
    assert!(!since.starts_with("2020"), "it is not since {since}: it was ready in between");
}

#[tokio::test(start_paused = true)]
async fn a_status_is_built_again_exactly_when_something_changed_that_it_may_depend_on() {
    let (server, servers) = (Shared::default(), Servers::default());
    let engine = testing::engine(&Registry::new("test").with(servers.clone()), server.api());
    let mut watch = feed(&engine);
    engine.running(0).children[0].serve(true);
    engine.start(0);
    server.next();
    watch.upsert(server.shown().to_string().as_bytes());
    server.available(&engine, 1);
    let run = async || {
        let before = servers.0.load(Ordering::Relaxed);
        assert_eq!(reconcile(&engine, &page()).await, End::Done);
        servers.0.load(Ordering::Relaxed) - before
    };
    assert_eq!((run().await, run().await), (1, 1), "until the watch shows what was written");
    let mut shown = server.shown();
    watch.upsert(shown.to_string().as_bytes());
    assert_eq!(
        (run().await, run().await),
        (1, 0),
        "it is another one than was written, and known from then on"
    );

    shown["metadata"]["labels"] = json!({ "team": "blue" });
    shown["metadata"]["resourceVersion"] = server.next().to_string().into();
    watch.upsert(shown.to_string().as_bytes());
    assert_eq!((run().await, run().await), (1, 0), "a label");

    server.available(&engine, 0);
    assert_eq!(run().await, 1, "a child's status");
    watch.upsert(server.shown().to_string().as_bytes());
    assert_eq!((run().await, run().await), (1, 0), "and the status of that");

    let key = page();
    let parent = engine.running(0).parents.get(&key.key).unwrap();
    let other = Run::new(&engine, engine.running(0), &key, parent);
    other.warn("Trouble", "in between");
    assert_eq!((run().await, run().await), (1, 0), "a warning, which is over");
}

/// Workers for one Page whose status is not found `times` times; gives what asks how often it was.
fn with_a_status_that_is_not_found(times: usize) -> (Arc<Engine>, Arc<Mutex<usize>>) {
    let asked = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&asked);
    let api = testing::api("test", move |request| {
        std::future::ready(if request.uri().path().ends_with("/status") {
            let mut asked = counted.lock().unwrap();
            *asked += 1;
            if *asked <= times {
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
    tokio::spawn(Arc::clone(&engine).work());
    engine.start(0);
    (engine, asked)
}

#[tokio::test]
async fn a_status_that_one_api_server_does_not_know_yet_is_written_later() {
    let (engine, asked) = with_a_status_that_is_not_found(1);
    tokio::time::timeout(std::time::Duration::from_secs(10), async {
        while *asked.lock().unwrap() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it is tried again");
    engine.close();
}

#[tokio::test(start_paused = true)]
async fn the_status_of_a_resource_that_is_gone_is_not_tried_again() {
    let (engine, asked) = with_a_status_that_is_not_found(usize::MAX);
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    assert_eq!(*asked.lock().unwrap(), 1);
    feed(&engine).delete(resource("Page", Some("ns"), 2).to_string().as_bytes());
    tokio::time::sleep(std::time::Duration::from_hours(1)).await;
    assert_eq!((*asked.lock().unwrap(), engine.queue.depths().iter().sum::<usize>()), (1, 0));
}
