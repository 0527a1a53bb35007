//! The children of every sample, every file in `inputs/` and every fixture, complete, as the
//! operator applies them. A changed snapshot is a change of running clusters: read it before you
//! accept it. Other tests check rules for all children: deterministic output, valid names, no
//! copied labels, pods that pass *restricted*.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod rules;

use std::sync::Arc;

use kubewright::FakeCluster;
use kubewright::controller::{AnySample, Controller};
use kubewright::{KindInfo, Object};
use operator_api::ambassador::Mapping;
use operator_api::echo::ServiceType;
use operator_api::preview::{PreviewEnvironment, PreviewPolicy};
use serde_json::{Value, json};
use tests::fixtures::{
    EchoFixture, ExampleEchoFixture, Fixture, PreviewFixture, echo, namespace, preview,
    restricted_namespace, test_echo,
};

/// The UID of every resource here.
const UID: &str = "11111111-2222-3333-4444-555555555555";

/// A text with characters that shells, YAML, Kubernetes or HTML could interpret.
const HOSTILE: &str = "--listen=:1 \"double\" 'single' $(HOSTNAME) $$ ${HOME} `id` \\n %s \
                       <b>&amp;</b>\nsecond: line\n\t- third é 𝄞 $";

fn controller_of<K: Object>() -> Arc<dyn Controller> {
    let kind = KindInfo::of::<K>();
    Arc::clone(
        operator::registry()
            .controller_of(&kind.api_version(), &kind.kind)
            .expect("the kind has an operator"),
    )
}

/// The children of a resource as one document, or the reason why it is invalid.
fn build(controller: &dyn Controller, mut resource: Value, cluster: &FakeCluster) -> Value {
    let metadata = resource["metadata"].as_object_mut().expect("metadata");
    metadata.insert("uid".into(), UID.into());
    metadata.entry("namespace").or_insert("default".into());
    let resource =
        controller.decode(resource.to_string().as_bytes()).expect("the resource decodes");
    let built = controller
        .build(operator::NAME.into(), &*resource, cluster)
        .expect("build returns no ChildError");
    match built.children {
        Ok(children) => children.into_iter().map(|child| child.body().clone()).collect(),
        Err(invalid) => {
            json!({ "invalid": { "reason": invalid.reason(), "message": invalid.message() } })
        }
    }
}

/// A cluster that serves only Ambassador's routes.
fn with_ambassador() -> FakeCluster {
    FakeCluster::empty().serving::<Mapping>()
}

/// All cases: names and children.
fn cases() -> Vec<(String, Value)> {
    [samples(), inputs(), echoes(), test_echoes(), previews()].concat()
}

fn case<K: Object>(name: &str, resource: &K, cluster: &FakeCluster) -> (String, Value) {
    let resource = serde_json::to_value(resource).expect("a resource is JSON");
    (name.to_owned(), build(&*controller_of::<K>(), resource, cluster))
}

fn samples() -> Vec<(String, Value)> {
    let of = |controller: &Arc<dyn Controller>, sample: AnySample| {
        (
            format!("sample_{}_{}", controller.name(), sample.name),
            build(&**controller, sample.body, &with_ambassador()),
        )
    };
    operator::registry()
        .controllers()
        .iter()
        .flat_map(|c| c.samples().into_iter().map(|s| of(c, s)).collect::<Vec<_>>())
        .collect()
}

