//! Reads conditions of objects, and prints objects for failure messages.

use serde::Serialize;
use serde_json::Value;

/// An object as JSON for a failure message, without `managedFields`.
#[must_use]
pub fn describe(object: &impl Serialize) -> String {
    let mut value = serde_json::to_value(object).unwrap();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    serde_json::to_string_pretty(&value).unwrap()
}

/// A condition of an object, without its times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConditionState {
    /// `True`, `False`, `Unknown`; empty when the object has no such condition.
    pub status: String,
    /// The reason, in CamelCase.
    pub reason: String,
    /// The message for a person.
    pub message: String,
}

impl ConditionState {
    /// Whether the condition exists and is true.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }

    /// Status and reason, for comparisons.
    #[must_use]
    pub fn status_and_reason(&self) -> (&str, &str) {
        (&self.status, &self.reason)
    }
}

/// The condition of this type for the object's present generation; empty when there is none.
#[must_use]
pub fn condition(object: &impl Serialize, type_: &str) -> ConditionState {
    let value = serde_json::to_value(object).unwrap();
    let generation = value.pointer("/metadata/generation");
    let conditions = value.pointer("/status/conditions").and_then(Value::as_array);
    let is_current = |c: &&Value| {
        c.get("observedGeneration").is_none() || c.get("observedGeneration") == generation
    };
    let found = conditions.into_iter().flatten().filter(is_current).find(|c| c["type"] == type_);
    let text = |field: &str| found.and_then(|c| c[field].as_str()).unwrap_or_default().to_owned();
    ConditionState { status: text("status"), reason: text("reason"), message: text("message") }
}
