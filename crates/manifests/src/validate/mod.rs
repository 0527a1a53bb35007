//! What the API server would say about a resource, without an API server.
//!
//! The steps are the server's own, in its order:
//!
//! 1. `metadata`: names, labels, annotations
//! 2. `unknown`: fields that the schema does not have, as `kubectl`'s strict validation reports
//!    them
//! 3. `defaults`: nulls are dropped, defaults filled in, whole floats are integers
//! 4. `schema`: types, required fields, bounds, patterns; `format` for what a `format` means
//! 5. `rules`: CEL (`x-kubernetes-validations`), unless a field has the wrong type
//!
//! What needs a cluster is not here: quotas, webhooks, whether a name is taken, rules that compare
//! with an older version.

mod defaults;
mod format;
mod metadata;
mod rules;
mod schema;
mod suggest;
mod unknown;

use std::fmt;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps,
};
use serde_json::Value;

use crate::path::FieldPath;

pub use metadata::{is_dns_label, is_dns_subdomain};
pub use suggest::closest;

/// Something about one field of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which field.
    pub path: FieldPath,
    /// What is wrong with it.
    pub message: String,
    /// What to write instead, where that is known.
    pub help: Option<String>,
    /// How bad it is.
    pub severity: Severity,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The API server refuses the resource.
    Error,
    /// Only the API server can tell.
    Unchecked,
}

impl Problem {
    /// A reason for the API server to refuse the resource.
    pub fn error(path: &FieldPath, message: impl Into<String>) -> Self {
        Self { path: path.clone(), message: message.into(), help: None, severity: Severity::Error }
    }

    /// With what to write instead.
    #[must_use]
    pub fn or_write(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.path.is_root() { "" } else { ": " };
        write!(f, "{}{separator}{}", self.path, self.message)
    }
}

/// A definition, prepared for many resources.
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
    status_apart: bool,
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Version").field(&self.name).finish()
    }
}

/// Everything that the API server would refuse in `object`, which afterwards is as the server would
/// store it: without unknown fields, without nulls, without a status of its own, with defaults.
/// Prepare a [`Validator`] for more than one.
///
/// # Guarantees
/// Deterministic, and ordered as the steps are. No problem is reported because of another one that
/// was reported before.
#[must_use]
pub fn validate(crd: &CustomResourceDefinition, object: &mut Value) -> Vec<Problem> {
    Validator::new(crd).validate(object)
}

/// What the API server would refuse in the metadata of an object of any kind.
#[must_use]
pub fn validate_metadata(object: &Value, namespaced: bool) -> Vec<Problem> {
    metadata::check(object, namespaced)
}

impl Validator {
    /// Prepares a definition.
    #[must_use]
    pub fn new(crd: &CustomResourceDefinition) -> Self {
        let version =
            |v: &k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinitionVersion| {
                let schema = v.schema.as_ref().and_then(|s| s.open_api_v3_schema.clone());
                let rules = rules::Rules::new(schema.as_ref());
                let status_apart = v.subresources.as_ref().is_some_and(|s| s.status.is_some());
                Version { name: v.name.clone(), schema, rules, status_apart }
            };
        Self {
            group: crd.spec.group.clone(),
            kind: crd.spec.names.kind.clone(),
            namespaced: crd.spec.scope == "Namespaced",
            versions: crd.spec.versions.iter().filter(|v| v.served).map(version).collect(),
        }
    }

    /// As [`validate`].
    #[must_use]
    pub fn validate(&self, object: &mut Value) -> Vec<Problem> {
        let root = FieldPath::root();
        let version = match self.version_of(object) {
            Ok(version) => version,
            Err(problem) => return vec![problem],
        };
        let mut problems = metadata::check(object, self.namespaced);
        let Some(schema) = &version.schema else { return problems };
        let unnamed = !problems.is_empty();
        unknown::remove(schema, object, &mut problems);
        if let Some(map) = object.as_object_mut().filter(|_| version.status_apart) {
            // The server ignores it in a create and in an update, but for fields that it does not
            // know.
            map.remove("status");
        }
        defaults::apply(schema, object);
        let mut fields = schema::Findings::default();
        fields.check(schema, object, &root);
        defaults::whole_numbers(object);
        problems.append(&mut fields.problems);
        problems.extend(version.rules.check(object, unnamed || fields.blocking));
        problems
    }

    fn version_of(&self, object: &Value) -> Result<&Version, Problem> {
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
        let asked = text("apiVersion").unwrap_or_default();
        let found =
            known.iter().position(|k| k == asked).and_then(|index| self.versions.get(index));
        found.ok_or_else(|| {
            Problem::error(&at("apiVersion"), format!("must be {}", known.join(" or ")))
        })
    }
}
