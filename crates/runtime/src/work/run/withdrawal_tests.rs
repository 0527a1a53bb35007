//! What happens to the objects of an invalid resource: they stay, or the resource is withdrawn.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use http::Method;
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use kubewright_core::{
    Children, Invalid, Observed, Operator, Readiness, Registry, Report, Status, View,
};
use serde_json::{Value, json};

use super::{RunOutcome, reconcile};
use crate::engine::Engine;
use crate::testing::{self, Answer, Page, child, known, observed, resource, web};

/// Each Page is invalid. A Page with an annotation is withdrawn.
struct Strict;

impl Operator for Strict {
    const NAME: &'static str = "strict";
    type Resource = Page;
    type Owns = (ConfigMap,);
    type Reads = ();
    type Facts = ();

    fn build(&self, page: &Page, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let invalid = Invalid::new("Broken", "write another text");
        if page.metadata.annotations.is_some() {
            return Ok(Children::withdrawn(invalid));
        }
        Err(invalid)
    }

    fn report(&self, _: &Page, observed: &Observed<'_, Self>, (): &()) -> Report<Status> {
        let ready = Readiness::Ready("ignored, because the resource is invalid".to_owned());
        Report::new(observed, Status::default()).with_readiness(ready)
    }
}

/// Records deletions with their preconditions, and the conditions `Ready` and `Stalled`.
#[derive(Clone, Default)]
struct Server {
    deleted: Arc<Mutex<Vec<(String, Value)>>>,
    conditions: Arc<Mutex<Vec<String>>>,
    /// The answer to a deletion.
    code: u16,
}

impl Server {
    async fn answer(self, request: http::Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        if path.ends_with("/status") {
            let conditions = body["status"]["conditions"].as_array().unwrap();
            let find = |type_| conditions.iter().find(|c| c["type"] == type_).unwrap().clone();
            let (ready, stalled) = (find("Ready"), find("Stalled"));
            let text = format!(
                "{} {}: {}, {}",
                ready["status"], ready["reason"], ready["message"], stalled["status"]
            );
            self.conditions.lock().unwrap().push(text.replace('"', ""));
        }
        if method == Method::DELETE {
            self.deleted.lock().unwrap().push((path, body["preconditions"].clone()));
            return testing::answer(self.code, &json!({ "message": "not now" }));
        }
        testing::answer(200, &child("web", 7))
    }

    /// Two runs of a Page with these annotations. It has a ConfigMap, and the namespace has a
    /// ConfigMap of another owner.
    async fn run(&self, annotations: Option<Value>) -> [RunOutcome; 2] {
        let server = self.clone();
        let engine: Arc<Engine> = testing::engine(
            &Registry::new("test").with(Strict),
            testing::api("test", move |request| server.clone().answer(request)),
        );
        let mut page = resource("Page", Some("ns"), 1);
        page["metadata"]["annotations"] = annotations.unwrap_or_default();
        known(&engine, &page);
        observed(&engine, &child("web", 1));
        let mut foreign = child("foreign", 2);
        foreign["metadata"]["ownerReferences"][0]["uid"] = "u-2".into();
        observed(&engine, &foreign);
        let first = reconcile(&engine, &web()).await;
        let mut terminating = child("web", 3);
        terminating["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        observed(&engine, &terminating);
        [first, reconcile(&engine, &web()).await]
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_resource_keeps_its_objects() {
    let server = Server { code: 200, ..Server::default() };
    assert_eq!(server.run(None).await, [RunOutcome::Stalled; 2]);
    assert_eq!(*server.deleted.lock().unwrap(), []);
    assert_eq!(*server.conditions.lock().unwrap(), ["False Broken: write another text, True"]);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_resource_loses_exactly_its_own_objects_once() {
    let server = Server { code: 200, ..Server::default() };
    let outcomes = server.run(Some(json!({ "a": "b" }))).await;
    assert_eq!(outcomes, [RunOutcome::Stalled; 2]);
    let preconditions = json!({ "uid": "uid-of-web", "resourceVersion": "1" });
    assert_eq!(
        *server.deleted.lock().unwrap(),
        [("/api/v1/namespaces/ns/configmaps/web".to_owned(), preconditions)]
    );
    assert_eq!(
        *server.conditions.lock().unwrap(),
        ["False Broken: write another text, True"],
        "the status has the message of `Invalid` only"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_deletion_is_reported_after_the_message_of_invalid_and_retried() {
    let server = Server { code: 500, ..Server::default() };
    let [first, second] = server.run(Some(json!({ "a": "b" }))).await;
    assert!(matches!(first, RunOutcome::Failed(_)), "{first:?}");
    assert_eq!(second, RunOutcome::Stalled, "another client deleted the object");
    let conditions = server.conditions.lock().unwrap();
    let failure = "could not delete ConfigMap web, which is no longer wanted: ";
    assert!(
        conditions[0].starts_with(&format!("False Broken: write another text; {failure}"))
            && conditions[0].ends_with(", True"),
        "{conditions:?}"
    );
    assert_eq!(conditions[1], "False Broken: write another text, True");
}
