//! The bodies of requests that change an object, with their preconditions.

use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::leftovers::Leftover;
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
    /// The object has this UID and this version.
    Version(&'a str, u64),
}

/// A complete object with a precondition.
pub(super) fn object<'a>(want: &'a Desired, precondition: Precondition<'a>) -> Tree<'a> {
    let (uid, version) = match precondition {
        // Every stored object has a larger version: absent -> 201, present -> 409.
        Precondition::Absent => (None, Some(1)),
        Precondition::Uid(uid) => (Some(uid), None),
        Precondition::Version(uid, version) => (Some(uid), Some(version)),
    };
    let mut object = want.tree();
    let metadata = object.at("metadata");
    if let Some(uid) = uid {
        metadata.set("uid", uid.into());
    }
    if let Some(version) = version {
        metadata.set("resourceVersion", version.to_string().into());
    }
    object
}

/// A JSON patch that removes fields from the entries of other managers, for exactly this version.
pub(super) fn without_leftovers(leftovers: &[Leftover<'_>], version: u64) -> Value {
    let entry = |leftover: &Leftover<'_>| {
        let path = format!("/metadata/managedFields/{}", leftover.index);
        match &leftover.rest {
            Some(rest) => {
                let path = format!("{path}/fieldsV1");
                json!({ "op": "replace", "path": path, "value": rest })
            }
            None => json!({ "op": "remove", "path": path }),
        }
    };
    // Another version answers 409. A failed `test` would answer 422.
    let version = version.to_string();
    let version = json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": version });
    // The last entry comes first, so that the index of the others stays right.
    std::iter::once(version).chain(leftovers.iter().rev().map(entry)).collect()
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
