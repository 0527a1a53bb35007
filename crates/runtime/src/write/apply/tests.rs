//! Runs against an API server that is a function.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use kube::client::Body;
use kubewright_core::Registry;
use serde_json::{Value, json};

use super::*;
use crate::engine::Engine;
use crate::key::WorkKey;
use crate::testing::{self, Answer, Pages, Singles, Sites, child, known, observed, resource, web};
use crate::work::backoff::Delays;
use crate::work::context::RunOutcome;
use crate::work::run::reconcile;

/// The methods and paths of requests.
type Requests = Arc<Mutex<Vec<String>>>;

/// An API server on which the namespace `doomed` is being deleted. It accepts everything else.
fn with_terminating_namespace(
    requests: &Requests,
) -> impl Fn(http::Request<Body>) -> std::future::Ready<Answer> + Clone + Send + 'static {
    let requests = Arc::clone(requests);
    move |request| {
        let path = request.uri().path().to_owned();
        requests.lock().unwrap().push(format!("{} {path}", request.method()));
        std::future::ready(if path.contains("/namespaces/doomed/configmaps") {
            let causes = json!([{ "reason": "NamespaceTerminating" }]);
            testing::rejection(403, "the namespace doomed is being terminated", &causes)
        } else {
            let mut object = child("web", 7);
            object["metadata"]["namespace"] = "other".into();
            testing::answer(200, &object)
        })
    }
}

/// One run for one resource of the first operator. Returns its outcome and its requests.
async fn run(registry: &Registry, resource: &Value, key: ObjectKey) -> (RunOutcome, Vec<String>) {
    let requests = Requests::default();
    let engine = testing::engine(
        registry,
        testing::api(registry.name(), with_terminating_namespace(&requests)),
    );
    known(&engine, resource);
    let end = reconcile(&engine, &WorkKey { controller: 0, key }).await;
    let requests = requests.lock().unwrap().clone();
    (end, requests)
}

#[tokio::test]
async fn a_resource_in_a_terminating_namespace_is_skipped_silently() {
    let registry = Registry::new("test").with(Pages);
    let (end, requests) =
        run(&registry, &resource("Page", Some("doomed"), 1), ObjectKey::new("doomed", "web")).await;
    assert_eq!(end, RunOutcome::Done);
    assert_eq!(
        requests,
        ["PATCH /api/v1/namespaces/doomed/configmaps/web"],
        "no status is written"
    );
}

#[tokio::test]
async fn a_cluster_scoped_resource_reports_a_terminating_namespace_and_creates_its_other_children()
{
    let registry = Registry::new("test").with(Sites);
    let (end, requests) =
        run(&registry, &resource("Site", None, 1), ObjectKey::cluster("web")).await;
    assert_eq!(end, RunOutcome::Failed(Class::Transient), "the run is retried");
    let expected = [
        "PATCH /api/v1/namespaces/doomed/configmaps/web",
        "PATCH /api/v1/namespaces/other/configmaps/web",
        "PATCH /apis/test.example.com/v1/sites/web/status",
    ];
    assert_eq!(requests, expected);
}

/// The result of a deletion that is answered with this code.
async fn deleted(code: u16) -> Result<bool, DeleteFailure> {
    let registry = Registry::new("test").with(Pages);
    let api = testing::api("test", move |_| {
        std::future::ready(testing::rejection(code, "not allowed", &json!([])))
    });
    let engine = testing::engine(&registry, api);
    known(&engine, &resource("Page", Some("ns"), 1));
    let (controller, key) = (engine.controller(0), web());
    let resource = controller.resources.get(&key.key).unwrap();
    let ctx = RunContext::new(&engine, &key, resource);
    let (kind, key) = (controller.children[0].kind.clone(), ObjectKey::new("ns", "old"));
    prune(&ctx, &Deletion { kind, key, uid: "u-2".into(), resource_version: 7 }).await
}

#[tokio::test]
async fn a_rejected_deletion_is_a_failure_with_the_class_of_the_error() {
    assert!(matches!(deleted(404).await, Ok(true)));
    for (code, class) in [
        (403, Class::Transient),
        (409, Class::Transient),
        (422, Class::Invalid),
        (500, Class::Transient),
    ] {
        let Err(failure) = deleted(code).await else { panic!("{code}") };
        let message = "could not delete ConfigMap old, which is no longer wanted: not allowed";
        assert_eq!((failure.class, &*failure.message), (class, message), "{code}");
    }
}

