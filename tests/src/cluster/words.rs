//! Objects in words, for messages and for what a person would look at: conditions above all.

use serde::Serialize;
use serde_json::Value;

/// An object as a failure shows it: without `managedFields`, which nobody can read.
#[must_use]
pub fn seen(object: &impl Serialize) -> String {
    let mut value = serde_json::to_value(object).unwrap();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    serde_json::to_string_pretty(&value).unwrap()
}

/// A condition of an object, without its times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// `True`, `False`, `Unknown`; empty where there is no such condition.
    pub status: String,
    /// In CamelCase.
    pub reason: String,
    /// For a person.
    pub message: String,
}

impl Told {
    /// Whether the condition is there and true.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.status == "True"
    }

    /// Status and reason, to compare with.
    #[must_use]
    pub fn says(&self) -> (&str, &str) {
        (&self.status, &self.reason)
    }
}

/// The condition of this type, as the object tells it about its present generation; empty where it
/// does not.
#[must_use]
pub fn condition(object: &impl Serialize, type_: &str) -> Told {
    let value = serde_json::to_value(object).unwrap();
    let generation = value.pointer("/metadata/generation");
    let conditions = value.pointer("/status/conditions").and_then(Value::as_array);
    let about_now = |c: &&Value| {
        c.get("observedGeneration").is_none() || c.get("observedGeneration") == generation
    };
    let found = conditions.into_iter().flatten().filter(about_now).find(|c| c["type"] == type_);
    let text = |field: &str| found.and_then(|c| c[field].as_str()).unwrap_or_default().to_owned();
    Told { status: text("status"), reason: text("reason"), message: text("message") }
}
