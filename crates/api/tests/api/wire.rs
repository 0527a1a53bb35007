//! How resources are read and written: only fields with a value are sent.

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use operator_api::ambassador::{Mapping, MappingSpec};
use operator_api::echo::{self, EchoService, EchoSpec, EchoStatus, ServiceType};
use operator_api::gateway::{HTTPRoute, HTTPRouteSpec};
use operator_api::{echo_test, preview};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{property, schema_of};

/// Reads a file with a resource of an older operator. Returns the resource, the file, and the
/// resource as it is written.
fn input<K: DeserializeOwned + Serialize>(file: &str) -> (K, Value, Value) {
    let path = format!("{}/../../tests/inputs/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let resource: K = serde_saphyr::from_str(&text).unwrap();
    let written = serde_json::to_value(&resource).unwrap();
    (resource, serde_saphyr::from_str(&text).unwrap(), written)
}

#[test]
fn an_echo_with_only_replicas_is_written_as_it_was_read() {
    let (echo, read, written) = input::<echo::Echo>("echo-example-com.yaml");
    assert_eq!((echo.spec.replicas, echo.spec.text), (Some(2), None));
    assert_eq!(written, read);
}

#[test]
fn an_echo_of_test_com_is_written_as_it_was_read() {
    let (echo, read, written) = input::<echo_test::Echo>("echo-test-com.yaml");
    assert_eq!((echo.spec.replicas, echo.spec.text.as_str()), (2, "Hello world"));
    assert_eq!(written, read);
}

#[test]
fn a_preview_environment_is_written_as_it_was_read() {
    let (preview, read, written) = input::<preview::PreviewEnvironment>("preview-environment.yaml");
    assert_eq!(preview.spec.image, "my-container-image:latest");
    assert_eq!(preview.spec.fqdn, "preview-1.fqdn.com");
    assert_eq!(written, read);
}

#[test]
fn an_empty_spec_is_written_empty() {
    let echo = echo::Echo::new("web", EchoSpec::default());
    let written = serde_json::to_value(&echo).unwrap();
    assert_eq!(written["spec"], json!({}));
    assert_eq!(written.get("status"), None);
}

#[test]
fn an_empty_status_is_written_empty() {
    assert_eq!(serde_json::to_value(EchoStatus::default()).unwrap(), json!({}));
    assert_eq!(
        serde_json::to_value(preview::PreviewEnvironmentStatus::default()).unwrap(),
        json!({})
    );
}

#[test]
fn every_field_of_an_echo_has_its_place_on_the_wire() {
    let requests = [("cpu".to_owned(), Quantity("10m".to_owned()))].into();
    let spec = EchoSpec {
        replicas: Some(0),
        text: Some("Hello".to_owned()),
        image: Some("mirror.example.com/http-echo:1.0.0".to_owned()),
        service: EchoService {
            type_: Some(ServiceType::ClusterIp),
            port: Some(8080),
            node_port: Some(30080),
        },
        resources: Some(ResourceRequirements {
            requests: Some(requests),
            ..ResourceRequirements::default()
        }),
    };
    let written = json!({
        "replicas": 0,
        "text": "Hello",
        "image": "mirror.example.com/http-echo:1.0.0",
        "service": { "type": "ClusterIP", "port": 8080, "nodePort": 30080 },
        "resources": { "requests": { "cpu": "10m" } },
    });
    assert_eq!(serde_json::to_value(&spec).unwrap(), written);
    assert_eq!(serde_json::from_value::<EchoSpec>(written).unwrap(), spec);
}

#[test]
fn a_null_is_read_as_an_absent_field() {
    let read: EchoSpec =
        serde_json::from_value(json!({ "replicas": null, "text": null, "resources": null }))
            .unwrap();
    assert_eq!(read, EchoSpec::default());
}

#[test]
fn a_field_of_a_later_version_is_ignored() {
    let read: EchoSpec =
        serde_json::from_value(json!({ "text": "Hello", "colour": "red" })).unwrap();
    assert_eq!(read.text.as_deref(), Some("Hello"));
}

#[test]
fn a_service_type_is_displayed_as_in_the_api() {
    for service_type in [ServiceType::ClusterIp, ServiceType::NodePort, ServiceType::LoadBalancer] {
        assert_eq!(json!(service_type), json!(service_type.to_string()));
    }
}

#[test]
fn a_mapping_has_the_field_names_of_ambassador() {
    let mapping = Mapping::new(
        "preview-1",
        MappingSpec {
            hostname: Some("preview-1.example.com".to_owned()),
            prefix: "/".to_owned(),
            service: "preview-1:80".to_owned(),
            timeout_ms: Some(10_000),
            allow_upgrade: vec!["websocket".to_owned()],
            ..MappingSpec::default()
        },
    );
    assert_eq!(
        serde_json::to_value(&mapping).unwrap(),
        json!({
            "apiVersion": "getambassador.io/v3alpha1",
            "kind": "Mapping",
            "metadata": { "name": "preview-1" },
            "spec": {
                "hostname": "preview-1.example.com",
                "prefix": "/",
                "service": "preview-1:80",
                "timeout_ms": 10_000,
                "allow_upgrade": ["websocket"],
            },
        })
    );
}

#[test]
fn every_field_of_a_preview_has_its_place_on_the_wire() {
    let written = json!({
        "image": "app:1",
        "fqdn": "a.example.com",
        "port": 3000,
        "replicas": 2,
        "command": ["node"],
        "args": ["server.js"],
        "env": [
            { "name": "A", "value": "b" },
            { "name": "B", "valueFrom": { "secretKeyRef": {
                "name": "database", "key": "password", "optional": true,
            } } },
            { "name": "C", "valueFrom": { "configMapKeyRef": {
                "name": "settings", "key": "level",
            } } },
            { "name": "D", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
            { "name": "E", "valueFrom": { "resourceFieldRef": {
                "resource": "limits.memory", "divisor": "1Mi",
            } } },
        ],
        "envFrom": [
            { "prefix": "DB_", "secretRef": { "name": "database" } },
            { "configMapRef": { "name": "settings" } },
        ],
        "resources": { "limits": { "memory": "64Mi" } },
        "imagePullSecrets": [{ "name": "registry" }],
        "pullPolicy": "Always",
        "revision": "3f2a9c1",
        "probes": {
            "readiness": { "path": "/ready", "port": 9090 },
            "liveness": {
                "initialDelaySeconds": 1, "periodSeconds": 2, "timeoutSeconds": 3,
                "failureThreshold": 4,
            },
            "startup": {},
        },
        "podSecurity": {
            "runAsUser": 1000, "runAsGroup": 1001, "fsGroup": 1002, "runAsNonRoot": true,
            "readOnlyRootFilesystem": true,
        },
        "source": {
            "provider": "github", "repository": "team/app", "pullRequest": 17,
            "branch": "feature/login", "commit": "3f2a9c1",
            "url": "https://github.com/team/app/pull/17", "author": "octocat",
        },
        "suspend": true,
        "ttl": "1h30m",
        "expiresAt": "2030-01-31T12:00:00Z",
        "pinned": true,
        "route": {
            "type": "HTTPRoute",
            "parentRefs": [{ "name": "public", "namespace": "gateways", "sectionName": "https" }],
            "ingressClassName": "nginx",
            "tls": { "secretName": "a", "issuer": "b", "clusterIssuer": "c" },
            "path": "/app",
            "whenSuspended": "Remove",
        },
    });
    let spec: preview::PreviewEnvironmentSpec = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&spec).unwrap(), written);
    let all = property(&schema_of::<preview::PreviewEnvironment>(), "spec")["properties"]
        .as_object()
        .unwrap()
        .len();
    assert_eq!(written.as_object().unwrap().len(), all, "a field of the schema is missing here");
}

