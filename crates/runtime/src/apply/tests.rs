//! What runs come to against an API server that is a function.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use kube::client::Body;
use kubewright_core::Registry;
use serde_json::{Value, json};

use super::*;
use crate::cache::parents::Parent;
use crate::engine::Engine;
use crate::queue::WorkKey;
use crate::reconcile::{End, reconcile};
use crate::testing::{self, Answer, Pages, Singles, Sites, child, known, observed, resource};

/// What was asked for: methods and paths.
type Asked = Arc<Mutex<Vec<String>>>;

/// An API server on which the namespace `doomed` is being deleted; all else is taken.
fn with_a_namespace_that_goes(
    asked: &Asked,
) -> impl Fn(http::Request<Body>) -> std::future::Ready<Answer> + Clone + Send + 'static {
    let asked = Arc::clone(asked);
    move |request| {
        let path = request.uri().path().to_owned();
        asked.lock().unwrap().push(format!("{} {path}", request.method()));
        std::future::ready(if path.contains("/namespaces/doomed/configmaps") {
            let causes = json!([{ "reason": "NamespaceTerminating", "field": "metadata.namespace", "message": "going" }]);
            testing::refusal(403, "the namespace doomed is being terminated", &causes)
        } else {
            let (namespace, name) = ("other", "web");
            let metadata = json!({ "name": name, "namespace": namespace, "uid": "u-2", "resourceVersion": "7" });
            testing::answer(200, &json!({ "metadata": metadata }))
        })
    }
}

/// One run for one resource of the first operator; gives how it ended, and what was asked for.
async fn run(registry: &Registry, resource: &Value, key: ObjectKey) -> (End, Vec<String>) {
    let asked = Asked::default();
    let engine = testing::engine(
        registry,
        testing::api(registry.name(), with_a_namespace_that_goes(&asked)),
    );
    known(&engine, resource);
    let end = reconcile(&engine, &WorkKey { controller: 0, key }).await;
    let asked = asked.lock().unwrap().clone();
    (end, asked)
}

#[tokio::test]
async fn a_resource_goes_silently_with_its_namespace() {
    let registry = Registry::new("test").with(Pages);
    let (end, asked) =
        run(&registry, &resource("Page", Some("doomed"), 1), ObjectKey::new("doomed", "web")).await;
    assert_eq!(end, End::Done);
    assert_eq!(asked, ["PATCH /api/v1/namespaces/doomed/configmaps/web"], "nobody is told");
}

#[tokio::test]
async fn a_resource_of_the_whole_cluster_says_that_a_namespace_goes_and_makes_its_other_children() {
    let registry = Registry::new("test").with(Sites);
    let (end, asked) = run(&registry, &resource("Site", None, 1), ObjectKey::cluster("web")).await;
    assert_eq!(end, End::Failed(Class::Transient), "it is tried again");
    let expected = [
        "PATCH /api/v1/namespaces/doomed/configmaps/web",
        "PATCH /api/v1/namespaces/other/configmaps/web",
        "PATCH /apis/test.example.com/v1/sites/web/status",
    ];
    assert_eq!(asked, expected);
}

/// What an answer to a deletion comes to.
async fn deleted(code: u16) -> Pruned {
    let registry = Registry::new("test").with(Pages);
    let api = testing::api("test", move |_| {
        std::future::ready(testing::refusal(code, "said the server", &json!([])))
    });
    let engine = testing::engine(&registry, api);
    let (running, key) =
        (engine.running(0), WorkKey { controller: 0, key: ObjectKey::new("ns", "web") });
    let object =
        running.controller.decode(resource("Page", Some("ns"), 1).to_string().as_bytes()).unwrap();
    running.parents.observe(Parent::new(object, 1), None, crate::cache::Epoch::default());
    let parent = running.parents.get(&key.key).unwrap();
    let run = Run::new(&engine, running, &key, parent);
    let kind = running.children[0].kind.clone();
    let old = ObjectKey::new("ns", "old");
    run.prune(&Step::Delete { kind, key: old, uid: "u-2".into(), resource_version: 7 }).await
}

