//! The schema of `.status.conditions`, the same for every resource. Which conditions there are, and
//! what sets them, is the business of the framework.

use schemars::{Schema, SchemaGenerator, json_schema};

/// More kinds of condition than any resource has; a bound keeps a status from growing for ever.
const MOST_CONDITIONS: u32 = 16;

/// A list of the API convention's conditions (`metav1.Condition`), one of each type, with the
/// bounds that the convention sets.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": MOST_CONDITIONS,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {
                    "description": "What the condition is about, in CamelCase, such as Ready, Reconciling or Stalled.",
                    "type": "string",
                    "maxLength": 316,
                    "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
                },
                "status": {
                    "description": "Whether it is so: True, False or Unknown.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "reason": {
                    "description": "Why, in one CamelCase word that programs can rely on.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "description": "Why, in words for people: what is missing, and what to do about it.",
                    "type": "string",
                    "maxLength": 32768,
                },
                "lastTransitionTime": {
                    "description": "When status last changed, in RFC 3339 (2030-01-31T12:00:00Z). A new reason or message does not move it.",
                    "type": "string",
                    "format": "date-time",
                },
                "observedGeneration": {
                    "description": "The metadata.generation that the condition is about. Where it is lower than the resource's, the last edit has not been looked at yet.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                },
            },
        },
    })
}
