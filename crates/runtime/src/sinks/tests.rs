//! Objects that are not as they should be, on their way into the caches.
#![allow(clippy::unwrap_used)]

use kubewright_core::{ObjectKey, Registry};
use serde_json::{Value, json};

use super::*;
use crate::api::Form;
use crate::testing::{self, Pages};

/// A feed of Pages into an engine.
fn pages() -> (Arc<Engine>, Feed<Parents>) {
    let registry = Registry::new("test").with(Pages);
    let api = testing::api(registry.name(), |_| std::future::pending());
    let engine = testing::engine(&registry, api);
    let kind = engine.running(0).kind.clone();
    let collection = Collection { kind, namespace: None, labels: None, fields: None, shard: None, form: Form::Full };
    let token = engine.sync.register("pages".to_owned(), vec![0], false);
    (Arc::clone(&engine), Feed::new(engine, collection, token, Parents(0)))
}

fn page(version: u64, spec: &Value, status: &Value) -> Vec<u8> {
    let metadata = json!({ "name": "web", "namespace": "ns", "uid": "u-1", "resourceVersion": version.to_string() });
    json!({ "apiVersion": "test.example.com/v1", "kind": "Page", "metadata": metadata, "spec": spec, "status": status })
        .to_string()
        .into_bytes()
}

#[tokio::test]
async fn a_status_that_cannot_be_read_does_not_keep_a_resource_from_being_worked_on() {
    let (engine, mut feed) = pages();
    let parents = &engine.running(0).parents;
    for (version, status) in [(1, json!({ "conditions": "of an older operator" })), (2, json!("text")), (3, json!([]))] {
        assert_eq!(feed.upsert(&page(version, &json!({}), &status)), Some(version), "{status}");
        let known = parents.get(&ObjectKey::new("ns", "web")).unwrap();
        assert_eq!(known.version, version, "{status}");
        let (told, conditions) = engine.running(0).controller.current(&*known.object).unwrap();
        assert_eq!((told, conditions), (Value::Null, Vec::new()), "it is written anew");
    }
}

#[tokio::test]
async fn a_resource_whose_spec_cannot_be_read_is_not_worked_on_as_it_was_before() {
    let (engine, mut feed) = pages();
    let parents = &engine.running(0).parents;
    feed.upsert(&page(1, &json!({}), &Value::Null));
    assert!(parents.get(&ObjectKey::new("ns", "web")).is_some());
    assert_eq!(feed.upsert(&page(2, &json!("text"), &json!({ "conditions": "text" }))), None);
    assert!(parents.get(&ObjectKey::new("ns", "web")).is_none());
    feed.upsert(&page(3, &json!({}), &Value::Null));
    assert!(parents.get(&ObjectKey::new("ns", "web")).is_some(), "it can be read again");
}
