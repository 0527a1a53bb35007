//! The bodies of apply requests, with their preconditions.

use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::tree::Tree;
use kubewright_core::{KindInfo, ObjectKey};
use serde::ser::{Serialize, SerializeMap, Serializer};
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

/// The status of one object, which must have this UID.
#[allow(clippy::struct_field_names)] // the name of the field in the API
pub(super) struct Status<'a> {
    pub(super) kind: &'a KindInfo,
    pub(super) key: &'a ObjectKey,
    pub(super) status: &'a Value,
    pub(super) uid: &'a str,
}

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut metadata = json!({ "name": &*self.key.name, "uid": self.uid });
        if let Some(namespace) = self.key.namespace() {
            metadata["namespace"] = namespace.into();
        }
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("apiVersion", &self.kind.api_version())?;
        object.serialize_entry("kind", &self.kind.kind)?;
        object.serialize_entry("metadata", &metadata)?;
        object.serialize_entry("status", self.status)?;
        object.end()
    }
}

#[cfg(test)]
mod tests;
