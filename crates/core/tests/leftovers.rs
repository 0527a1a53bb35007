//! What other managers own of the fields that we drop, from `managedFields` as an API server writes
//! it.
#![allow(clippy::unwrap_used)]

use kubewright_core::internals::leftovers::leftovers;
use kubewright_core::internals::managed_fields::entries;
use kubewright_core::internals::tree::Tree;
use serde_json::{Value, json};

const US: &str = "our-operator";

fn entry(manager: &str, operation: &str, subresource: &str, fields: &Value) -> Value {
    json!({ "manager": manager, "operation": operation, "subresource": subresource,
        "apiVersion": "v1", "time": "2026-01-01T10:00:00Z", "fieldsV1": fields })
}

/// The first left path of each manager, with the fields that remain of its entry; null if none.
fn left(ours: &Value, desired: &Value, others: &[Value]) -> Vec<(String, Value)> {
    let mut all = others.to_vec();
    all.push(entry(US, "Apply", "", ours));
    let object = json!({ "metadata": { "managedFields": all } }).to_string();
    let found = leftovers(&entries(object.as_bytes()).unwrap(), US, &Tree::from(desired));
    let described = found.into_iter().map(|leftover| {
        let rest = leftover.rest.map_or(Value::Null, |rest| serde_json::to_value(rest).unwrap());
        (format!("{} {}", leftover.manager.name, leftover.path), rest)
    });
    described.collect()
}

/// The same for one other manager that applied these fields.
fn left_by(ours: &Value, desired: &Value, theirs: &Value) -> Option<(String, Value)> {
    let mut left = left(ours, desired, &[entry("them", "Apply", "", theirs)]);
    assert!(left.len() < 2);
    let (path, rest) = left.pop()?;
    Some((path.strip_prefix("them ").unwrap().to_owned(), rest))
}

#[test]
fn a_key_of_a_map_and_an_item_of_a_list_are_left() {
    let both = json!({ "f:data": { "f:a": {}, "f:b": {} } });
    let rest = json!({ "f:data": { "f:a": {} } });
    let desired = json!({ "data": { "a": "1" } });
    assert_eq!(left_by(&both, &desired, &both), Some(("data.b".to_owned(), rest)));

    let (a, b) = (r#"k:{"name":"a"}"#, r#"k:{"name":"b"}"#);
    let item = json!({ ".": {}, "f:name": {}, "f:value": {} });
    let both = json!({ "f:env": { a: item, b: item } });
    let rest = json!({ "f:env": { a: item } });
    let desired = json!({ "env": [{ "name": "a", "value": "1" }] });
    let path = r#"env[{"name":"b"}]"#.to_owned();
    assert_eq!(left_by(&both, &desired, &both), Some((path, rest)));
}

#[test]
fn nothing_is_left_while_everything_is_desired() {
    let fields = json!({ "f:metadata": { "f:labels": { "f:x": {} } }, "f:ports": {
        r#"k:{"port":80,"protocol":"TCP"}"#: { ".": {}, "f:port": {} },
    }, "f:args": {}, "f:finalizers": { r#"v:"f""#: {} } });
    let desired = json!({
        "metadata": { "name": "n", "labels": { "x": "1" } },
        // The protocol is left to its default.
        "ports": [{ "port": 80 }], "args": ["a"], "finalizers": ["f"],
    });
    assert_eq!(left_by(&fields, &desired, &fields), None);
}

#[test]
fn what_we_never_owned_stays_theirs() {
    let ours = json!({ "f:security": { "f:user": {} } });
    let theirs = json!({ "f:security": { "f:user": {}, "f:group": {} }, "f:replicas": {} });
    let rest = json!({ "f:security": { "f:group": {} }, "f:replicas": {} });
    assert_eq!(left_by(&ours, &json!({}), &theirs), Some(("security.user".to_owned(), rest)));
    assert_eq!(left_by(&ours, &json!({}), &json!({ "f:replicas": {} })), None);
    assert_eq!(left_by(&ours, &json!({}), &json!({ "f:security": { "f:group": {} } })), None);
}

#[test]
fn an_item_that_we_added_goes_with_what_others_own_of_it() {
    let sidecar = r#"k:{"name":"sidecar"}"#;
    let ours = json!({ "f:containers": { sidecar: { ".": {}, "f:name": {}, "f:image": {} } } });
    let theirs = json!({ "f:containers": { sidecar: { "f:env": { ".": {}, "f:x": {} } } } });
    let path = r#"containers[{"name":"sidecar"}]"#.to_owned();
    assert_eq!(left_by(&ours, &json!({}), &theirs), Some((path, Value::Null)));
    // If we own only a field of their item, the item stays.
    let ours = json!({ "f:containers": { sidecar: { "f:image": {} } } });
    let theirs = json!({ "f:containers": { sidecar: { ".": {}, "f:name": {}, "f:image": {} } } });
    let rest = json!({ "f:containers": { sidecar: { ".": {}, "f:name": {} } } });
    let path = r#"containers[{"name":"sidecar"}].image"#.to_owned();
    assert_eq!(left_by(&ours, &json!({ "containers": [] }), &theirs), Some((path, rest)));
}

#[test]
fn atomic_values_and_members_of_sets_are_left() {
    let ours = json!({ "f:args": {}, "f:finalizers": { r#"v:"a""#: {}, r#"v:"b""#: {} } });
    let rest = json!({ "f:finalizers": { r#"v:"a""#: {} } });
    let desired = json!({ "finalizers": ["a"] });
    assert_eq!(left_by(&ours, &desired, &ours), Some(("args".to_owned(), rest)));
}

#[test]
fn every_other_entry_counts_also_one_under_our_own_name() {
    let fields = json!({ "f:spec": { "f:replicas": {} } });
    let others = [
        entry("kubectl", "Update", "", &fields),
        entry("hpa", "Update", "scale", &fields),
        entry("kubelet", "Update", "status", &json!({ "f:status": {} })),
        entry(US, "Update", "", &fields),
    ];
    let found = left(&fields, &json!({ "spec": {} }), &others);
    let paths: Vec<_> = found.iter().map(|(path, _)| &**path).collect();
    let expected = ["kubectl spec.replicas", "hpa spec.replicas", "our-operator spec.replicas"];
    assert_eq!(paths, expected);
}
