//! The CEL rules of `PreviewPolicy`: each accepts a value and rejects another one, with a message
//! that says what to write instead.

use operator_api::preview::PreviewPolicy;
use serde_json::{Value, json};

use crate::rules::{PASSES, messages};

const HOSTS: &str = "write hosts like pr.example.com, or *.example.com for every host below a \
                     domain: in lower case, no scheme, no port, no path";
const PREFIX: &str = "write a prefix that ends with /, : or @, like registry.example.com/team/: \
                      any other prefix would also allow other repositories";
const NAMESPACES: &str = "write names of namespaces, as kubectl get namespaces shows them";
const DEFAULT: &str = "the default is not an allowed type: add it to types, or write another \
                       default";
const VALUES: &str = "write values for In and NotIn, and no values for Exists and DoesNotExist";

fn policy(spec: &Value) -> Vec<String> {
    messages::<PreviewPolicy>("team", spec)
}

#[test]
fn a_policy_may_be_empty_and_its_name_may_start_with_a_digit() {
    assert_eq!(policy(&json!({})), PASSES);
    assert_eq!(messages::<PreviewPolicy>("1-team", &json!({ "limits": {}, "routes": {} })), PASSES);
}

#[test]
fn a_domain_is_a_host_or_every_host_below_a_domain() {
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
fn a_prefix_of_an_image_ends_with_a_whole_part() {
    for prefix in ["registry.example.com/team/", "registry.example.com/team/app:", "app@", "nginx:"]
    {
        assert_eq!(policy(&json!({ "imagePrefixes": [prefix] })), PASSES, "{prefix}");
    }
    for prefix in ["registry.example.com", "registry.example.com/team/app", "a b/", "app:1"] {
        assert_eq!(policy(&json!({ "imagePrefixes": [prefix] })), [PREFIX], "{prefix}");
    }
}

#[test]
fn a_network_policy_has_valid_names_of_namespaces() {
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
fn the_default_route_type_is_an_allowed_type() {
    let routes =
        |types: &[&str], default: &str| json!({ "routes": { "types": types, "default": default } });
    assert_eq!(policy(&routes(&["Ingress", "Mapping"], "Mapping")), PASSES);
    assert_eq!(policy(&json!({ "routes": { "default": "Mapping" } })), PASSES);
    assert_eq!(policy(&routes(&["Ingress"], "None")), PASSES, "None is always allowed");
    assert_eq!(policy(&routes(&["Ingress"], "Mapping")), [DEFAULT]);
}

#[test]
fn a_selector_has_valid_label_keys_and_values() {
    const KEY: &str = "write a label key, like team or example.com/team";
    const VALUE: &str = "write a label value: letters, digits, -, _ and dots, with a letter or \
                         digit at both ends";
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
fn an_empty_list_is_rejected_because_it_would_allow_everything() {
    const EMPTY: &str = "an empty list would allow everything: write an item, or leave the field \
                         out";
    for spec in [
        json!({ "domains": [] }),
        json!({ "imagePrefixes": [] }),
        json!({ "routes": { "types": [] } }),
    ] {
        assert_eq!(policy(&spec), [EMPTY], "{spec}");
    }
}

#[test]
fn only_operators_that_compare_values_have_values() {
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