fn inputs() -> Vec<(String, Value)> {
    let registry = operator::registry();
    ["echo-example-com", "echo-test-com", "preview-environment"]
        .map(|name| {
            let path = format!("{}/inputs/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
            let input: Value =
                serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            let controller = registry.controller_of(
                input["apiVersion"].as_str().unwrap(),
                input["kind"].as_str().unwrap(),
            );
            (format!("input_{name}"), build(&**controller.unwrap(), input, &with_ambassador()))
        })
        .into()
}

fn echoes() -> Vec<(String, Value)> {
    let case =
        |name: &str, resource| case(&format!("echo_{name}"), &resource, &FakeCluster::empty());
    vec![
        case("minimal", echo("web")),
        case(
            "full",
            echo("web")
                .in_namespace("shop")
                .with_replicas(7)
                .with_text("Hello world")
                .with_image("registry.example.com/mirror/http-echo:1.0.0")
                .with_service(ServiceType::NodePort)
                .with_port(8080)
                .with_node_port(30_080)
                .with_resources(&[("cpu", "50m"), ("memory", "32Mi")], &[("memory", "64Mi")]),
        ),
        case("with_no_replicas", echo("web").with_replicas(0)),
        case("with_hostile_text", echo("web").with_text(HOSTILE)),
        case("with_another_image_and_no_text", echo("web").with_image("example.com/echo:latest")),
        case("with_empty_resources", echo("web").with_resources(&[], &[])),
        case("behind_a_load_balancer", echo("web").with_service(ServiceType::LoadBalancer)),
        case("with_a_name_of_63_characters", echo(&format!("e{}", "0".repeat(62)))),
        case("with_a_name_of_64_characters", echo(&format!("e{}", "0".repeat(63)))),
        case("with_a_long_name_full_of_dots", echo(&format!("e{}", ".0".repeat(126)))),
        case("invalid_name", echo("1-web")),
        case("invalid_node_port_of_a_cluster_ip", echo("web").with_node_port(30_080)),
        case("invalid_text_with_nul", echo("web").with_text("a\0b")),
        case("invalid_text_without_characters", echo("web").with_text("")),
    ]
}

fn test_echoes() -> Vec<(String, Value)> {
    let case =
        |name: &str, resource| case(&format!("test_echo_{name}"), &resource, &FakeCluster::empty());
    vec![
        case("minimal", test_echo("web")),
        case("with_hostile_text", test_echo("web").with_replicas(3).with_text(HOSTILE)),
        case("with_the_longest_name_that_is_not_cut", test_echo(&format!("e{}", "0".repeat(53)))),
        case("with_a_name_of_63_characters", test_echo(&format!("e{}", "0".repeat(62)))),
        case("invalid_name", test_echo("1-web")),
        case("invalid_text", test_echo("web").with_text("")),
    ]
}

/// A preview with this route.
fn preview_with_route(route: Value) -> PreviewEnvironment {
    preview("pr-17").with_fields(Value::from_iter([("route", route)]))
}

/// All fields of a preview.
fn all_fields() -> Value {
    json!({
        "route": {
            "type": "Ingress", "ingressClassName": "nginx", "tls": { "issuer": "staging" },
            "path": "/app",
        },
        "port": 3000,
        "replicas": 3,
        "command": ["node", "--enable-source-maps"],
        "args": ["server.js", "--port=$(PORT)"],
        "env": [
            { "name": "PORT", "value": "3000" },
            {
                "name": "PASSWORD",
                "valueFrom": {
                    "secretKeyRef": { "name": "database", "key": "password", "optional": true },
                },
            },
            {
                "name": "LEVEL",
                "valueFrom": { "configMapKeyRef": { "name": "settings", "key": "level" } },
            },
            { "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
            {
                "name": "MEMORY",
                "valueFrom": {
                    "resourceFieldRef": { "resource": "limits.memory", "divisor": "1Mi" },
                },
            },
        ],
        "envFrom": [
            { "configMapRef": { "name": "settings" } },
            { "prefix": "DB_", "secretRef": { "name": "database" } },
        ],
        "resources": { "requests": { "cpu": "50m" }, "limits": { "memory": "256Mi" } },
        "imagePullSecrets": [{ "name": "registry" }],
        "pullPolicy": "Always",
        "revision": "3f2a9c1",
        "probes": {
            "readiness": { "path": "/ready", "periodSeconds": 5 },
            "liveness": {
                "path": "/live", "port": 9090, "initialDelaySeconds": 10, "timeoutSeconds": 2,
            },
            "startup": { "failureThreshold": 60 },
        },
        "podSecurity": {
            "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000,
            "runAsNonRoot": true, "readOnlyRootFilesystem": true,
        },
        "source": {
            "provider": "mark-p", "repository": "mark/r", "pullRequest": 17, "branch": "mark-b",
            "author": "mark-a",
        },
    })
}

/// A policy for the namespaces with the label `LABEL=yes`.
fn policy_for(label: &str, rules: Value) -> PreviewPolicy {
    let mut spec = rules;
    spec["namespaceSelector"] = json!({ "matchLabels": { label: "yes" } });
    PreviewPolicy::new(label, serde_json::from_value(spec).expect("a policy"))
}

fn preview_cluster() -> FakeCluster {
    let network = json!({ "fromNamespaces": ["monitoring", "gateways"] });
    with_ambassador()
        .with(policy_for("guarded", json!({ "networkPolicy": network })))
        .with(namespace("guarded").labelled("guarded", "yes"))
        .with(policy_for("full", json!({ "limits": { "previews": 0 } })))
        .with(namespace("full").labelled("full", "yes"))
        .with(restricted_namespace("locked"))
        .with(namespace("open"))
}

fn preview_case(name: &str, resource: &PreviewEnvironment) -> (String, Value) {
    case(&format!("preview_{name}"), resource, &preview_cluster())
}

fn previews() -> Vec<(String, Value)> {
    let mut all = plain_previews();
    all.extend(routed_previews());
    all
}

fn plain_previews() -> Vec<(String, Value)> {
    let case = |name: &str, resource| preview_case(name, &resource);
    vec![
        case("minimal", preview("pr-17")),
        case("in_an_open_namespace", preview("pr-17").in_namespace("open")),
        case("in_a_restricted_namespace", preview("pr-17").in_namespace("locked")),
        case(
            "with_an_image_digest",
            preview("pr-17").with_image(&format!("example.com/app@sha256:{}", "0a".repeat(32))),
        ),
        case(
            "with_a_long_name_full_of_dots",
            preview(&format!("p{}", ".7".repeat(126))).with_host("pr-17.example.com"),
        ),
        case("full", preview("pr-17").with_fields(all_fields())),
        case("at_a_low_port", preview("pr-17").with_fields(json!({ "port": 80 }))),
        case(
            "with_empty_resources",
            preview("pr-17").with_fields(
                json!({ "resources": { "limits": {} }, "podSecurity": {}, "probes": {} }),
            ),
        ),
        case(
            "full_in_a_restricted_namespace",
            preview("pr-17").in_namespace("locked").with_fields(all_fields()),
        ),
        case(
            "invalid_root_in_a_restricted_namespace",
            preview("pr-17")
                .in_namespace("locked")
                .with_fields(json!({ "podSecurity": { "runAsUser": 0 } })),
        ),
        case(
            "with_a_network_policy",
            preview("pr-17").in_namespace("guarded").with_fields(json!({ "port": 3000 })),
        ),
        case(
            "above_the_limit_of_a_policy",
            preview("pr-17").in_namespace("full").with_fields(json!({ "replicas": 3 })),
        ),
        case("suspended", preview("pr-17").with_fields(json!({ "suspend": true, "replicas": 3 }))),
        case(
            "suspended_without_a_route",
            preview("pr-17")
                .with_fields(json!({ "suspend": true, "route": { "whenSuspended": "Remove" } })),
        ),
        case("invalid_name", preview("17-pr").with_host("pr-17.example.com")),
        case("invalid_wildcard_host", preview("pr-17").with_host("*")),
        case("invalid_image_that_leads_elsewhere", preview("pr-17").with_image("team/../app:1")),
        case(
            "with_a_revision_under_a_tag_that_may_move",
            preview("pr-17").with_fields(json!({ "revision": "3f2a9c1" })),
        ),
    ]
}

fn routed_previews() -> Vec<(String, Value)> {
    let case = |name: &str, resource| preview_case(name, &resource);
    vec![
        case(
            "behind_an_http_route",
            preview_with_route(json!({
                "type": "HTTPRoute",
                "parentRefs": [{ "name": "public", "namespace": "gateways" }],
            })),
        ),
        case(
            "behind_an_http_route_with_all_fields",
            preview_with_route(json!({
                "type": "HTTPRoute", "path": "/app", "tls": {},
                "parentRefs": [
                    { "name": "public", "namespace": "gateways", "sectionName": "https" },
                    { "name": "own" },
                ],
            })),
        ),
        case("behind_an_ingress", preview_with_route(json!({ "type": "Ingress" }))),
        case(
            "behind_an_ingress_with_all_fields",
            preview_with_route(json!({
                "type": "Ingress", "ingressClassName": "nginx", "path": "/app",
                "tls": { "clusterIssuer": "letsencrypt" },
            })),
        ),
        case(
            "behind_an_ingress_with_a_certificate",
            preview_with_route(
                json!({ "type": "Ingress", "tls": { "secretName": "previews-wildcard" } }),
            ),
        ),
        case(
            "behind_a_mapping_with_a_path",
            preview_with_route(json!({ "type": "Mapping", "path": "/app" })),
        ),
        case("without_a_route", preview_with_route(json!({ "type": "None" }))),
        case(
            "behind_an_http_route_without_a_gateway",
            preview_with_route(json!({ "type": "HTTPRoute" })),
        ),
    ]
}

#[test]
fn the_children_of_every_sample_input_and_fixture_match_their_snapshots() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, children) in cases() {
            insta::assert_yaml_snapshot!(name, children);
        }
    });
}

