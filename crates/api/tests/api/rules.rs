//! The CEL rules of the resources: each accepts a value and rejects another one, with a message
//! that says what to write instead.

use kube::CustomResourceExt;
use kube::core::cel::Validator;
use operator_api::echo::Echo;
use operator_api::echo_test;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};

use crate::schema_of;

const NAME: &str = "metadata.name must start with a letter, because the Service has this name: \
                    write for example web-1 instead of 1-web";
const TEXT: &str = "text is empty: write a text, or leave text out to get the request itself as \
                    the answer";
const IMAGE: &str = "write an image reference like registry.example.com/team/app:1.2.3: the \
                     repository in lower case, no https://, no spaces";
const NODE_PORT: &str = "a Service of type ClusterIP has no node port: write type: NodePort, or \
                         leave nodePort out";
const QUANTITY: &str = "write a quantity like 500m, 2, 128Mi or 1Gi: a number that is not \
                        negative, and a unit without a space";
const REQUEST: &str = "a request is higher than the limit of the same resource: lower the request, \
                       or raise the limit";
const HOST_ALONE: &str = "write only the host name, like preview-1.example.com: no https://, no \
                          port, no path, no spaces";
const WILDCARD: &str = "write one host name without a *, like preview-1.example.com: each preview \
                        has its own host";
const LABELS: &str = "write parts of 1 to 63 characters between the dots, of a to z, 0 to 9 and \
                      hyphens, with no hyphen at the start or end of a part, like \
                      preview-1.example.com";
const ASCII: &str = "write an internationalised name in its ASCII form (Punycode): \
                     xn--bcher-kva.example.com for bücher.example.com";
const DOMAIN: &str = "write the full host name with its domain, like preview-1.example.com";
const ADDRESS: &str = "write a host name like preview-1.example.com, not an IP address: the last \
                       part of a host name is not a number";

/// The messages of the rules of `K` for a resource, after the defaults are set.
pub(crate) fn messages<K: CustomResourceExt>(name: &str, spec: &Value) -> Vec<String> {
    let object = json!({ "metadata": { "name": name }, "spec": spec });
    match Validator::new().validate_with_defaults(&schema_of::<K>(), &object, None) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.into_vec().into_iter().map(|error| error.message).collect(),
    }
}

fn echo(spec: &Value) -> Vec<String> {
    messages::<Echo>("web", spec)
}

fn preview(fqdn: &str) -> Vec<String> {
    messages::<PreviewEnvironment>("web", &json!({ "image": "app:1", "fqdn": fqdn }))
}

/// No message.
pub(crate) const PASSES: [&str; 0] = [];

#[test]
fn an_empty_echo_passes() {
    assert_eq!(echo(&json!({})), PASSES);
}

#[test]
fn a_name_that_starts_with_a_digit_is_rejected_for_every_resource() {
    fn check<K: CustomResourceExt>(spec: &Value) {
        assert_eq!(messages::<K>("17-web", spec), [NAME]);
        for name in ["web-17", "web.example", &"w".repeat(200)] {
            assert_eq!(messages::<K>(name, spec), PASSES, "{name}");
        }
    }
    check::<Echo>(&json!({}));
    check::<echo_test::Echo>(&json!({ "replicas": 1, "text": "hello" }));
    check::<PreviewEnvironment>(&json!({ "image": "app:1", "fqdn": "a.example.com" }));
}

#[test]
fn an_empty_text_is_rejected() {
    assert_eq!(echo(&json!({ "text": "" })), [TEXT]);
    assert_eq!(echo(&json!({ "text": " " })), PASSES);
}

#[test]
fn an_image_is_a_reference_that_a_runtime_can_pull() {
    let digest = format!("a/b@sha256:{}", "0f".repeat(32));
    for image in [
        "nginx",
        "hashicorp/http-echo:1.0.0",
        "localhost:5000/a/b__c/d-e.f:v1_2",
        "Registry.Example.com/team/app",
        "[2001:db8::1]:5000/app",
        &digest,
    ] {
        assert_eq!(echo(&json!({ "image": image })), PASSES, "{image}");
    }
    for image in [
        "",
        "https://example.com/app:1",
        "Team/App:1",
        "app: 1",
        "app:",
        "app:1 ",
        "app@sha256:12",
        "app:1\n",
        "/app",
    ] {
        assert_eq!(echo(&json!({ "image": image })), [IMAGE], "{image:?}");
        let spec = json!({ "image": image, "fqdn": "a.example.com" });
        assert_eq!(messages::<PreviewEnvironment>("web", &spec), [IMAGE], "{image:?}");
    }
}

