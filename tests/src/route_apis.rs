//! CRDs of other projects' route kinds, with the fields that the operator writes or reads.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

/// The name of Ambassador's CRD.
pub const MAPPINGS: &str = "mappings.getambassador.io";

/// A CRD like Ambassador's: it has a status and accepts any field.
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
                "name": "v3alpha1", "served": true, "storage": true,
                "subresources": { "status": {} },
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object", "properties": { "spec": any, "status": any },
                    },
                },
            }],
        },
    }))
    .unwrap()
}

/// A CRD like the Gateway API's, with the defaults that the API server sets in our objects.
#[must_use]
pub fn http_routes() -> CustomResourceDefinition {
    let text = |default: &str| json!({ "type": "string", "default": default });
    let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let list = |properties: Value| {
        json!({
            "type": "array", "x-kubernetes-list-type": "atomic",
            "items": { "type": "object", "properties": properties },
        })
    };
    let parents = list(json!({
        "group": text("gateway.networking.k8s.io"), "kind": text("Gateway"),
        "namespace": { "type": "string" }, "name": { "type": "string" },
        "sectionName": { "type": "string" },
    }));
    let path = json!({
        "type": "object", "properties": { "type": text("PathPrefix"), "value": text("/") },
    });
    let everything = json!([{ "path": { "type": "PathPrefix", "value": "/" } }]);
    let mut matches = list(json!({ "path": path }));
    matches["default"] = everything;
    let backends = list(json!({
        "group": text(""), "kind": text("Service"), "name": { "type": "string" },
        "port": { "type": "integer" },
        "weight": { "type": "integer", "default": 1 },
    }));
    let spec = json!({
        "type": "object",
        "properties": {
            "parentRefs": parents,
            "hostnames": {
                "type": "array", "x-kubernetes-list-type": "atomic", "items": { "type": "string" },
            },
            "rules": list(json!({ "matches": matches, "backendRefs": backends })),
        },
    });
    serde_json::from_value(json!({
        "metadata": {
            "name": "httproutes.gateway.networking.k8s.io",
            // The API server requires this annotation for CRDs in its own groups.
            "annotations": { "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/1" },
        },
        "spec": {
            "group": "gateway.networking.k8s.io", "scope": "Namespaced",
            "names": { "kind": "HTTPRoute", "plural": "httproutes", "singular": "httproute" },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": { "status": {} },
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object", "properties": { "spec": spec, "status": any },
                    },
                },
            }],
        },
    }))
    .unwrap()
}