#[test]
fn a_route_type_is_displayed_as_in_the_api() {
    for type_ in [
        preview::RouteType::HttpRoute,
        preview::RouteType::Ingress,
        preview::RouteType::Mapping,
        preview::RouteType::None,
    ] {
        assert_eq!(json!(type_), json!(type_.to_string()));
    }
}

#[test]
fn an_http_route_has_the_field_names_of_the_gateway_api() {
    let written = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": { "name": "preview-1" },
        "spec": {
            "parentRefs": [{
                "group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "a",
                "name": "b", "sectionName": "c",
            }],
            "hostnames": ["preview-1.example.com"],
            "rules": [{
                "matches": [{ "path": { "type": "PathPrefix", "value": "/app" } }],
                "backendRefs": [{ "name": "preview-1", "port": 80 }],
            }],
        },
        "status": { "parents": [{
            "parentRef": { "name": "b" },
            "controllerName": "example.com/gateway",
            "conditions": [{
                "type": "Accepted", "status": "True", "reason": "Accepted", "message": "",
                "observedGeneration": 1,
                "lastTransitionTime": "2030-01-31T12:00:00Z",
            }],
        }] },
    });
    let route: HTTPRoute = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&route).unwrap(), written);
    let minimal = HTTPRoute::new("a", HTTPRouteSpec::default());
    assert_eq!(
        serde_json::to_value(&minimal).unwrap()["spec"],
        json!({}),
        "absent fields are not sent"
    );
}

#[test]
fn a_null_in_a_preview_is_read_as_an_absent_field() {
    let nulls = [
        "port",
        "command",
        "args",
        "env",
        "envFrom",
        "imagePullSecrets",
        "resources",
        "probes",
        "podSecurity",
        "ttl",
        "expiresAt",
        "pinned",
    ];
    let mut written = json!({ "image": "app:1", "fqdn": "a.example.com" });
    let minimal = written.clone();
    for name in nulls {
        written[name] = Value::Null;
    }
    let spec: preview::PreviewEnvironmentSpec = serde_json::from_value(written).unwrap();
    assert_eq!(serde_json::to_value(&spec).unwrap(), minimal);
}
