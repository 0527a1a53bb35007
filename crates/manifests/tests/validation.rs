//! Offline validation gives the same result as a real API server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kubewright_manifests::validate::{
    Severity, Validator, is_dns_label, is_dns_subdomain, validate,
};
use kubewright_manifests::yaml::documents;
use proptest::prelude::*;
use serde_json::{Value, json};

fn definition() -> CustomResourceDefinition {
    let text = include_str!("validation/definition.yaml");
    serde_json::from_value(documents(text).unwrap().remove(0).value).unwrap()
}

fn cases() -> Vec<Value> {
    let all = documents(include_str!("validation/cases.yaml")).unwrap();
    assert!(all.len() > 90);
    all.into_iter().map(|d| d.value).collect()
}

#[test]
fn a_resource_is_rejected_exactly_when_the_api_server_rejects_it() {
    let validator = Validator::new(&definition());
    for case in cases() {
        let mut object = case["object"].clone();
        let problems = validator.validate(&mut object);
        let rejected = problems.iter().any(|p| p.severity == Severity::Error);
        assert_eq!(rejected, case["server"] == "rejects", "{}: {problems:?}", case["case"]);
    }
}

#[test]
fn an_accepted_object_becomes_what_the_api_server_stores() {
    let validator = Validator::new(&definition());
    for case in cases().into_iter().filter(|case| case["server"] == "accepts") {
        let mut object = case["object"].clone();
        let _ = validator.validate(&mut object);
        assert_eq!(object["spec"], case["stored"], "{}", case["case"]);
        assert_eq!(object.get("status"), None, "{}", case["case"]);
    }
}

#[test]
fn a_stored_object_is_accepted_unchanged() {
    let validator = Validator::new(&definition());
    for case in cases().into_iter().filter(|case| case["server"] == "accepts") {
        let mut object = case["object"].clone();
        let _ = validator.validate(&mut object);
        let stored = object.clone();
        assert_eq!(validator.validate(&mut object), [], "{}", case["case"]);
        assert_eq!(object, stored, "{}", case["case"]);
    }
}

#[test]
fn unknown_fields_are_removed_as_the_server_drops_them() {
    let mut object = json!({
        "apiVersion": "example.dev/v1", "kind": "Thing", "metadata": {"name": "t"},
        "spec": {
            "image": "a", "other": 1, "doors": [{"name": "a", "other": 2}],
            "anything": {"other": 3},
        },
        "other": 4,
    });
    assert_eq!(validate(&definition(), &mut object).len(), 3);
    assert_eq!(object.to_string().matches("other").count(), 1, "{object}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let keys: &'static [&'static str] = &[
        "image", "replicas", "doors", "name", "number", "notes", "nested", "embedded", "metadata",
        "kind", "other", "",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,10}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((proptest::sample::select(keys), inner), 0..4).prop_map(
                |entries| Value::Object(
                    entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
                )
            ),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_input_gives_problems_and_never_a_panic(
        metadata in any_json(),
        spec in any_json(),
        status in any_json(),
    ) {
        let crd = definition();
        let mut object = json!({
            "apiVersion": "example.dev/v1", "kind": "Thing",
            "metadata": metadata, "spec": spec, "status": status,
        });
        // Random metadata is never valid.
        prop_assert!(!validate(&crd, &mut object).is_empty());
    }
}

#[test]
fn every_message_names_the_field_and_what_to_write() {
    let validator = Validator::new(&definition());
    let mut text = String::new();
    for case in cases() {
        let problems = validator.validate(&mut case["object"].clone());
        if !problems.is_empty() {
            writeln!(text, "{}", case["case"].as_str().unwrap()).unwrap();
        }
        for problem in problems {
            let mark = if problem.severity == Severity::Error { "-" } else { "?" };
            writeln!(text, "  {mark} {problem}").unwrap();
            if let Some(help) = problem.help {
                writeln!(text, "      {help}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_value_that_is_no_object_of_the_kind_is_rejected() {
    let crd = definition();
    for (object, message) in [
        (json!([]), "is not an object; write apiVersion, kind, metadata and spec"),
        (json!({"kind": "Other", "apiVersion": "example.dev/v1"}), "kind: must be Thing"),
        (json!({"kind": "Thing"}), "apiVersion: must be example.dev/v1"),
    ] {
        let problems = validate(&crd, &mut object.clone());
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [message]);
    }
}

#[test]
fn dns_names_follow_rfc_1123() {
    for (name, label, subdomain) in [
        ("a", true, true),
        ("a-1", true, true),
        ("1", true, true),
        ("a.b", false, true),
        ("a--b", true, true),
        ("a..b", false, false),
        ("-a", false, false),
        ("a-", false, false),
        ("a-.b", false, false),
        ("A", false, false),
        ("", false, false),
        ("ä", false, false),
    ] {
        assert_eq!((is_dns_label(name), is_dns_subdomain(name)), (label, subdomain), "{name}");
    }
    assert!(is_dns_label(&"x".repeat(63)) && !is_dns_label(&"x".repeat(64)));
    assert!(is_dns_subdomain(&"x".repeat(253)) && !is_dns_subdomain(&"x".repeat(254)));
}
