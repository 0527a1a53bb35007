//! What is said about a resource without a cluster is what a real API server says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kubewright_manifests::validate::{Severity, Validator, is_dns_label, is_dns_subdomain, validate};
use kubewright_manifests::yaml::documents;
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
fn a_resource_is_refused_exactly_when_the_api_server_refuses_it() {
    let validator = Validator::new(&definition());
    for case in cases() {
        let mut object = case["object"].clone();
        let problems = validator.validate(&mut object);
        let refused = problems.iter().any(|p| p.severity == Severity::Error);
        assert_eq!(refused, case["server"] == "refuses", "{}: {problems:?}", case["case"]);
    }
}

#[test]
fn what_is_left_is_what_the_api_server_stores() {
    let validator = Validator::new(&definition());
    for case in cases().into_iter().filter(|case| case["server"] == "takes") {
        let mut object = case["object"].clone();
        let _ = validator.validate(&mut object);
        assert_eq!(object["spec"], case["stored"], "{}", case["case"]);
        assert_eq!(object.get("status"), None, "{}", case["case"]);
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
fn what_is_not_an_object_of_the_kind_is_said_to_be_so() {
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
fn names_are_those_of_rfc_1123() {
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
