//! The schema of `.status.conditions`, the same for every resource.

use schemars::{Schema, SchemaGenerator, json_schema};

/// The maximum number of conditions. No resource has as many.
const MOST_CONDITIONS: u32 = 16;

/// The type of a condition: a name in CamelCase, with an optional domain before it.
const TYPE: &str = concat!(
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?",
    r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
);

/// A list of conditions (`metav1.Condition`), one of each type, with the bounds of the API
/// conventions.
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
                    "description": "The type of the condition in CamelCase, such as Ready or \
                                    Stalled.",
                    "type": "string",
                    "maxLength": 316,
                    "pattern": TYPE,
                },
                "status": {
                    "description": "Whether the condition applies: True, False or Unknown.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "reason": {
                    "description": "The cause of the status, a CamelCase word for programs.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "description": "The cause of the status and what to do, a text for people.",
                    "type": "string",
                    "maxLength": 32768,
                },
                "lastTransitionTime": {
                    "description": "When the status last changed, in RFC 3339 \
                                    (2030-01-31T12:00:00Z). A new reason or message does not \
                                    change this time.",
                    "type": "string",
                    "format": "date-time",
                },
                "observedGeneration": {
                    "description": "The metadata.generation that the condition describes. If it is \
                                    lower than metadata.generation, the operator has not seen the \
                                    last edit yet.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                },
            },
        },
    })
}
