//! Evaluates CEL rules (`x-kubernetes-validations`).

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use kube_core::cel::{
    CompiledSchema, ErrorKind, ValidationError, compile_schema, validate_compiled,
};
use serde_json::Value;

use super::problem::Problem;
use crate::path::FieldPath;

/// Compiled rules of one schema.
pub(super) struct Rules(Option<CompiledSchema>);

impl Rules {
    pub(super) fn new(schema: Option<&JSONSchemaProps>) -> Self {
        // A schema can always be converted to JSON.
        let schema = schema.and_then(|s| serde_json::to_value(s).ok());
        Self(
            schema
                .filter(|s| s.to_string().contains("\"x-kubernetes-validations\""))
                .map(|s| compile_schema(&s)),
        )
    }

    /// Problems of the violated rules, ordered by field. With `blocked`, a field is missing or has
    /// the wrong type, and no rule is evaluated; the API server does not evaluate rules either.
    pub(super) fn check(&self, object: &Value, blocked: bool) -> Vec<Problem> {
        let Some(compiled) = self.0.as_ref() else { return Vec::new() };
        if blocked {
            let message = "the rules (x-kubernetes-validations) were not checked; \
                           correct the other problems first";
            return vec![Problem::unchecked(&FieldPath::root(), message)];
        }
        let mut violations = match validate_compiled(compiled, object, None) {
            Ok(()) => Vec::new(),
            Err(errors) => errors.into_vec(),
        };
        violations.sort_by(|a, b| (&a.field_path, &a.message).cmp(&(&b.field_path, &b.message)));
        violations.iter().map(problem).collect()
    }
}

fn problem(error: &ValidationError) -> Problem {
    let path = FieldPath::parse(&error.field_path);
    let rule = &error.rule;
    match error.kind {
        ErrorKind::ValidationFailure => Problem::error(&path, error.message.clone()),
        // The server rejects the resource too: the rule reads a missing field or divides by zero.
        ErrorKind::EvaluationError | ErrorKind::InvalidResult => {
            Problem::error(&path, format!("the rule `{rule}` fails: {}", error.message))
        }
        _ => Problem::unchecked(
            &path,
            format!("the rule `{rule}` was not checked: {}", error.message),
        ),
    }
}
