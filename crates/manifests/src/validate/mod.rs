//! Validates a resource like the API server, without an API server.
//!
//! The steps and their order are those of the server:
//!
//! 1. `metadata`: names, labels, annotations
//! 2. `unknown`: fields that are not in the schema, as in strict validation of `kubectl`
//! 3. `defaults`: removes nulls, adds defaults, converts floats without a fraction to integers
//! 4. `schema`: types, required fields, bounds, patterns; `format`: values of `format`
//! 5. `rules`: CEL (`x-kubernetes-validations`), unless a field has the wrong type
//!
//! Checks that need a cluster are skipped: quotas, webhooks, name conflicts, transition rules.

mod defaults;
mod format;
mod metadata;
mod problem;
mod rules;
mod schema;
mod suggest;
mod unknown;

use std::fmt;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps,
};
use serde_json::Value;

use crate::path::FieldPath;

pub use kubewright_core::names::is_dns_subdomain;
pub use metadata::is_dns_label;
pub use problem::{Problem, Severity};
pub use suggest::closest;

/// Validates many resources of one definition.
#[derive(Debug)]
pub struct Validator {
    group: String,
    kind: String,
    namespaced: bool,
    versions: Vec<Version>,
}

struct Version {
    name: String,
    schema: Option<JSONSchemaProps>,
    rules: rules::Rules,
    has_status_subresource: bool,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Version").field(&self.name).finish()
    }
}

/// Validates one object, and changes the object to the form that the server stores: without unknown
/// fields, nulls and status, and with defaults. Use a [`Validator`] for several objects.
///
/// # Guarantees
/// The result is deterministic and ordered by step. No problem is a consequence of an earlier one.
#[must_use]
pub fn validate(crd: &CustomResourceDefinition, object: &mut Value) -> Vec<Problem> {
    Validator::new(crd).validate(object)
}

/// Validates the metadata of an object of any kind.
#[must_use]
pub fn validate_metadata(object: &Value, namespaced: bool) -> Vec<Problem> {
    metadata::check(object, namespaced)
}

impl Validator {
    /// Creates a validator for the served versions of a definition.
    #[must_use]
    pub fn new(crd: &CustomResourceDefinition) -> Self {
        let version = |v: &CustomResourceDefinitionVersion| {
            let schema = v.schema.as_ref().and_then(|s| s.open_api_v3_schema.clone());
            let rules = rules::Rules::new(schema.as_ref());
            let has_status_subresource =
                v.subresources.as_ref().is_some_and(|s| s.status.is_some());
            Version { name: v.name.clone(), schema, rules, has_status_subresource }
        };
        Self {
            group: crd.spec.group.clone(),
            kind: crd.spec.names.kind.clone(),
            namespaced: crd.spec.scope == "Namespaced",
            versions: crd.spec.versions.iter().filter(|v| v.served).map(version).collect(),
        }
    }

    /// Validates an object like [`validate`].
    #[must_use]
    pub fn validate(&self, object: &mut Value) -> Vec<Problem> {
        let root = FieldPath::root();
        let version = match self.find_version(object) {
            Ok(version) => version,
            Err(problem) => return vec![problem],
        };
        let mut problems = metadata::check(object, self.namespaced);
        let Some(schema) = &version.schema else { return problems };
        let metadata_is_invalid = !problems.is_empty();
        unknown::remove(schema, object, &mut problems);
        if let Some(map) = object.as_object_mut().filter(|_| version.has_status_subresource) {
            // The server reports unknown fields of the status and ignores the others.
            map.remove("status");
        }
        defaults::apply(schema, object);
        let mut checker = schema::Checker::default();
        checker.check(schema, object, &root);
        defaults::convert_floats(object);
        problems.append(&mut checker.problems);
        problems.extend(version.rules.check(object, metadata_is_invalid || checker.blocks_rules));
        problems
    }

    fn find_version(&self, object: &Value) -> Result<&Version, Problem> {
        let text = |field: &str| object.get(field).and_then(Value::as_str);
        let at = |field: &str| FieldPath::root().key(field);
        let known: Vec<String> =
            self.versions.iter().map(|v| format!("{}/{}", self.group, v.name)).collect();
        if !object.is_object() {
            return Err(Problem::error(
                &FieldPath::root(),
                "is not an object; write apiVersion, kind, metadata and spec",
            ));
        }
        if text("kind") != Some(&self.kind) {
            return Err(Problem::error(&at("kind"), format!("must be {}", self.kind)));
        }
        let api_version = text("apiVersion").unwrap_or_default();
        let found =
            known.iter().position(|k| k == api_version).and_then(|index| self.versions.get(index));
        found.ok_or_else(|| {
            Problem::error(&at("apiVersion"), format!("must be {}", known.join(" or ")))
        })
    }
}