/// The outcome of a run for a Site, whose kinds are optional and served, if the answers for its
/// children are 404 with this body.
async fn not_found(body: Value) -> RunOutcome {
    let api = testing::api("test", move |request| {
        let is_status = request.uri().path().ends_with("/status");
        std::future::ready(if is_status {
            testing::answer(
                200,
                &json!({ "metadata": { "name": "web", "uid": "u-1", "resourceVersion": "9" } }),
            )
        } else {
            testing::answer(404, &body)
        })
    });
    let engine = testing::engine(&Registry::new("test").with(Sites), api);
    known(&engine, &resource("Site", None, 1));
    reconcile(&engine, &WorkKey { controller: 0, key: ObjectKey::cluster("web") }).await
}

#[tokio::test]
async fn not_found_is_retried_while_the_kind_is_served() {
    let namespace = json!({ "reason": "NotFound", "message": "namespaces \"doomed\" not found" });
    assert_eq!(
        not_found(namespace).await,
        RunOutcome::Failed(Class::Transient),
        "no event shows that the namespace exists"
    );
    let message = "the server could not find the requested resource";
    let server = json!({ "reason": "NotFound", "message": message });
    assert_eq!(
        not_found(server).await,
        RunOutcome::Failed(Class::Transient),
        "one API server of several may be behind"
    );
}

/// An API server that accepts everything and records the methods of requests for children. Each
/// request creates a version above 10.
fn accepting(
    requests: &Requests,
) -> impl Fn(http::Request<Body>) -> std::future::Ready<Answer> + Clone + Send + 'static {
    let requests = Arc::clone(requests);
    move |request| {
        let mut requests = requests.lock().unwrap();
        let mut body = child("web", 10 + requests.len() as u64);
        if request.uri().path().ends_with("/status") {
            body["metadata"]["uid"] = "u-1".into();
        } else {
            requests.push(request.method().to_string());
            body = child("web", 10 + requests.len() as u64);
        }
        std::future::ready(testing::answer(200, &body))
    }
}

fn count(requests: &Requests, method: &str) -> usize {
    requests.lock().unwrap().iter().filter(|request| *request == method).count()
}

