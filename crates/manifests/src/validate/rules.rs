//! CEL rules (`x-kubernetes-validations`), evaluated here.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use kube_core::cel::{
    CompiledSchema, ErrorKind, ValidationError, compile_schema, validate_compiled,
};
use serde_json::Value;

use super::{Problem, Severity};
use crate::path::FieldPath;

/// The rules of one schema, compiled.
pub(super) struct Rules(Option<CompiledSchema>);

impl Rules {
    pub(super) fn new(schema: Option<&JSONSchemaProps>) -> Self {
        // A schema is JSON by its nature.
        let schema = schema.and_then(|s| serde_json::to_value(s).ok());
        Self(
            schema
                .filter(|s| s.to_string().contains("\"x-kubernetes-validations\""))
                .map(|s| compile_schema(&s)),
        )
    }

    /// The rules that `object` breaks, ordered by field. With `blocked`, fields are missing or have
    /// the wrong type, and rules would only stumble over them; the API server does not try them
    /// either.
    pub(super) fn check(&self, object: &Value, blocked: bool) -> Vec<Problem> {
        let Some(compiled) = self.0.as_ref() else { return Vec::new() };
        if blocked {
            let message =
                "its rules (x-kubernetes-validations) are checked once its fields are right";
            return vec![Problem {
                severity: Severity::Unchecked,
                ..Problem::error(&FieldPath::root(), message)
            }];
        }
        let mut broken = match validate_compiled(compiled, object, None) {
            Ok(()) => Vec::new(),
            Err(errors) => errors.into_vec(),
        };
        broken.sort_by(|a, b| (&a.field_path, &a.message).cmp(&(&b.field_path, &b.message)));
        broken.iter().map(problem).collect()
    }
}

fn problem(error: &ValidationError) -> Problem {
    let path = FieldPath::parse(&error.field_path);
    let rule = &error.rule;
    match error.kind {
        ErrorKind::ValidationFailure => Problem::error(&path, error.message.clone()),
        // The server would fail, too: the rule asks for a field that is not there, or divides by
        // zero.
        ErrorKind::EvaluationError | ErrorKind::InvalidResult => {
            Problem::error(&path, format!("the rule `{rule}` fails: {}", error.message))
        }
        _ => Problem {
            severity: Severity::Unchecked,
            ..Problem::error(&path, format!("the rule `{rule}` was not checked: {}", error.message))
        },
    }
}
