//! What runs come to against an API server that is a function.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use kube::client::Body;
use kubewright_core::Registry;
use kubewright_core::kind::AnyObject;
use kubewright_core::registry::owner_of;
use serde_json::{Value, json};

use super::*;
use crate::cache::parents::Parent;
use crate::queue::WorkKey;
use crate::reconcile::{End, reconcile};
use crate::testing::{self, Answer, Pages, Sites};

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
    let engine = testing::engine(registry, testing::api(registry.name(), with_a_namespace_that_goes(&asked)));
    let running = engine.running(0);
    for cache in &running.children {
        cache.serve(true);
    }
    let object: Arc<dyn AnyObject> = running.controller.decode(resource.to_string().as_bytes()).unwrap();
    running.parents.observe(Parent::new(object, 1), None, crate::cache::Epoch::default());
    let end = reconcile(&engine, &WorkKey { controller: 0, key }).await;
    let asked = asked.lock().unwrap().clone();
    (end, asked)
}

fn resource(kind: &str, namespace: Option<&str>) -> Value {
    let metadata = json!({ "name": "web", "namespace": namespace, "uid": "u-1", "resourceVersion": "1", "generation": 1 });
    json!({ "apiVersion": "test.example.com/v1", "kind": kind, "metadata": metadata, "spec": {} })
}

#[tokio::test]
async fn a_resource_goes_silently_with_its_namespace() {
    let registry = Registry::new("test").with(Pages);
    let (end, asked) = run(&registry, &resource("Page", Some("doomed")), ObjectKey::new("doomed", "web")).await;
    assert_eq!(end, End::Done);
    assert_eq!(asked, ["PATCH /api/v1/namespaces/doomed/configmaps/web"], "nobody is told");
}

#[tokio::test]
async fn a_resource_of_the_whole_cluster_says_that_a_namespace_goes_and_makes_its_other_children() {
    let registry = Registry::new("test").with(Sites);
    let (end, asked) = run(&registry, &resource("Site", None), ObjectKey::cluster("web")).await;
    assert_eq!(end, End::Failed(Class::Transient), "it is tried again");
    let expected = [
        "PATCH /api/v1/namespaces/doomed/configmaps/web",
        "PATCH /api/v1/namespaces/other/configmaps/web",
        "PATCH /apis/test.example.com/v1/sites/web/status",
    ];
    assert_eq!(asked, expected);
}

/// What an answer to a deletion comes to.
async fn deleted(code: u16) -> Option<Left> {
    let registry = Registry::new("test").with(Pages);
    let api = testing::api("test", move |_| std::future::ready(testing::refusal(code, "said the server", &json!([]))));
    let engine = testing::engine(&registry, api);
    let (running, key) = (engine.running(0), WorkKey { controller: 0, key: ObjectKey::new("ns", "web") });
    let object = running.controller.decode(resource("Page", Some("ns")).to_string().as_bytes()).unwrap();
    let owner = owner_of(running.kind.clone(), &*object);
    running.parents.observe(Parent::new(object, 1), None, crate::cache::Epoch::default());
    let parent = running.parents.get(&key.key).unwrap();
    let run = Run { engine: &engine, running, key: &key, parent, owner };
    let kind = running.children[0].kind.clone();
    let old = ObjectKey::new("ns", "old");
    run.prune(&Step::Delete { kind, key: old, uid: "u-2".into(), resource_version: 7 }).await
}

#[tokio::test]
async fn a_deletion_that_is_refused_is_told_and_its_class_says_whether_another_try_can_help() {
    assert!(deleted(404).await.is_none(), "it is gone");
    for (code, class) in [(403, Class::Transient), (409, Class::Transient), (422, Class::Invalid), (500, Class::Transient)] {
        let left = deleted(code).await.unwrap();
        assert_eq!((left.class, &*left.name, &*left.message), (class, "ConfigMap old", "said the server"), "{code}");
    }
}
