//! What is refused in a `PreviewPolicy`: each rule lets something pass and refuses something, with
//! a message that says what to write instead.

use operator_api::preview::PreviewPolicy;
use serde_json::{Value, json};

use crate::rules::{PASSES, messages};

const HOSTS: &str = "write hosts like pr.example.com, or *.example.com for all below a domain: in lower case, no scheme, no port, no path";
const PREFIX: &str = "write the beginning of image references up to a /, : or @, like registry.example.com/team/: what ends elsewhere allows other repositories, too";
const NAMESPACES: &str = "write names of namespaces, as kubectl get namespaces shows them";
const DEFAULT: &str =
    "the default is a type that is allowed: add it to types, or write another one";
const VALUES: &str = "In and NotIn have values, Exists and DoesNotExist have none";

fn policy(spec: &Value) -> Vec<String> {
    messages::<PreviewPolicy>("team", spec)
}

#[test]
fn a_policy_may_say_nothing_and_its_name_may_begin_with_a_digit() {
    assert_eq!(policy(&json!({})), PASSES);
    assert_eq!(messages::<PreviewPolicy>("1-team", &json!({ "limits": {}, "routes": {} })), PASSES);
}

#[test]
fn a_domain_is_a_host_or_all_below_a_domain() {
    for domain in ["pr.example.com", "*.example.com", "*", "localhost", "xn--bcher-kva.example.com"]
    {
        assert_eq!(policy(&json!({ "domains": [domain] })), PASSES, "{domain}");
    }
    for domain in [
        "*example.com",
        "a.*.example.com",
        "https://example.com",
        "Example.com",
        "example.com.",
        "-a.com",
        "b\u{fc}cher.de",
    ] {
        assert_eq!(policy(&json!({ "domains": ["a.b", domain] })), [HOSTS], "{domain}");
    }
}

#[test]
fn the_beginning_of_an_image_ends_where_a_part_of_it_does() {
    for prefix in ["registry.example.com/team/", "registry.example.com/team/app:", "app@", "nginx:"]
    {
        assert_eq!(policy(&json!({ "imagePrefixes": [prefix] })), PASSES, "{prefix}");
    }
    for prefix in ["registry.example.com", "registry.example.com/team/app", "a b/", "app:1"] {
        assert_eq!(policy(&json!({ "imagePrefixes": [prefix] })), [PREFIX], "{prefix}");
    }
}

#[test]
fn a_preview_is_reached_from_namespaces_that_there_can_be() {
    assert_eq!(
        policy(&json!({ "networkPolicy": { "fromNamespaces": ["gateways", "a-1"] } })),
        PASSES
    );
    for namespace in ["Gateways", "a.b", "a_b", "*"] {
        assert_eq!(
            policy(&json!({ "networkPolicy": { "fromNamespaces": [namespace] } })),
            [NAMESPACES],
            "{namespace}"
        );
    }
}

#[test]
fn a_route_by_default_is_one_that_is_allowed() {
    let routes =
        |types: &[&str], default: &str| json!({ "routes": { "types": types, "default": default } });
    assert_eq!(policy(&routes(&["Ingress", "Mapping"], "Mapping")), PASSES);
    assert_eq!(policy(&json!({ "routes": { "default": "Mapping" } })), PASSES);
    assert_eq!(policy(&routes(&["Ingress"], "None")), PASSES, "no route at all is always allowed");
    assert_eq!(policy(&routes(&["Ingress"], "Mapping")), [DEFAULT]);
}

#[test]
fn namespaces_are_selected_by_labels_that_they_can_have() {
    const KEY: &str =
        "write the name of a label as namespaces have it, like team or example.com/team";
    const VALUE: &str = "write the value of a label as namespaces have it: letters, digits, -, _ and dots, with a letter or digit at both ends";
    let label = |key: &str, value: &str| {
        policy(&json!({ "namespaceSelector": { "matchLabels": { key: value } } }))
    };
    let among = |key: &str, value: &str| {
        let expression = json!({ "key": key, "operator": "In", "values": ["a", value] });
        policy(&json!({ "namespaceSelector": { "matchExpressions": [expression] } }))
    };
    for (key, value) in [
        ("team", "shop"),
        ("example.com/team", "Shop_1.a-b"),
        ("kubernetes.io/metadata.name", "x"),
        ("a", ""),
    ] {
        assert_eq!(
            (label(key, value), among(key, value)),
            (Vec::new(), Vec::new()),
            "{key}={value}"
        );
    }
    let long = "a".repeat(64);
    for key in ["a b", "-team", "Example.com/team", "a/b/c", "/a", &long] {
        assert_eq!(
            (label(key, "x"), among(key, "x")),
            (vec![KEY.to_owned()], vec![KEY.to_owned()]),
            "{key}"
        );
    }
    for value in ["bad value!", "-a", "a."] {
        assert_eq!(
            (label("a", value), among("a", value)),
            (vec![VALUE.to_owned()], vec![VALUE.to_owned()]),
            "{value}"
        );
    }
}

#[test]
fn a_list_that_allows_nothing_by_its_looks_and_everything_in_truth_is_refused() {
    const EMPTY: &str =
        "an empty list would allow everything: leave the field out where that is meant";
    for spec in [
        json!({ "domains": [] }),
        json!({ "imagePrefixes": [] }),
        json!({ "routes": { "types": [] } }),
    ] {
        assert_eq!(policy(&spec), [EMPTY], "{spec}");
    }
}

#[test]
fn a_requirement_has_values_where_it_compares_with_some() {
    let requirement = |operator: &str, values: Value| {
        let expression = json!({ "key": "team", "operator": operator, "values": values });
        policy(&json!({ "namespaceSelector": { "matchExpressions": [expression] } }))
    };
    for operator in ["In", "NotIn"] {
        assert_eq!(requirement(operator, json!(["a"])), PASSES);
        assert_eq!(requirement(operator, json!([])), [VALUES]);
    }
    for operator in ["Exists", "DoesNotExist"] {
        assert_eq!(requirement(operator, json!([])), PASSES);
        assert_eq!(requirement(operator, json!(["a"])), [VALUES]);
    }
}
