//! Definitions of the APIs by which routes are made, which others install: as far as we write or
//! read their objects.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

/// The definition that Ambassador brings.
pub const MAPPINGS: &str = "mappings.getambassador.io";

/// As Ambassador's, as far as it matters: it has a status, and takes any field.
#[must_use]
pub fn mappings() -> CustomResourceDefinition {
    let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    serde_json::from_value(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": MAPPINGS },
        "spec": {
            "group": "getambassador.io", "scope": "Namespaced",
            "names": { "kind": "Mapping", "plural": "mappings", "singular": "mapping" },
            "versions": [{
                "name": "v3alpha1", "served": true, "storage": true, "subresources": { "status": {} },
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": any, "status": any } } },
            }],
        },
    }))
    .unwrap()
}

/// As that of the Gateway API, as far as we write or read it: with its defaults, which the API
/// server fills in, and which are no fields of ours.
#[must_use]
pub fn http_routes() -> CustomResourceDefinition {
    let text = |default: &str| json!({ "type": "string", "default": default });
    let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let list = |properties: Value| json!({ "type": "array", "x-kubernetes-list-type": "atomic", "items": { "type": "object", "properties": properties } });
    let parents = list(json!({
        "group": text("gateway.networking.k8s.io"), "kind": text("Gateway"),
        "namespace": { "type": "string" }, "name": { "type": "string" }, "sectionName": { "type": "string" },
    }));
    let path = json!({ "type": "object", "properties": { "type": text("PathPrefix"), "value": text("/") } });
    let everything = json!([{ "path": { "type": "PathPrefix", "value": "/" } }]);
    let mut matches = list(json!({ "path": path }));
    matches["default"] = everything;
    let backends = list(json!({
        "group": text(""), "kind": text("Service"), "name": { "type": "string" }, "port": { "type": "integer" },
        "weight": { "type": "integer", "default": 1 },
    }));
    let spec = json!({
        "type": "object",
        "properties": {
            "parentRefs": parents,
            "hostnames": { "type": "array", "x-kubernetes-list-type": "atomic", "items": { "type": "string" } },
            "rules": list(json!({ "matches": matches, "backendRefs": backends })),
        },
    });
    serde_json::from_value(json!({
        "metadata": {
            "name": "httproutes.gateway.networking.k8s.io",
            // The API server takes definitions in its own groups only with this.
            "annotations": { "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/1" },
        },
        "spec": {
            "group": "gateway.networking.k8s.io", "scope": "Namespaced",
            "names": { "kind": "HTTPRoute", "plural": "httproutes", "singular": "httproute" },
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": { "status": {} },
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": spec, "status": any } } },
            }],
        },
    }))
    .unwrap()
}