#[tokio::test]
async fn a_deletion_that_is_refused_is_told_and_its_class_says_whether_another_try_can_help() {
    assert!(matches!(deleted(404).await, Pruned::Gone));
    for (code, class) in [
        (403, Class::Transient),
        (409, Class::Transient),
        (422, Class::Invalid),
        (500, Class::Transient),
    ] {
        let Pruned::Left(left) = deleted(code).await else { panic!("{code}") };
        assert_eq!(
            (left.class, &*left.name, &*left.message),
            (class, "ConfigMap old", "said the server"),
            "{code}"
        );
    }
}

fn page() -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("ns", "web") }
}

/// How a run ends for a Site, whose kinds are optional and served, when its children are answered
/// with this.
async fn not_found(body: Value) -> End {
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
async fn what_is_not_found_while_its_kind_is_served_is_tried_again() {
    let namespace = json!({ "reason": "NotFound", "message": "namespaces \"doomed\" not found", "details": { "kind": "namespaces" } });
    assert_eq!(
        not_found(namespace).await,
        End::Failed(Class::Transient),
        "nothing tells when the namespace is there"
    );
    let server = json!({ "reason": "NotFound", "message": "the server could not find the requested resource" });
    assert_eq!(
        not_found(server).await,
        End::Failed(Class::Transient),
        "one API server of several may be behind"
    );
}

/// An API server that takes everything; counts what is asked for of children, by method, each a
/// version above 10.
fn that_takes_all(
    asked: &Asked,
) -> impl Fn(http::Request<Body>) -> std::future::Ready<Answer> + Clone + Send + 'static {
    let asked = Arc::clone(asked);
    move |request| {
        let mut asked = asked.lock().unwrap();
        let mut body = child("web", 10 + asked.len() as u64);
        if request.uri().path().ends_with("/status") {
            body["metadata"]["uid"] = "u-1".into();
        } else {
            asked.push(request.method().to_string());
            body = child("web", 10 + asked.len() as u64);
        }
        std::future::ready(testing::answer(200, &body))
    }
}

fn count(asked: &Asked, method: &str) -> usize {
    asked.lock().unwrap().iter().filter(|asked| *asked == method).count()
}