/// The message of `Ready` in the last written status.
fn message(engine: &Engine) -> String {
    let (_, status) = engine.controller(0).written_statuses.last(&web().key).unwrap();
    status["conditions"][0]["message"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_child_that_another_client_deletes_repeatedly_is_created_less_often_and_reported() {
    let requests = Requests::default();
    let engine = testing::engine(
        &Registry::new("test").with(Pages),
        testing::api("test", accepting(&requests)),
    );
    known(&engine, &resource("Page", Some("ns"), 1));
    for _ in 0..100 {
        reconcile(&engine, &web()).await;
        engine.controller(0).children[0]
            .remove(&web().key, 10 + requests.lock().unwrap().len() as u64);
    }
    assert_eq!(count(&requests, "PATCH"), 30);
    assert!(message(&engine).contains(conflict::DELETED_REPEATEDLY), "{}", message(&engine));
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    assert_eq!(
        reconcile(&engine, &web()).await,
        RunOutcome::Done,
        "one write every two seconds is allowed"
    );
}

#[tokio::test(start_paused = true)]
async fn an_object_that_another_client_creates_repeatedly_is_deleted_less_often_and_reported() {
    let requests = Requests::default();
    let engine = testing::engine(
        &Registry::new("test").with(Pages),
        testing::api("test", accepting(&requests)),
    );
    known(&engine, &resource("Page", Some("ns"), 1));
    for _ in 0..100 {
        let version = 11 + requests.lock().unwrap().len() as u64;
        observed(&engine, &child("extra", version));
        reconcile(&engine, &web()).await;
        engine.controller(0).children[0].remove(&ObjectKey::new("ns", "extra"), version);
    }
    assert_eq!(count(&requests, "DELETE"), 30);
    assert!(message(&engine).contains(conflict::CREATED_REPEATEDLY), "{}", message(&engine));
}

#[tokio::test]
async fn an_object_of_another_owner_is_left_alone_and_one_of_a_deleted_owner_is_awaited() {
    for (api_version, end) in [
        ("test.example.com/v1", RunOutcome::Repeat),
        ("test.example.com/v2", RunOutcome::Repeat),
        ("other.example.com/v1", RunOutcome::Failed(Class::NotOwned)),
    ] {
        let engine = testing::engine(
            &Registry::new("test").with(Pages),
            testing::api("test", accepting(&Requests::default())),
        );
        known(&engine, &resource("Page", Some("ns"), 1));
        let mut theirs = child("web", 5);
        let owner = &mut theirs["metadata"]["ownerReferences"][0];
        (owner["uid"], owner["apiVersion"]) = ("u-2".into(), api_version.into());
        observed(&engine, &theirs);
        assert_eq!(reconcile(&engine, &web()).await, end, "{api_version}");
    }
}

#[tokio::test]
async fn a_retry_delay_of_the_api_server_is_respected() {
    let body = json!({ "message": "busy", "details": { "retryAfterSeconds": 77 } });
    let api = testing::api("test", move |_| std::future::ready(testing::answer(429, &body)));
    let engine = testing::engine(&Registry::new("test").with(Pages), api);
    known(&engine, &resource("Page", Some("ns"), 1));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Failed(Class::Transient));
    let delay = engine.retries.failed(&web(), Some(1), Delays::USUAL);
    assert!((76..=77).contains(&delay.as_secs()), "{delay:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_of_another_owner_is_reported_as_such_in_every_run() {
    let api = testing::api("test", |request| {
        let is_status = request.uri().path().ends_with("/status");
        std::future::ready(match *request.method() {
            _ if is_status => testing::answer(
                200,
                &json!({ "metadata": { "name": "web", "uid": "u-1", "resourceVersion": "9" } }),
            ),
            http::Method::GET => {
                let metadata = json!({ "name": "web", "uid": "theirs", "resourceVersion": "5" });
                let mut object = json!({ "metadata": metadata });
                object["metadata"]["namespace"] = "ns".into();
                testing::answer(200, &object)
            }
            _ => testing::rejection(409, "it exists", &json!([])),
        })
    });
    let engine = testing::engine(&Registry::new("test").with(Pages), api);
    known(&engine, &resource("Page", Some("ns"), 1));
    for round in 0..100 {
        let end = reconcile(&engine, &web()).await;
        assert_eq!(end, RunOutcome::Failed(Class::NotOwned), "{round}: {}", message(&engine));
    }
}

/// An API server that accepts everything, answers deletions with this, and records the requests for
/// children.
fn deleting(
    requests: &Requests,
    (code, answer): (u16, Value),
) -> impl Fn(http::Request<Body>) -> std::future::Ready<Answer> + Clone + Send + 'static {
    let requests = Arc::clone(requests);
    move |request| {
        let path = request.uri().path();
        let (mut requests, is_child) = (requests.lock().unwrap(), path.contains("/configmaps/"));
        if is_child {
            requests.push(format!("{} {}", request.method(), path.rsplit('/').next().unwrap()));
        }
        let mut body = child("web", 20 + requests.len() as u64);
        if !is_child {
            body["metadata"]["uid"] = "u-1".into();
        }
        let is_deletion = *request.method() == http::Method::DELETE;
        std::future::ready(if is_deletion {
            testing::answer(code, &answer)
        } else {
            testing::answer(200, &body)
        })
    }
}

/// A run for a resource that has the object `old` and wants `web` in its place, if the deletion is
/// answered with this.
async fn replaced(answer: (u16, Value)) -> (Arc<Engine>, Requests, RunOutcome) {
    let requests = Requests::default();
    let engine = testing::engine(
        &Registry::new("test").with(Singles),
        testing::api("test", deleting(&requests, answer)),
    );
    known(&engine, &resource("Page", Some("ns"), 1));
    observed(&engine, &child("old", 5));
    let end = reconcile(&engine, &web()).await;
    (engine, requests, end)
}

#[tokio::test]
async fn an_object_that_is_gone_at_once_is_replaced_in_the_same_run() {
    let as_it_was = child("old", 5);
    for answer in [json!({ "kind": "Status", "status": "Success", "metadata": {} }), as_it_was] {
        let (_, requests, end) = replaced((200, answer)).await;
        assert_eq!(
            (&*requests.lock().unwrap(), end),
            (&vec!["DELETE old".to_owned(), "PATCH web".to_owned()], RunOutcome::Done)
        );
    }
    let (_, requests, _) =
        replaced((404, json!({ "kind": "Status", "code": 404, "message": "gone" }))).await;
    assert_eq!(
        *requests.lock().unwrap(),
        ["DELETE old", "PATCH web"],
        "the object was gone already"
    );
}

#[tokio::test]
async fn an_object_with_a_finalizer_is_replaced_after_its_deletion_and_reported_until_then() {
    let mut leaving = child("old", 6);
    leaving["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z".into();
    let (engine, requests, end) = replaced((200, leaving.clone())).await;
    assert_eq!(
        (&*requests.lock().unwrap(), end),
        (&vec!["DELETE old".to_owned()], RunOutcome::Done),
        "the new object is not created"
    );
    let expected = "ConfigMap web replaces ConfigMap old; ";
    assert!(message(&engine).starts_with(expected), "{}", message(&engine));
    observed(&engine, &leaving);
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(*requests.lock().unwrap(), ["DELETE old"], "the deletion is requested once");

    let woken = engine.controller(0).children[0].remove(&ObjectKey::new("ns", "old"), 7);
    assert_eq!(woken, ["u-1".into()], "the deletion wakes the resource");
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(*requests.lock().unwrap(), ["DELETE old", "PATCH web"]);
}

#[tokio::test]
async fn an_object_whose_deletion_is_rejected_is_not_replaced_and_the_run_is_retried() {
    let rejected =
        json!({ "kind": "Status", "status": "Failure", "code": 403, "message": "not allowed" });
    let (engine, requests, end) = replaced((403, rejected)).await;
    assert_eq!(
        (&*requests.lock().unwrap(), end),
        (&vec!["DELETE old".to_owned()], RunOutcome::Failed(Class::Transient))
    );
    let expected = "could not delete ConfigMap old, which is no longer wanted: not allowed";
    assert_eq!(message(&engine), expected);
}

#[tokio::test]
async fn an_exclusive_object_that_disappears_during_a_write_is_created_in_a_later_run() {
    let requests = Requests::default();
    let serve = {
        let requests = Arc::clone(&requests);
        move |request: http::Request<Body>| {
            let is_child = request.uri().path().contains("/configmaps/");
            let mut requests = requests.lock().unwrap();
            if is_child {
                requests.push(request.method().to_string());
            }
            std::future::ready(match *request.method() {
                http::Method::GET => testing::rejection(404, "not found", &json!([])),
                _ if is_child => testing::rejection(409, "conflict", &json!([])),
                _ => testing::answer(200, &resource("Page", Some("ns"), 9)),
            })
        }
    };
    let engine = testing::engine(&Registry::new("test").with(Singles), testing::api("test", serve));
    known(&engine, &resource("Page", Some("ns"), 1));
    observed(&engine, &child("web", 5));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Failed(Class::Transient));
    assert_eq!(*requests.lock().unwrap(), ["PATCH", "GET"], "there is no second PATCH");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_while_a_cache_is_stale() {
    use crate::watch::sync::State;

    let requests = Requests::default();
    let engine = testing::engine(
        &Registry::new("test").with(Singles),
        testing::api("test", deleting(&requests, (200, child("old", 5)))),
    );
    known(&engine, &resource("Page", Some("ns"), 1));
    observed(&engine, &child("old", 5));
    let kind = "ConfigMap".to_owned();
    let watch = engine.sync.register("configmaps".to_owned(), kind, vec![0], false, false);
    watch.set(State::Synced);
    watch.set(State::Failing("refused".to_owned()));
    tokio::time::sleep(std::time::Duration::from_secs(121)).await;
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Failed(Class::Transient));
    assert!(requests.lock().unwrap().is_empty(), "{requests:?}");
    let expected = "could not delete ConfigMap old, which is no longer wanted: the watch of \
                    configmaps fails, and the cache may be out of date";
    assert_eq!(message(&engine), expected);
    watch.set(State::Synced);
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(*requests.lock().unwrap(), ["DELETE old", "PATCH web"]);
}