#[test]
fn a_node_port_needs_a_service_type_that_has_one() {
    assert_eq!(echo(&json!({ "service": { "nodePort": 30080 } })), [NODE_PORT]);
    assert_eq!(
        echo(&json!({ "service": { "type": "ClusterIP", "nodePort": 30080 } })),
        [NODE_PORT]
    );
    assert_eq!(echo(&json!({ "service": { "type": "NodePort", "nodePort": 30080 } })), PASSES);
    assert_eq!(echo(&json!({ "service": { "type": "LoadBalancer", "nodePort": 30080 } })), PASSES);
    assert_eq!(echo(&json!({ "service": { "type": "NodePort" } })), PASSES);
}

#[test]
fn a_quantity_is_a_number_with_a_unit() {
    for quantity in
        [json!("500m"), json!(2), json!("2"), json!("0.5"), json!("128Mi"), json!("1e3"), json!(0)]
    {
        assert_eq!(
            echo(&json!({ "resources": { "limits": { "cpu": quantity } } })),
            PASSES,
            "{quantity}"
        );
    }
    for quantity in [json!("lots"), json!("1 Gi"), json!("-1"), json!(-1), json!("")] {
        for list in ["limits", "requests"] {
            assert_eq!(
                echo(&json!({ "resources": { list: { "cpu": quantity } } })),
                [QUANTITY],
                "{quantity}"
            );
        }
    }
}

#[test]
fn a_request_is_not_higher_than_its_limit() {
    let resources = |request: Value, limit: Value| {
        let requests = json!({ "cpu": request, "memory": "1Gi" });
        json!({ "resources": { "requests": requests, "limits": { "cpu": limit } } })
    };
    assert_eq!(echo(&resources(json!("500m"), json!(1))), PASSES);
    assert_eq!(echo(&resources(json!(1), json!("1000m"))), PASSES);
    assert_eq!(echo(&resources(json!(2), json!("1500m"))), [REQUEST]);
    assert_eq!(
        echo(&resources(json!("lots"), json!(1))),
        [QUANTITY],
        "and no message about the limit"
    );
}

#[test]
fn a_host_name_is_accepted() {
    let longest_label = format!("{}.example.com", "a".repeat(63));
    for host in [
        "preview-1.example.com",
        "a.b",
        "1.example.com",
        "xn--mnchen-3ya.example.com",
        "a--b.localhost",
        &longest_label,
    ] {
        assert_eq!(preview(host), PASSES, "{host}");
    }
}

#[test]
fn parts_of_a_url_are_rejected() {
    for host in [
        "https://preview-1.example.com",
        "preview-1.example.com:8080",
        "preview-1.example.com/path",
        "preview-1.example.com?query",
        "me@example.com",
        "preview 1.example.com",
        "preview-1.example.com\n",
        "HTTPS://Preview.example.com./",
    ] {
        assert_eq!(preview(host), [HOST_ALONE], "{host}");
    }
}

#[test]
fn a_wildcard_is_rejected() {
    assert_eq!(preview("*.example.com"), [WILDCARD]);
}

#[test]
fn a_name_with_capital_letters_or_a_final_dot_is_rejected_with_the_right_name() {
    for host in ["preview-1.example.com.", "Preview-1.Example.com", "PREVIEW-1.example.com."] {
        assert_eq!(
            preview(host),
            ["write the host in lower case and without a dot at the end: preview-1.example.com"],
            "{host}"
        );
    }
}

#[test]
fn every_part_of_a_host_name_is_a_dns_label() {
    let long = format!("{}.example.com", "a".repeat(64));
    for host in [
        "preview_1.example.com",
        "-a.example.com",
        "a-.example.com",
        "a..example.com",
        ".example.com",
        &long,
    ] {
        assert_eq!(preview(host), [LABELS], "{host}");
    }
}

#[test]
fn an_internationalised_name_must_be_in_ascii() {
    for host in ["bücher.example.com", "Ä.example.com", "例え.jp", "preview-1.example.com。"] {
        assert!(preview(host).contains(&ASCII.to_owned()), "{host}: {:?}", preview(host));
    }
    assert_eq!(preview("bücher.example.com"), [ASCII]);
}

#[test]
fn a_host_name_without_a_domain_is_rejected() {
    for host in ["preview-1", ""] {
        assert_eq!(preview(host), [DOMAIN], "{host:?}");
    }
}

#[test]
fn an_ip_address_is_rejected() {
    assert_eq!(preview("10.0.0.1"), [ADDRESS]);
    assert_eq!(preview("10.0.0.a1"), PASSES);
}
