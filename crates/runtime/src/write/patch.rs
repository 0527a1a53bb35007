//! The bodies of apply requests, with their preconditions.

use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::tree::Tree;
use kubewright_core::{KindInfo, ObjectKey};
use serde::Serialize;
use serde_json::{Value, json};

/// What must hold for a write to succeed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Precondition<'a> {
    /// No object has this name.
    Absent,
    /// The object has this UID.
    Uid(&'a str),
}

/// A complete object with a precondition.
pub(super) fn object<'a>(want: &'a Desired, precondition: Precondition<'a>) -> Tree<'a> {
    let (field, value) = match precondition {
        // Every stored object has a larger version: absent -> 201, present -> 409.
        Precondition::Absent => ("resourceVersion", "1"),
        Precondition::Uid(uid) => ("uid", uid),
    };
    let mut object = want.tree();
    object.at("metadata").set(field, value.into());
    object
}

/// The status of one object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names)] // the name of the field in the API
pub(super) struct Status<'a> {
    api_version: String,
    kind: &'a str,
    metadata: Value,
    status: &'a Value,
}

impl<'a> Status<'a> {
    /// The status of the object with this name, which must have this UID.
    pub(super) fn new(kind: &'a KindInfo, key: &ObjectKey, status: &'a Value, uid: &str) -> Self {
        let mut metadata = json!({ "name": &*key.name, "uid": uid });
        if let Some(namespace) = key.namespace() {
            metadata["namespace"] = namespace.into();
        }
        Self { api_version: kind.api_version(), kind: &kind.kind, metadata, status }
    }
}

#[cfg(test)]
mod tests;