#[test]
fn build_is_deterministic() {
    let (once, again) = (cases(), cases());
    assert!(!once.is_empty());
    for ((name, one), (_, two)) in once.iter().zip(&again) {
        assert_eq!(one.to_string(), two.to_string(), "{name}");
    }
}

#[test]
fn the_names_of_cases_are_unique() {
    let mut names: Vec<String> = cases().into_iter().map(|(name, _)| name).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn labels_annotations_and_source_of_a_resource_are_not_copied_to_its_children() {
    fn assert_none_copied<K: Object>(resource: &K) {
        let marked = resource
            .clone()
            .labelled("marker.example.com/l", "mark-l")
            .annotated("marker.example.com/a", "mark-a");
        let (_, plain) = case("plain", resource, &FakeCluster::empty());
        let (_, marked) = case("marked", &marked, &FakeCluster::empty());
        assert_eq!(marked, plain);
        assert!(!marked.to_string().contains("mark"), "{marked}");
    }
    assert_none_copied(&echo("web"));
    assert_none_copied(&test_echo("web"));
    assert_none_copied(&preview("web"));
    assert_none_copied(&preview("web").with_fields(all_fields()));
}

#[test]
fn all_samples_fit_into_one_namespace() {
    let mut seen = Vec::new();
    for (name, children) in samples() {
        for child in children.as_array().unwrap_or_else(|| panic!("{name} is invalid: {children}"))
        {
            let identity = (child["kind"].clone(), child["metadata"]["name"].clone());
            assert!(
                !seen.contains(&identity),
                "{name} and an earlier sample both create {identity:?}"
            );
            seen.push(identity);
        }
    }
}

#[test]
fn the_minimal_samples_equal_the_input_files() {
    let samples: Vec<_> = samples();
    let children_of = |name: &str| {
        samples.iter().find(|(n, _)| n == name).map(|(_, children)| children.clone()).unwrap()
    };
    let inputs = inputs();
    assert_eq!(inputs[0].1, children_of("sample_echo_minimal"));
    assert_eq!(inputs[1].1, children_of("sample_echo-test_minimal"));
    // The image of this input does not exist; the sample has an image that a cluster can run.
    let without_image = |children: &Value| {
        let mut children = children.clone();
        children[0]["metadata"]["annotations"] = Value::Null;
        children[0]["spec"]["template"]["spec"]["containers"][0]["image"] = Value::Null;
        children
    };
    assert_eq!(without_image(&inputs[2].1), without_image(&children_of("sample_preview_minimal")));
}

#[test]
fn all_children_follow_the_rules() {
    for (name, children) in cases() {
        let violations = rules::violations(children.as_array().map_or(&[], Vec::as_slice));
        assert!(violations.is_empty(), "{name}: {violations:#?}");
    }
}

/// Previews whose namespace or spec forbids root.
const MAY_NOT_BE_ROOT: [&str; 4] = [
    "preview_in_a_restricted_namespace",
    "preview_full_in_a_restricted_namespace",
    "preview_full",
    "sample_preview_full",
];

#[test]
fn every_pod_passes_the_restricted_standard_except_for_previews_in_open_namespaces() {
    for (name, children) in cases() {
        let open = name.contains("preview") && !MAY_NOT_BE_ROOT.contains(&name.as_str());
        let pods = children
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|c| c.pointer("/spec/template/spec"));
        for pod in pods {
            let expected: &[&str] = if open { &["runAsNonRoot is not true"] } else { &[] };
            assert_eq!(rules::restricted_violations(pod), expected, "{name}");
        }
    }
}
