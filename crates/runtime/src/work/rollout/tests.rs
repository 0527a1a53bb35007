//! Whose change is executed at once, and whose waits: runs against an API server that is a
//! function.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use http::Method;
use http_body_util::BodyExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use kubewright_core::kind::{AnyObject, ReadKinds};
use kubewright_core::{Children, Invalid, Operator, Registry, View, labels, of};
use serde_json::{Value, json};

use super::*;
use crate::engine::Engine;
use crate::testing::{self, Answer, Page, child, known, managed_status, observed, resource, web};
use crate::watch::testing::{resource_feed, upsert_resource};
use crate::work::context::RunOutcome;
use crate::work::run::reconcile;
use crate::write::limiter::Rate;
use crate::write::rollouts::RolloutLimiter;

/// A Page is a Deployment whose image a ConfigMap names. The image `none` makes all Pages invalid.
struct Imaged;

impl Operator for Imaged {
    const NAME: &'static str = "imaged";
    type Resource = Page;
    type Owns = (Deployment,);
    type Reads = (ConfigMap,);
    type Facts = ();

    fn build(&self, _: &Page, view: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let config = view.get(of::<ConfigMap>(), "images").unwrap();
        let image = config.data.clone().unwrap()["image"].clone();
        if image == "none" {
            return Ok(Children::withdrawn(Invalid::new("NoImage", "there is no image")));
        }
        let deployment: Deployment = serde_json::from_value(json!({
            "metadata": { "name": "web" },
            "spec": {
                "selector": {},
                "template": { "spec": { "containers": [{ "name": "web", "image": image }] } },
            },
        }))?;
        Ok(Children::new().with(deployment))
    }
}

/// The images of all writes, the number of deletions, and the last status.
#[derive(Default)]
struct Seen {
    images: Vec<String>,
    deletions: usize,
    status: Value,
    version: u64,
    /// The annotations of the Deployment.
    annotations: Value,
    /// The code with which the API server rejects writes of the Deployment.
    code: Option<u16>,
}

struct Cluster {
    engine: Arc<Engine>,
    seen: Arc<Mutex<Seen>>,
    generation: i64,
}

/// The `managedFields` of the Deployment.
fn entry() -> Value {
    let annotations = json!({ format!("f:{}", labels::DESIRED_HASH): {} });
    let fields = json!({ "f:metadata": { "f:annotations": annotations }, "f:spec": {} });
    json!([{ "manager": "test", "operation": "Apply", "fieldsV1": fields }])
}

async fn answer(seen: Arc<Mutex<Seen>>, request: http::Request<Body>) -> Answer {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    let mut seen = seen.lock().unwrap();
    seen.version += 1;
    if path.ends_with("/status") {
        if body.is_array() {
            return testing::answer(200, &json!({})); // removes what another client wrote
        }
        seen.status = body["status"].take();
    } else if let Some(code) = seen.code {
        return testing::answer(code, &json!({ "message": "not now" }));
    } else if method == Method::DELETE {
        seen.deletions += 1;
    } else {
        seen.annotations = body["metadata"]["annotations"].clone();
        let image = &body["spec"]["template"]["spec"]["containers"][0]["image"];
        seen.images.push(image.as_str().unwrap().to_owned());
    }
    body["metadata"]["uid"] = "uid-of-web".into();
    body["metadata"]["resourceVersion"] = (100 + seen.version).to_string().into();
    body["metadata"]["managedFields"] = entry();
    testing::answer(200, &json!({ "metadata": body["metadata"] }))
}

fn engine(seen: &Arc<Mutex<Seen>>) -> Arc<Engine> {
    let server = Arc::clone(seen);
    let api = testing::api("test", move |request| answer(Arc::clone(&server), request));
    testing::engine(&Registry::new("test").with(Imaged), api)
}

