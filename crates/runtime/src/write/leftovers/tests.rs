//! Runs that drop a field, against an API server that is a function.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use http::Method;
use http_body_util::BodyExt as _;
use kubewright_core::{Class, ObjectKey, Registry};
use serde_json::{Value, json};

use crate::testing::{self, Pages, child, known, observed, resource, web};
use crate::work::context::RunOutcome;
use crate::work::run::reconcile;

/// The ConfigMap of the Page, of which `them` and we own `data.old`, in this version.
fn shared(version: u64) -> Value {
    let mut object = child("web", version);
    let fields = json!({ "f:data": { "f:old": {} } });
    let entry = |manager: &str| {
        json!({ "manager": manager, "operation": "Apply", "apiVersion": "v1",
            "fieldsType": "FieldsV1", "fieldsV1": fields })
    };
    object["metadata"]["managedFields"] = json!([entry("them"), entry("test")]);
    object
}

/// A run if the patch of `managedFields` is answered with these codes, one after the other.
/// Returns its outcome, the message of `Ready`, and the requests for the child.
async fn run(codes: &[u16]) -> (RunOutcome, String, Vec<(String, Value)>) {
    let requests = Arc::new(Mutex::new(Vec::<(String, Value)>::new()));
    let codes = Arc::new(Mutex::new(codes.to_vec()));
    let log = Arc::clone(&requests);
    let api = testing::api("test", move |request| {
        let (log, codes) = (Arc::clone(&log), Arc::clone(&codes));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            if head.uri.path().ends_with("/status") {
                let metadata = json!({ "name": "web", "uid": "u-1", "resourceVersion": "99" });
                return testing::answer(200, &json!({ "metadata": metadata }));
            }
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            let is_json_patch = body.is_array();
            let what = if is_json_patch { "disown".to_owned() } else { head.method.to_string() };
            let version = 10 + log.lock().unwrap().len() as u64;
            log.lock().unwrap().push((what, body));
            match head.method {
                Method::PATCH if is_json_patch => match codes.lock().unwrap().remove(0) {
                    200 => testing::answer(200, &shared(version)),
                    code => testing::rejection(code, "not so", &json!([])),
                },
                _ => testing::answer(200, &shared(version)),
            }
        }
    });
    let engine = testing::engine(&Registry::new("test").with(Pages), api);
    known(&engine, &resource("Page", Some("ns"), 1));
    observed(&engine, &shared(5));
    let outcome = reconcile(&engine, &web()).await;
    let status = engine.controller(0).written_statuses.last(&web().key).unwrap().1;
    let message = status["conditions"][0]["message"].as_str().unwrap().to_owned();
    assert!(engine.controller(0).children[0].get(&ObjectKey::new("ns", "web")).is_some());
    let requests = requests.lock().unwrap().clone();
    (outcome, message, requests)
}

fn names(requests: &[(String, Value)]) -> Vec<&str> {
    requests.iter().map(|(name, _)| &**name).collect()
}

#[tokio::test]
async fn a_dropped_field_is_taken_from_the_other_manager_before_the_apply() {
    let (outcome, _, requests) = run(&[200]).await;
    assert_eq!((outcome, names(&requests)), (RunOutcome::Done, vec!["GET", "disown", "PATCH"]));
    let expected = json!([
        { "op": "replace", "path": "/metadata/resourceVersion", "value": "10" },
        { "op": "remove", "path": "/metadata/managedFields/0" },
    ]);
    assert_eq!(requests[1].1, expected);
    let metadata = &requests[2].1["metadata"];
    assert_eq!(
        (&metadata["uid"], &metadata["resourceVersion"]),
        (&"uid-of-web".into(), &"11".into())
    );
}

#[tokio::test]
async fn a_change_between_the_two_requests_starts_again_from_the_new_version() {
    let (outcome, _, requests) = run(&[409, 200]).await;
    let expected = vec!["GET", "disown", "GET", "GET", "disown", "PATCH"];
    assert_eq!((outcome, names(&requests)), (RunOutcome::Done, expected));
    assert_eq!(requests[4].1[0]["value"], "13");
}

#[tokio::test]
async fn a_field_that_cannot_be_taken_is_reported_with_its_manager() {
    let (outcome, message, requests) = run(&[403]).await;
    assert_eq!(outcome, RunOutcome::Failed(Class::Transient));
    assert_eq!(names(&requests), ["GET", "disown"], "the field would stay");
    for part in ["data.old is no longer wanted", r#"the manager "them" (Apply)"#, "not so"] {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}