/// What the status says, as it was told last.
fn told(engine: &Engine) -> String {
    let (_, status) = engine.running(0).written.last(&page().key).unwrap();
    status["conditions"][0]["message"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_child_that_is_deleted_again_and_again_is_made_less_and_less_often_and_that_is_told() {
    let asked = Asked::default();
    let engine = testing::engine(
        &Registry::new("test").with(Pages),
        testing::api("test", that_takes_all(&asked)),
    );
    known(&engine, &resource("Page", Some("ns"), 1));
    for _ in 0..100 {
        reconcile(&engine, &page()).await;
        engine.running(0).children[0].forget(&page().key, 10 + asked.lock().unwrap().len() as u64);
    }
    assert_eq!(count(&asked, "PATCH"), 30);
    assert!(
        told(&engine).contains("it is deleted by somebody again and again"),
        "{}",
        told(&engine)
    );
    tokio::time::advance(std::time::Duration::from_secs(2)).await;
    assert_eq!(reconcile(&engine, &page()).await, End::Done, "one every two seconds");
}

#[tokio::test(start_paused = true)]
async fn what_is_made_again_and_again_is_deleted_less_and_less_often_and_that_is_told() {
    let asked = Asked::default();
    let engine = testing::engine(
        &Registry::new("test").with(Pages),
        testing::api("test", that_takes_all(&asked)),
    );
    known(&engine, &resource("Page", Some("ns"), 1));
    for _ in 0..100 {
        let version = 11 + asked.lock().unwrap().len() as u64;
        observed(&engine, &child("extra", version));
        reconcile(&engine, &page()).await;
        engine.running(0).children[0].forget(&ObjectKey::new("ns", "extra"), version);
    }
    assert_eq!(count(&asked, "DELETE"), 30);
    assert!(told(&engine).contains("it is made again and again by somebody"), "{}", told(&engine));
}

#[tokio::test]
async fn what_another_controller_has_is_refused_and_what_a_resource_has_that_is_gone_is_waited_for()
{
    for (api_version, end) in [
        ("test.example.com/v1", End::Waits),
        ("test.example.com/v2", End::Waits),
        ("other.example.com/v1", End::Failed(Class::Refused)),
    ] {
        let engine = testing::engine(
            &Registry::new("test").with(Pages),
            testing::api("test", that_takes_all(&Asked::default())),
        );
        known(&engine, &resource("Page", Some("ns"), 1));
        let mut theirs = child("web", 5);
        let owner = &mut theirs["metadata"]["ownerReferences"][0];
        (owner["uid"], owner["apiVersion"]) = ("alive, perhaps".into(), api_version.into());
        observed(&engine, &theirs);
        assert_eq!(reconcile(&engine, &page()).await, end, "{api_version}");
    }
}

#[tokio::test]
async fn an_api_server_that_asks_to_be_left_alone_is_left_alone_for_that_long() {
    let body = json!({ "message": "busy", "details": { "retryAfterSeconds": 77 } });
    let api = testing::api("test", move |_| std::future::ready(testing::answer(429, &body)));
    let engine = testing::engine(&Registry::new("test").with(Pages), api);
    known(&engine, &resource("Page", Some("ns"), 1));
    assert_eq!(reconcile(&engine, &page()).await, End::Failed(Class::Transient));
    let delay =
        engine.retries.failed(&page(), Some(1), crate::engine::BACKOFF.0, crate::engine::BACKOFF.1);
    assert!((76..=77).contains(&delay.as_secs()), "{delay:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_told_as_such_however_often_it_is_looked_at() {
    let api = testing::api("test", |request| {
        let is_status = request.uri().path().ends_with("/status");
        std::future::ready(match *request.method() {
            _ if is_status => testing::answer(
                200,
                &json!({ "metadata": { "name": "web", "uid": "u-1", "resourceVersion": "9" } }),
            ),
            http::Method::GET => testing::answer(
                200,
                &json!({ "metadata": { "name": "web", "namespace": "ns", "uid": "theirs", "resourceVersion": "5" } }),
            ),
            _ => testing::refusal(409, "it exists", &json!([])),
        })
    });
    let engine = testing::engine(&Registry::new("test").with(Pages), api);
    known(&engine, &resource("Page", Some("ns"), 1));
    for round in 0..100 {
        let end = reconcile(&engine, &page()).await;
        assert_eq!(end, End::Failed(Class::Refused), "{round}: {}", told(&engine));
    }
}

/// An API server that takes everything and answers a deletion with this; tells what was asked for
/// of children.
fn that_deletes(
    asked: &Asked,
    (code, answer): (u16, Value),
) -> impl Fn(http::Request<Body>) -> std::future::Ready<Answer> + Clone + Send + 'static {
    let asked = Arc::clone(asked);
    move |request| {
        let path = request.uri().path();
        let (mut asked, is_child) = (asked.lock().unwrap(), path.contains("/configmaps/"));
        if is_child {
            asked.push(format!("{} {}", request.method(), path.rsplit('/').next().unwrap()));
        }
        let mut body = child("web", 20 + asked.len() as u64);
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

/// Runs for a resource that has the object `old` and is to have `web` in its place, when the
/// deletion is answered with this.
async fn replaced(answer: (u16, Value)) -> (Arc<Engine>, Asked, End) {
    let asked = Asked::default();
    let engine = testing::engine(
        &Registry::new("test").with(Singles),
        testing::api("test", that_deletes(&asked, answer)),
    );
    known(&engine, &resource("Page", Some("ns"), 1));
    observed(&engine, &child("old", 5));
    let end = reconcile(&engine, &page()).await;
    (engine, asked, end)
}

#[tokio::test]
async fn what_goes_at_once_is_replaced_in_the_same_run() {
    let as_it_was = child("old", 5);
    for answer in [json!({ "kind": "Status", "status": "Success", "metadata": {} }), as_it_was] {
        let (_, asked, end) = replaced((200, answer)).await;
        assert_eq!(
            (&*asked.lock().unwrap(), end),
            (&vec!["DELETE old".to_owned(), "PATCH web".to_owned()], End::Done)
        );
    }
    let (_, asked, _) =
        replaced((404, json!({ "kind": "Status", "code": 404, "message": "gone" }))).await;
    assert_eq!(*asked.lock().unwrap(), ["DELETE old", "PATCH web"], "it was gone already");
}

#[tokio::test]
async fn what_a_finalizer_keeps_is_replaced_when_its_deletion_is_told_and_the_resource_says_what_it_waits_for()
 {
    let mut leaving = child("old", 6);
    leaving["metadata"]["deletionTimestamp"] = "2030-01-01T00:00:00Z".into();
    let (engine, asked, end) = replaced((200, leaving.clone())).await;
    assert_eq!(
        (&*asked.lock().unwrap(), end),
        (&vec!["DELETE old".to_owned()], End::Done),
        "nothing is asked for until then"
    );
    let waits =
        "ConfigMap old is no longer wanted and still there; ConfigMap web is made when it is gone";
    assert!(told(&engine).starts_with(waits), "{}", told(&engine));
    observed(&engine, &leaving);
    assert_eq!(reconcile(&engine, &page()).await, End::Done);
    assert_eq!(*asked.lock().unwrap(), ["DELETE old"], "it is asked for once");

    let woken = engine.running(0).children[0].forget(&ObjectKey::new("ns", "old"), 7);
    assert_eq!(woken, ["u-1".into()], "the deletion wakes the resource");
    assert_eq!(reconcile(&engine, &page()).await, End::Done);
    assert_eq!(*asked.lock().unwrap(), ["DELETE old", "PATCH web"]);
}

#[tokio::test]
async fn what_may_not_be_deleted_is_not_replaced_and_that_is_tried_again() {
    let refused =
        json!({ "kind": "Status", "status": "Failure", "code": 403, "message": "not by you" });
    let (engine, asked, end) = replaced((403, refused)).await;
    assert_eq!(
        (&*asked.lock().unwrap(), end),
        (&vec!["DELETE old".to_owned()], End::Failed(Class::Transient))
    );
    assert!(told(&engine).contains("could not be deleted: not by you"), "{}", told(&engine));
}

#[tokio::test]
async fn what_vanishes_while_it_is_written_is_not_made_again_before_it_is_known_whether_another_is_there()
 {
    let asked = Asked::default();
    let serve = {
        let asked = Arc::clone(&asked);
        move |request: http::Request<Body>| {
            let is_child = request.uri().path().contains("/configmaps/");
            let mut asked = asked.lock().unwrap();
            if is_child {
                asked.push(request.method().to_string());
            }
            std::future::ready(match *request.method() {
                http::Method::GET => testing::refusal(404, "not found", &json!([])),
                _ if is_child => testing::refusal(409, "another one is there, or none", &json!([])),
                _ => testing::answer(200, &resource("Page", Some("ns"), 9)),
            })
        }
    };
    let engine = testing::engine(&Registry::new("test").with(Singles), testing::api("test", serve));
    known(&engine, &resource("Page", Some("ns"), 1));
    observed(&engine, &child("web", 5));
    assert_eq!(reconcile(&engine, &page()).await, End::Failed(Class::Transient));
    assert_eq!(*asked.lock().unwrap(), ["PATCH", "GET"], "and no second PATCH");
}
