//! Runs for children without our label, against an API server that is a function.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use http::Method;
use kubewright_core::{Class, ObjectKey, Registry};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::testing::{self, Pages, child, known, observed, resource, web};
use crate::work::context::RunOutcome;
use crate::work::run::reconcile;

type Requests = Arc<Mutex<Vec<String>>>;

/// An engine with the Page `web`, whose API server answers reads of other children than `web` with
/// this, and stores `web` without our label if `is_stripped`.
fn engine(read: (u16, Value), is_stripped: bool) -> (Arc<Engine>, Requests) {
    let requests = Requests::default();
    let log = Arc::clone(&requests);
    let api = testing::api("test", move |request| {
        let path = request.uri().path();
        let name = path.rsplit('/').next().unwrap().to_owned();
        if name == "status" {
            let metadata = json!({ "name": "web", "uid": "u-1", "resourceVersion": "99" });
            return std::future::ready(testing::answer(200, &json!({ "metadata": metadata })));
        }
        let mut requests = log.lock().unwrap();
        requests.push(format!("{} {name}", request.method()));
        let mut web = child("web", 10 + requests.len() as u64);
        if is_stripped {
            web["metadata"]["labels"] = Value::Null;
        }
        std::future::ready(match *request.method() {
            Method::GET => testing::answer(read.0, &read.1),
            Method::DELETE => testing::answer(200, &json!({ "kind": "Status", "metadata": {} })),
            _ => testing::answer(200, &web),
        })
    });
    let engine = testing::engine(&Registry::new("test").with(Pages), api);
    known(&engine, &resource("Page", Some("ns"), 1));
    (engine, requests)
}

fn take(requests: &Requests) -> Vec<String> {
    std::mem::take(&mut requests.lock().unwrap())
}

/// A run after the object `old` disappeared from the watch, if it is read like that.
async fn lost(read: (u16, Value)) -> (RunOutcome, Vec<String>) {
    let (engine, requests) = engine(read, false);
    observed(&engine, &child("old", 5));
    engine.controller(0).children[0].lose(&ObjectKey::new("ns", "old"), 7);
    let outcome = reconcile(&engine, &web()).await;
    if outcome == RunOutcome::Done {
        // A second run has nothing to do for `old`.
        reconcile(&engine, &web()).await;
    }
    let requests = take(&requests).into_iter();
    (outcome, requests.filter(|request| request.ends_with(" old")).collect())
}

#[tokio::test]
async fn an_unwanted_child_that_lost_our_label_is_read_and_deleted() {
    let mut old = child("old", 8);
    old["metadata"]["labels"] = json!({ "app.kubernetes.io/managed-by": "they" });
    let expected = ["GET old", "DELETE old"].map(str::to_owned).to_vec();
    assert_eq!(lost((200, old.clone())).await, (RunOutcome::Done, expected));

    old["metadata"]["ownerReferences"][0]["uid"] = "another".into();
    let expected = vec!["GET old".to_owned()];
    assert_eq!(lost((200, old)).await, (RunOutcome::Done, expected.clone()), "not ours");
    let gone = json!({ "kind": "Status", "code": 404, "message": "gone" });
    assert_eq!(lost((404, gone)).await, (RunOutcome::Done, expected.clone()));
    let failed = json!({ "kind": "Status", "code": 500, "message": "broken" });
    let outcome = RunOutcome::Failed(Class::Transient);
    assert_eq!(lost((500, failed)).await, (outcome, expected), "the run is repeated");
}

#[tokio::test]
async fn a_child_that_is_stored_without_our_label_is_reported_and_each_retry_is_one_request() {
    let (engine, requests) = engine((404, Value::Null), true);
    for _ in 0..3 {
        assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Failed(Class::Denied));
        assert_eq!(take(&requests), ["PATCH web"]);
    }
    let (_, status) = engine.controller(0).written_statuses.last(&web().key).unwrap();
    let message = status["conditions"][0]["message"].as_str().unwrap();
    assert!(message.contains("its label app.kubernetes.io/managed-by"), "{message}");
    engine.resource_deleted(&web(), "u-1");
    assert_eq!(engine.controller(0).children[0].remembered(), 0);
}