impl Cluster {
    /// A Page whose Deployment runs the image `web:1`, and a limiter that holds everything back.
    async fn running() -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let engine = engine(&seen);
        let mut cluster = Self { engine, seen, generation: 0 };
        cluster.read("web:1", None);
        cluster.edit();
        assert_eq!(cluster.run().await, ["web:1"]);
        cluster.limit(0);
        cluster
    }

    /// Another process: only the cluster remembers anything.
    fn restart(&mut self) {
        self.engine = engine(&self.seen);
        self.show(None);
        let mut deployment = child("web", 500);
        deployment["metadata"]["annotations"] = self.seen.lock().unwrap().annotations.clone();
        deployment["metadata"]["managedFields"] = entry();
        observed(&self.engine, &deployment);
        self.limit(0);
    }

    fn limit(&mut self, per_minute: u32) {
        let state = &mut Arc::get_mut(&mut self.engine).unwrap().controllers[0];
        state.rollouts = RolloutLimiter::running(Rate { per_minute, burst: 5 });
    }

    /// The ConfigMap names this image, and has this annotation.
    fn read(&self, image: &str, allowance: Option<&str>) {
        let mut config = ConfigMap::default();
        (config.metadata.name, config.metadata.namespace) =
            (Some("images".to_owned()), Some("ns".to_owned()));
        config.data = Some([("image".to_owned(), image.to_owned())].into());
        config.metadata.annotations =
            allowance.map(|value| [(labels::ALLOW_ROLLOUT.to_owned(), value.to_owned())].into());
        let config: Arc<dyn AnyObject> = Arc::new(config);
        let type_id = <(ConfigMap,)>::read()[0].type_id;
        self.engine.reads.observe(type_id, &config);
    }

    /// The watch shows a new generation of the Page, with the last status.
    fn edit(&mut self) {
        self.generation += 1;
        self.show(None);
    }

    /// The Page as the API server sends it, in a new version.
    fn page(&self) -> Value {
        let mut seen = self.seen.lock().unwrap();
        seen.version += 1;
        let mut page = resource("Page", Some("ns"), 100 + seen.version);
        page["metadata"]["generation"] = self.generation.into();
        page["status"] = seen.status.clone();
        page
    }

    fn show(&self, allowance: Option<&str>) {
        let mut page = self.page();
        if let Some(value) = allowance {
            page["metadata"]["annotations"] = json!({ labels::ALLOW_ROLLOUT: value });
        }
        known(&self.engine, &page);
    }

    /// Runs once. Returns the images that were written.
    async fn run(&self) -> Vec<String> {
        let _ = reconcile(&self.engine, &web()).await;
        std::mem::take(&mut self.seen.lock().unwrap().images)
    }

    /// The condition `RolloutPending`, if the status has it.
    fn condition(&self) -> Option<String> {
        let seen = self.seen.lock().unwrap();
        let conditions = seen.status["conditions"].as_array().unwrap();
        let pending = conditions.iter().find(|c| c["type"] == ROLLOUT_PENDING)?;
        let text = format!("{} {}: {}", pending["status"], pending["reason"], pending["message"]);
        Some(text.replace('"', ""))
    }

    /// The message of the condition `RolloutPending`, if the status has it.
    fn pending(&self) -> Option<String> {
        Some(self.condition()?.strip_prefix("True ").unwrap().to_owned())
    }

    fn ready(&self) -> String {
        let seen = self.seen.lock().unwrap();
        let conditions = seen.status["conditions"].as_array().unwrap();
        let ready = conditions.iter().find(|c| c["type"] == "Ready").unwrap();
        format!("{}: {}", ready["reason"], ready["message"]).replace('"', "")
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_without_an_edit_waits_and_says_why() {
    let cluster = Cluster::running().await;
    cluster.read("web:2", None);
    assert_eq!(cluster.run().await, [""; 0]);
    assert_eq!(
        cluster.pending().unwrap(),
        "SwitchedOff: Deployment web would replace or stop its pods. No edit of this Page causes \
         this change, but a new version of the operator or an object that it reads. The operator \
         runs with --rollouts-per-minute 0. To let it pass now: kubectl annotate \
         pages.test.example.com web -n ns kubewright.dev/allow-rollout=true"
    );
    assert_eq!(cluster.engine.controllers[0].rollouts.waiting(), 1);
    cluster.read("web:1", None);
    assert_eq!(cluster.run().await, [""; 0]);
    assert_eq!(cluster.pending(), None, "the cause is gone");
    assert_eq!(cluster.engine.controllers[0].rollouts.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_applied_at_once_with_all_that_waits() {
    let mut cluster = Cluster::running().await;
    cluster.read("web:2", None);
    assert_eq!(cluster.run().await, [""; 0]);
    cluster.edit();
    assert_eq!(cluster.run().await, ["web:2"]);
    assert_eq!(cluster.pending(), None);
}

#[tokio::test(start_paused = true)]
async fn an_edit_whose_write_failed_is_still_an_edit() {
    let mut cluster = Cluster::running().await;
    cluster.read("web:2", None);
    cluster.edit();
    cluster.seen.lock().unwrap().code = Some(500);
    assert_eq!(cluster.run().await, [""; 0]);
    cluster.seen.lock().unwrap().code = None;
    assert_eq!(cluster.run().await, ["web:2"], "the status shows the generation already");
    cluster.read("web:3", None);
    assert_eq!(cluster.run().await, [""; 0], "the edit is applied");
}

#[tokio::test(start_paused = true)]
async fn an_edit_whose_write_failed_is_still_an_edit_after_a_restart() {
    let mut cluster = Cluster::running().await;
    cluster.read("web:2", None);
    cluster.edit();
    cluster.seen.lock().unwrap().code = Some(500);
    assert_eq!(cluster.run().await, [""; 0]);
    assert!(cluster.condition().unwrap().starts_with("False EditUnfinished: The last edit of "));
    cluster.seen.lock().unwrap().code = None;
    cluster.restart();
    cluster.read("web:2", None);
    assert_eq!(cluster.run().await, ["web:2"]);
    assert_eq!(cluster.condition(), None);
    cluster.restart();
    cluster.read("web:3", None);
    assert_eq!(cluster.run().await, [""; 0], "the edit is applied");
}

#[tokio::test(start_paused = true)]
async fn a_withdrawal_that_failed_goes_on_after_a_restart() {
    let mut cluster = Cluster::running().await;
    cluster.read("none", None);
    cluster.edit();
    cluster.seen.lock().unwrap().code = Some(500);
    assert!(matches!(reconcile(&cluster.engine, &web()).await, RunOutcome::Failed(_)));
    cluster.seen.lock().unwrap().code = None;
    cluster.restart();
    cluster.read("none", None);
    assert_eq!(reconcile(&cluster.engine, &web()).await, RunOutcome::Stalled);
    assert_eq!(cluster.seen.lock().unwrap().deletions, 1);
    assert_eq!(cluster.condition(), None);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_a_defect_interrupted_is_still_an_edit() {
    let mut cluster = Cluster::running().await;
    cluster.edit();
    let (key, page) = (web(), cluster.engine.controllers[0].resources.get(&web().key).unwrap());
    let ctx = RunContext::new(&cluster.engine, &key, page);
    let _ = crate::work::run::report_defect(&ctx, "the operator panicked").await;
    cluster.restart();
    cluster.read("web:2", None);
    assert_eq!(cluster.run().await, ["web:2"]);
}

/// The images that are written, and the number of deletions, after this change of what the API
/// server sends for a Page that was not edited.
async fn after(change: impl Fn(&mut Value)) -> (Vec<String>, usize) {
    let mut cluster = Cluster::running().await;
    cluster.restart();
    let mut page = cluster.page();
    page["metadata"]["managedFields"] = managed_status(&page["status"]);
    change(&mut page);
    let mut feed = resource_feed(&cluster.engine);
    upsert_resource(&mut feed, &page);
    drop(feed);
    cluster.read("none", None);
    let _ = reconcile(&cluster.engine, &web()).await;
    upsert_resource(&mut resource_feed(&cluster.engine), &page);
    cluster.read("web:2", None);
    let images = cluster.run().await;
    let deletions = cluster.seen.lock().unwrap().deletions;
    (images, deletions)
}

#[tokio::test(start_paused = true)]
async fn a_resource_whose_generation_is_not_in_our_status_counts_as_not_edited() {
    let nothing = (Vec::new(), 0);
    assert_eq!(after(|_| ()).await, nothing, "the status is ours");
    let cleared = after(|page| page["metadata"]["managedFields"] = json!([])).await;
    assert_eq!(cleared, nothing, "managedFields were cleared");
    let renamed = |page: &mut Value| page["metadata"]["managedFields"][0]["manager"] = "old".into();
    assert_eq!(after(renamed).await, nothing, "the field manager was renamed");
    let removed = |page: &mut Value| {
        page["status"].as_object_mut().unwrap().remove("observedGeneration");
    };
    assert_eq!(after(removed).await, nothing, "another client removed the generation");
    let unreadable = |page: &mut Value| page["status"]["conditions"] = "of another version".into();
    assert_eq!(after(unreadable).await, nothing, "the status has another form");
    let (_, deletions) = after(|page| page["status"] = Value::Null).await;
    assert_eq!(deletions, 1, "a resource without a status is new");
}

#[tokio::test(start_paused = true)]
async fn an_annotation_of_the_resource_or_of_a_read_object_lets_a_change_pass() {
    for (own, read, passes) in [
        (Some("true"), None, true),
        (None, Some("true"), true),
        (Some("9999-01-01T00:00:00Z"), None, true),
        (Some("2020-01-01T00:00:00Z"), Some("no"), false),
    ] {
        let cluster = Cluster::running().await;
        cluster.read("web:2", read);
        cluster.show(own);
        assert_eq!(!cluster.run().await.is_empty(), passes, "{own:?}, {read:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_lets_a_change_pass() {
    let mut cluster = Cluster::running().await;
    cluster.limit(10);
    cluster.read("web:2", None);
    assert_eq!(cluster.run().await, ["web:2"]);
    assert_eq!(cluster.pending(), None);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_child_is_created_at_once() {
    let cluster = Cluster::running().await;
    let key = kubewright_core::ObjectKey::new("ns", "web");
    cluster.engine.controllers[0].children[0].remove(&key, u64::MAX);
    assert_eq!(cluster.run().await, ["web:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_an_edit_keeps_what_runs() {
    let mut cluster = Cluster::running().await;
    cluster.read("none", None);
    assert_eq!(reconcile(&cluster.engine, &web()).await, RunOutcome::Stalled);
    assert_eq!(cluster.seen.lock().unwrap().deletions, 0);
    assert_eq!(
        cluster.ready(),
        "NoImage: there is no image; its objects are kept, because no edit of this Page caused this"
    );
    cluster.edit();
    assert_eq!(reconcile(&cluster.engine, &web()).await, RunOutcome::Stalled);
    assert_eq!(cluster.seen.lock().unwrap().deletions, 1, "its own edit withdraws it");
    assert_eq!(cluster.ready(), "NoImage: there is no image");
}

#[test]
fn numbers_in_messages_change_rarely() {
    let rounded: Vec<_> = [0, 1, 3, 5, 6, 99, 200, 201].into_iter().map(round_up).collect();
    let steps = [0, 1, 5, 5, 10, 100, 200].map(Some);
    assert_eq!(rounded, [&steps[..], &[None]].concat());
}
