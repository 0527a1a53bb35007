//! The ownership check against a model of what server-side apply records.
#![allow(clippy::unwrap_used)]

mod support;

use kubewright_core::ownership::{self, Missing};
use kubewright_core::tree::Tree;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::entry;

fn covers(fields: &Value, desired: &Value) -> Result<(), Missing> {
    ownership::covers(&Tree::from(fields), &Tree::from(desired))
}

/// Objects as operators build them: maps, lists with names, plain lists, scalars; never null.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z:./\"]{0,6}".prop_map(Value::from),
        proptest::collection::vec("[a-z]{1,3}", 0..3).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::btree_map("[a-z./]{1,6}", inner.clone(), 0..4)
                .prop_map(|m| json!(m)),
            proptest::collection::btree_map("[a-z]{1,4}", inner, 1..4).prop_map(|items| {
                items.into_iter().map(|(name, value)| json!({ "name": name, "x": value })).collect()
            }),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    proptest::collection::btree_map("spec|data|[a-z]{1,4}", value(), 1..4).prop_map(|mut fields| {
        fields.insert("apiVersion".into(), "v1".into());
        fields.insert("kind".into(), "X".into());
        fields.insert(
            "metadata".into(),
            json!({ "name": "n", "namespace": "s", "labels": { "a": "b" } }),
        );
        json!(fields)
    })
}

/// All nodes of an entry, as lists of keys.
fn nodes(fields: &Value, at: &[String], found: &mut Vec<Vec<String>>) {
    for (name, child) in fields.as_object().into_iter().flatten() {
        let path: Vec<String> = at.iter().cloned().chain([name.clone()]).collect();
        if name != "." {
            found.push(path.clone());
        }
        nodes(child, &path, found);
    }
}

/// What the API server does to our entry when somebody takes this path: it goes, and parents that
/// are empty go too.
fn take(fields: &mut Value, path: &[String]) {
    let Some((name, rest)) = path.split_first() else { return };
    let map = fields.as_object_mut().unwrap();
    if rest.is_empty() {
        map.remove(name);
        return;
    }
    take(&mut map[name], rest);
    if map[name].as_object().is_some_and(|m| m.is_empty() || m.keys().all(|k| k == ".")) {
        map.remove(name);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_was_just_applied_is_in_sync(object in object()) {
        prop_assert_eq!(covers(&entry(&object), &object), Ok(()));
    }

    #[test]
    fn whatever_path_somebody_takes_is_noticed(object in object(), pick in any::<prop::sample::Index>()) {
        let mut fields = entry(&object);
        let mut all = Vec::new();
        nodes(&fields, &[], &mut all);
        let path = all[pick.index(all.len())].clone();
        take(&mut fields, &path);
        prop_assert!(covers(&fields, &object).is_err(), "{path:?} was taken from {object}");
    }

    #[test]
    fn it_never_panics_on_any_entry(fields in value(), object in object()) {
        let _ = covers(&fields, &object);
    }
}

#[test]
fn keys_that_we_left_to_a_default_match_anything() {
    let object = json!({ "spec": { "ports": [{ "port": 80, "name": "http" }] } });
    let fields = json!({ "f:spec": { "f:ports": { "k:{\"port\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:port": {}, "f:name": {} } } } });
    assert_eq!(covers(&fields, &object), Ok(()));
}

#[test]
fn another_port_is_not_ours() {
    let object = json!({ "spec": { "ports": [{ "port": 80 }] } });
    let fields = json!({ "f:spec": { "f:ports": { "k:{\"port\":81,\"protocol\":\"TCP\"}": { ".": {}, "f:port": {} } } } });
    assert_eq!(covers(&fields, &object).unwrap_err().to_string(), "spec.ports[0]");
}

#[test]
fn members_of_a_set_are_found_by_value() {
    let object = json!({ "spec": { "finalizers": ["a", "b"] } });
    let both = json!({ "f:spec": { "f:finalizers": { "v:\"a\"": {}, "v:\"b\"": {} } } });
    let one = json!({ "f:spec": { "f:finalizers": { "v:\"a\"": {} } } });
    assert_eq!(covers(&both, &object), Ok(()));
    assert_eq!(covers(&one, &object).unwrap_err().to_string(), "spec.finalizers[1]");
}

#[test]
fn an_atomic_whole_is_ours_or_not() {
    let object = json!({ "spec": { "selector": { "app": "x" }, "type": "ClusterIP" } });
    assert_eq!(covers(&json!({ "f:spec": { "f:selector": {}, "f:type": {} } }), &object), Ok(()));
    assert_eq!(
        covers(&json!({ "f:spec": { "f:type": {} } }), &object).unwrap_err().to_string(),
        "spec.selector"
    );
}

#[test]
fn the_path_reads_as_a_person_would_write_it() {
    let object = json!({ "spec": { "containers": [{ "name": "echo", "image": "i" }] } });
    let fields = json!({ "f:spec": { "f:containers": { "k:{\"name\":\"echo\"}": { ".": {}, "f:name": {} } } } });
    assert_eq!(covers(&fields, &object).unwrap_err().to_string(), "spec.containers[0].image");
}

#[test]
fn an_item_whose_key_was_left_to_a_default_does_not_hide_behind_another() {
    let object = json!({ "spec": { "ports": [{ "port": 53, "name": "tcp" }, { "port": 53, "name": "udp", "protocol": "UDP" }] } });
    let port = json!({ ".": {}, "f:port": {}, "f:name": {}, "f:protocol": {} });
    let (tcp, udp) = (r#"k:{"port":53,"protocol":"TCP"}"#, r#"k:{"port":53,"protocol":"UDP"}"#);
    assert_eq!(
        covers(&json!({ "f:spec": { "f:ports": { tcp: port, udp: port } } }), &object),
        Ok(())
    );
    assert_eq!(
        covers(&json!({ "f:spec": { "f:ports": { udp: port } } }), &object)
            .unwrap_err()
            .to_string(),
        "spec.ports[0]"
    );
    assert_eq!(
        covers(&json!({ "f:spec": { "f:ports": { tcp: port } } }), &object)
            .unwrap_err()
            .to_string(),
        "spec.ports[1]"
    );
}

#[test]
fn what_we_want_empty_is_not_ours_while_somebody_has_something_in_it() {
    let object = json!({ "spec": { "ports": [] } });
    assert_eq!(covers(&json!({ "f:spec": { "f:ports": {} } }), &object), Ok(()));
    let filled =
        json!({ "f:spec": { "f:ports": { "k:{\"port\":80}": { ".": {}, "f:port": {} } } } });
    assert_eq!(covers(&filled, &object).unwrap_err().to_string(), "spec.ports");
    let object = json!({ "spec": { "selector": {} } });
    assert_eq!(covers(&json!({ "f:spec": { "f:selector": {} } }), &object), Ok(()));
    let filled = json!({ "f:spec": { "f:selector": { "f:app": {} } } });
    assert_eq!(covers(&filled, &object).unwrap_err().to_string(), "spec.selector");
}
