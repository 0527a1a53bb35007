//! The comparison with `managedFields`, against a model of what server-side apply records.
#![allow(clippy::unwrap_used)]

mod support;

use kubewright_core::internals::managed_fields::{self, Missing};
use kubewright_core::internals::tree::Tree;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::entry;

fn covers(fields: &Value, desired: &Value) -> Result<(), Missing> {
    managed_fields::covers(&Tree::from(fields), &Tree::from(desired))
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

/// Removes a path from our entry as the API server does when another manager takes it, with its
/// empty parents.
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
    fn an_object_is_in_sync_right_after_its_apply(object in object()) {
        prop_assert_eq!(covers(&entry(&object), &object), Ok(()));
    }

    #[test]
    fn every_lost_path_is_detected(
        object in object(),
        pick in any::<prop::sample::Index>(),
    ) {
        let mut fields = entry(&object);
        let mut all = Vec::new();
        nodes(&fields, &[], &mut all);
        let path = all[pick.index(all.len())].clone();
        take(&mut fields, &path);
        prop_assert!(covers(&fields, &object).is_err(), "{path:?} was taken from {object}");
    }

    #[test]
    fn no_entry_leads_to_a_panic(fields in value(), object in object()) {
        let _ = covers(&fields, &object);
    }
}

#[test]
fn keys_that_we_left_to_a_default_match_anything() {
    let object = json!({ "spec": { "ports": [{ "port": 80, "name": "http" }] } });
    let port = json!({ ".": {}, "f:port": {}, "f:name": {} });
    let key = r#"k:{"port":80,"protocol":"TCP"}"#;
    let fields = json!({ "f:spec": { "f:ports": { key: port } } });
    assert_eq!(covers(&fields, &object), Ok(()));
}

#[test]
fn the_part_of_another_port_does_not_match() {
    let object = json!({ "spec": { "ports": [{ "port": 80 }] } });
    let key = r#"k:{"port":81,"protocol":"TCP"}"#;
    let fields = json!({ "f:spec": { "f:ports": { key: { ".": {}, "f:port": {} } } } });
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
fn an_atomic_value_is_owned_as_a_whole() {
    let object = json!({ "spec": { "selector": { "app": "x" }, "type": "ClusterIP" } });
    assert_eq!(covers(&json!({ "f:spec": { "f:selector": {}, "f:type": {} } }), &object), Ok(()));
    assert_eq!(
        covers(&json!({ "f:spec": { "f:type": {} } }), &object).unwrap_err().to_string(),
        "spec.selector"
    );
}

#[test]
fn a_path_prints_as_a_person_would_write_it() {
    let object = json!({ "spec": { "containers": [{ "name": "echo", "image": "i" }] } });
    let key = r#"k:{"name":"echo"}"#;
    let fields = json!({ "f:spec": { "f:containers": { key: { ".": {}, "f:name": {} } } } });
    assert_eq!(covers(&fields, &object).unwrap_err().to_string(), "spec.containers[0].image");
}

#[test]
fn an_item_with_a_defaulted_key_does_not_match_the_part_of_another_item() {
    let object = json!({ "spec": { "ports": [
        { "port": 53, "name": "tcp" },
        { "port": 53, "name": "udp", "protocol": "UDP" },
    ] } });
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
fn a_map_or_list_that_should_be_empty_is_not_in_sync_with_foreign_parts() {
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
