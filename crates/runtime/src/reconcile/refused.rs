//! What becomes of the objects of a resource that is refused: they are kept, or withdrawn where the
//! operator says so.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use http::Method;
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use kubewright_core::{Children, Invalid, ObjectKey, Observed, Operator, Registry, Sample, View};
use serde_json::{Value, json};

use super::{End, reconcile};
use crate::engine::Engine;
use crate::queue::WorkKey;
use crate::testing::{self, Answer, Page, PageStatus, child, known, observed, resource};

/// Refuses each Page, and has withdrawn what was made for one that is annotated so.
struct Strict;

impl Operator for Strict {
    const NAME: &'static str = "strict";
    type Resource = Page;
    type Owns = (ConfigMap,);
    type Reads = ();

    fn build(&self, page: &Page, _: &View<'_, ()>) -> Result<Children<Self::Owns>, Invalid> {
        let refused = Invalid::new("Broken", "write another text");
        Err(if page.metadata.annotations.is_some() { refused.withdraw() } else { refused })
    }

    fn status(&self, _: &Page, _: &Observed<'_, Self::Owns>) -> PageStatus {
        PageStatus::default()
    }

    fn samples() -> Vec<Sample<Page>> {
        Vec::new()
    }
}

/// What was deleted, with which preconditions, and what `Ready` and `Stalled` said last.
#[derive(Clone, Default)]
struct Server {
    deleted: Arc<Mutex<Vec<(String, Value)>>>,
    told: Arc<Mutex<Vec<String>>>,
    /// What it answers to a delete.
    code: u16,
}

impl Server {
    async fn answer(self, request: http::Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let body: Value =
            serde_json::from_slice(&request.into_body().collect().await.unwrap().to_bytes())
                .unwrap();
        if path.ends_with("/status") {
            let conditions = body["status"]["conditions"].as_array().unwrap();
            let says =
                |type_: &str| conditions.iter().find(|c| c["type"] == type_).unwrap().clone();
            let (ready, stalled) = (says("Ready"), says("Stalled"));
            let told = format!(
                "{} {}: {}, {}",
                ready["status"], ready["reason"], ready["message"], stalled["status"]
            );
            self.told.lock().unwrap().push(told.replace('"', ""));
        }
        if method == Method::DELETE {
            self.deleted.lock().unwrap().push((path, body["preconditions"].clone()));
            return testing::answer(self.code, &json!({ "message": "not now" }));
        }
        testing::answer(200, &child("web", 7))
    }

    /// Two runs of a Page that is annotated so, which has a ConfigMap beside which there is one of
    /// somebody else.
    async fn run(&self, annotations: Option<Value>) -> [End; 2] {
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
        let key = WorkKey { controller: 0, key: ObjectKey::new("ns", "web") };
        let first = reconcile(&engine, &key).await;
        let mut going = child("web", 3);
        going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        observed(&engine, &going);
        [first, reconcile(&engine, &key).await]
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_made_before_is_kept_where_the_operator_says_nothing_of_it() {
    let server = Server { code: 200, ..Server::default() };
    assert_eq!(server.run(None).await, [End::Parked, End::Parked]);
    assert_eq!(*server.deleted.lock().unwrap(), []);
    assert_eq!(*server.told.lock().unwrap(), ["False Broken: write another text, True"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_made_before_is_withdrawn_once_and_exactly_that_where_the_operator_says_so() {
    let server = Server { code: 200, ..Server::default() };
    assert_eq!(server.run(Some(json!({ "a": "b" }))).await, [End::Parked, End::Parked]);
    let preconditions = json!({ "uid": "uid-of-web", "resourceVersion": "1" });
    assert_eq!(
        *server.deleted.lock().unwrap(),
        [("/api/v1/namespaces/ns/configmaps/web".to_owned(), preconditions)]
    );
    assert_eq!(
        *server.told.lock().unwrap(),
        ["False Broken: write another text, True"],
        "the refusal, and nothing else"
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_withdrawn_is_told_beside_the_refusal_and_tried_again() {
    let server = Server { code: 500, ..Server::default() };
    let [first, then] = server.run(Some(json!({ "a": "b" }))).await;
    assert!(matches!(first, End::Failed(_)), "{first:?}");
    assert_eq!(then, End::Parked, "somebody else has deleted it");
    let told = server.told.lock().unwrap();
    let left = "write another text; ConfigMap web is no longer wanted and could not be deleted: ";
    assert!(
        told[0].starts_with(&format!("False Broken: {left}")) && told[0].ends_with(", True"),
        "{told:?}"
    );
    assert_eq!(told[1], "False Broken: write another text, True");
}
