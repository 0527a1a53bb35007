//! Tests of the types and their CRDs.
//!
//! - `wire`: how resources are read and written
//! - `schemas`: names, columns, bounds, defaults, sizes
//! - `rules`, `preview_rules`, `policy_rules`: the CEL rules and their messages
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod policy_rules;
mod preview_rules;
mod rules;
mod schemas;
mod wire;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use operator_api::{echo, echo_test, preview};
use serde_json::Value;

/// The CRDs of the resources with a status.
fn crds() -> [CustomResourceDefinition; 3] {
    [echo::Echo::crd(), echo_test::Echo::crd(), preview::PreviewEnvironment::crd()]
}

/// The schema of a resource.
fn schema_of<K: CustomResourceExt>() -> Value {
    let crd = K::crd();
    let validation = crd.spec.versions[0].schema.clone().expect("the CRD has a schema");
    serde_json::to_value(validation.open_api_v3_schema).unwrap()
}

/// The schema of a property: `spec.service.port`.
fn property<'a>(schema: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(schema, |at, name| {
        at["properties"]
            .get(name)
            .unwrap_or_else(|| panic!("no property {name} on the way to {path}"))
    })
}
