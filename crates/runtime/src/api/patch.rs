//! What is applied, with its precondition.

use kubewright_core::desired::Desired;
use kubewright_core::tree::Tree;
use kubewright_core::{KindInfo, ObjectKey};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// What a write must find, or fail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Precondition<'a> {
    /// No object of that name (a resourceVersion that no object can have).
    Absent,
    /// Exactly the object with this UID.
    Uid(&'a str),
}

impl<'a> Precondition<'a> {
    /// The field of `metadata` that says it.
    fn field(self) -> (&'static str, &'a str) {
        match self {
            // Every stored object has a larger version: absent -> created, present -> conflict.
            Self::Absent => ("resourceVersion", "1"),
            Self::Uid(uid) => ("uid", uid),
        }
    }
}

/// A complete object, and what the write of it must find.
pub(super) fn object<'a>(want: &'a Desired, must: Precondition<'a>) -> Tree<'a> {
    let mut object = want.tree();
    let (field, value) = must.field();
    object.at("metadata").set(field, value.into());
    object
}

/// The status of exactly one object.
#[allow(clippy::struct_field_names)] // as the API names it
pub(super) struct Status<'a> {
    pub(super) kind: &'a KindInfo,
    pub(super) key: &'a ObjectKey,
    pub(super) status: &'a Value,
    pub(super) uid: &'a str,
}

impl Serialize for Status<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Identity<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            namespace: Option<&'a str>,
            uid: &'a str,
        }
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("apiVersion", &self.kind.api_version())?;
        object.serialize_entry("kind", &self.kind.kind)?;
        let identity =
            Identity { name: &self.key.name, namespace: self.key.namespace(), uid: self.uid };
        object.serialize_entry("metadata", &identity)?;
        object.serialize_entry("status", self.status)?;
        object.end()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::borrow::Cow::Borrowed;

    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_sent_with_what_it_must_find() {
        let want = crate::testing::config_map("web");
        let sent = |must| serde_json::to_value(object(&want, must)).unwrap();
        let mut expected = want.body().clone();
        expected["metadata"]["resourceVersion"] = "1".into();
        assert_eq!(sent(Precondition::Absent), expected);
        let mut expected = want.body().clone();
        expected["metadata"]["uid"] = "u".into();
        assert_eq!(sent(Precondition::Uid("u")), expected);
    }

    #[test]
    fn a_status_is_sent_for_exactly_one_object() {
        let kind = KindInfo {
            group: Borrowed("g"),
            version: Borrowed("v1"),
            kind: Borrowed("K"),
            plural: Borrowed("ks"),
            namespaced: true,
        };
        let (key, cluster, status) =
            (ObjectKey::new("ns", "web"), ObjectKey::cluster("web"), json!({ "ready": true }));
        let sent = |key| {
            serde_json::to_value(Status { kind: &kind, key, status: &status, uid: "u" }).unwrap()
        };
        let expected = json!({ "apiVersion": "g/v1", "kind": "K", "metadata": { "name": "web", "namespace": "ns", "uid": "u" },
            "status": { "ready": true } });
        assert_eq!(sent(&key), expected);
        assert_eq!(sent(&cluster)["metadata"], json!({ "name": "web", "uid": "u" }));
    }
}
