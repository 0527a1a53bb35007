//! Reads an [`ObservedChild`] from the API server's bytes in one pass, without a tree.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::child::{ApplyEntry, ControllerRef, ObservedChild};
use crate::internals::hash::{self, AppliedHash};
use crate::internals::managed_fields::Entry;
use crate::internals::owner::creator;
use crate::internals::shard;
use crate::internals::tree::Text;
use crate::kind::ObjectKey;
use crate::labels::{self, ManagedBy};
use crate::names;

/// Bytes that are not an object as the API server sends it.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or a field of metadata has another type than the API documents.
    #[error("the API server's answer is not an object: {0}")]
    Json(#[from] serde_json::Error),
    /// A resourceVersion that is no integer.
    #[error(
        "{key} has the resourceVersion {version:?}, which is no integer; Kubernetes API servers \
         send integers"
    )]
    Version {
        /// The object.
        key: ObjectKey,
        /// Its resourceVersion.
        version: String,
    },
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    metadata: RawMeta<'a>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMeta<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(borrow, default)]
    resource_version: Cow<'a, str>,
    #[serde(default)]
    generation: Option<i64>,
    #[serde(default)]
    deletion_timestamp: Option<IgnoredAny>,
    #[serde(borrow, default)]
    owner_references: Vec<RawOwner<'a>>,
    #[serde(borrow, default)]
    labels: OwnLabels<'a>,
    #[serde(default)]
    annotations: HashAnnotation,
    #[serde(borrow, default)]
    managed_fields: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawOwner<'a> {
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(default)]
    controller: bool,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    uid: Cow<'a, str>,
}

impl RawOwner<'_> {
    /// `Echo.example.com`, or `ConfigMap` for the core group.
    fn group_kind(&self) -> Box<str> {
        match self.api_version.split_once('/') {
            Some((group, _)) => format!("{}.{group}", self.kind).into(),
            None => (*self.kind).into(),
        }
    }
}

/// The labels of ours, read without keeping the other labels. Empty if absent.
#[derive(Default)]
struct OwnLabels<'a> {
    name: Cow<'a, str>,
    instance: Cow<'a, str>,
    managed_by: Cow<'a, str>,
    shard: Cow<'a, str>,
}

impl OwnLabels<'_> {
    /// The first label that is not as the engine writes it for a child of `owner`.
    fn missing(&self, managed_by: ManagedBy<'_>, owner: &str) -> Option<&'static str> {
        if self.managed_by != names::label_value(managed_by.manager) {
            Some(labels::MANAGED_BY)
        } else if managed_by.sharded && self.shard != shard::bucket(owner) {
            Some(labels::SHARD)
        } else {
            None
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for OwnLabels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Find;
        impl<'de> Visitor<'de> for Find {
            type Value = OwnLabels<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(OwnLabels::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = OwnLabels::default();
                while let Some(Text(key)) = map.next_key()? {
                    let label = match &*key {
                        labels::NAME => &mut found.name,
                        labels::INSTANCE => &mut found.instance,
                        labels::MANAGED_BY => &mut found.managed_by,
                        labels::SHARD => &mut found.shard,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    *label = map.next_value::<Text<'de>>()?.0;
                }
                Ok(found)
            }
        }
        deserializer.deserialize_any(Find)
    }
}

/// The desired-hash annotation, read without keeping the other annotations.
#[derive(Default)]
struct HashAnnotation(Option<AppliedHash>);

impl<'de> Deserialize<'de> for HashAnnotation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Find;
        impl<'de> Visitor<'de> for Find {
            type Value = HashAnnotation;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("annotations")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(HashAnnotation(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = None;
                while let Some(Text(key)) = map.next_key()? {
                    if key == labels::DESIRED_HASH {
                        found = map.next_value::<Text<'de>>()?.0.parse().ok();
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(HashAnnotation(found))
            }
        }
        deserializer.deserialize_any(Find)
    }
}

/// The initial status of some kinds, and the status of a Service without a load balancer: both mean
/// no status.
const NO_STATUS: [&str; 2] = ["{}", r#"{"loadBalancer":{}}"#];

/// Decodes one object of an owned kind, or its `PartialObjectMetadata`.
///
/// The manager is also our field manager. Of `managedFields`, only its `Apply` entry on the main
/// resource is kept.
///
/// # Errors
/// [`DecodeError`] for bytes that no API server sends.
pub fn decode<'m>(
    json: &[u8],
    managed_by: impl Into<ManagedBy<'m>>,
) -> Result<ObservedChild, DecodeError> {
    let managed_by = managed_by.into();
    let Raw { metadata: raw, status } = serde_json::from_slice(json)?;
    let key = ObjectKey::new(&*raw.namespace, &*raw.name);
    let resource_version = version(&key, &raw.resource_version)?;
    let (ours, others): (Vec<_>, Vec<_>) =
        raw.managed_fields.iter().partition(|entry| entry.is_apply_of(managed_by.manager, ""));
    let fields = ours.first().and_then(|entry| entry.fields);
    let fields: Option<Arc<RawValue>> = fields.map(|fields| fields.to_owned().into());
    let is_shared = others.iter().any(|entry| entry.subresource != "status");
    let shared_entry = fields.clone().filter(|_| is_shared);
    let entry = fields.map_or(ApplyEntry::Missing, |fields| ApplyEntry::Unverified {
        hash: hash::of(fields.get().as_bytes()),
        fields,
    });
    let controller = raw.owner_references.into_iter().find(|o| o.controller);
    let controller: Option<Arc<_>> = controller.map(|o| {
        Arc::new(ControllerRef { kind: o.group_kind(), name: o.name.into(), uid: o.uid.into() })
    });
    let is_orphan = controller.is_none() && raw.annotations.0.is_some();
    let creator = || creator(&raw.labels.managed_by, &raw.labels.name, &raw.labels.instance);
    let orphan_of = is_orphan.then(creator);
    let owner = controller.as_ref().map_or("", |controller| &*controller.uid);
    Ok(ObservedChild {
        key,
        orphan_of,
        missing_label: raw.labels.missing(managed_by, owner),
        uid: raw.uid.into(),
        resource_version,
        generation: raw.generation,
        deleting: raw.deletion_timestamp.is_some(),
        controller,
        desired_hash: raw.annotations.0.map(|hash| hash.desired),
        template_hash: raw.annotations.0.and_then(|hash| hash.template),
        entry,
        shared_entry,
        status: status.filter(|status| !NO_STATUS.contains(&status.get())).map(ToOwned::to_owned),
    })
}

/// Reads only the key, the UID and the version of an object, for kinds that are cached typed.
///
/// # Errors
/// [`DecodeError`] for bytes that no API server sends.
pub fn decode_identity(json: &[u8]) -> Result<(ObjectKey, Box<str>, u64), DecodeError> {
    #[derive(Deserialize)]
    struct Identity<'a> {
        #[serde(borrow)]
        metadata: Meta<'a>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Meta<'a> {
        #[serde(borrow, default)]
        name: Cow<'a, str>,
        #[serde(borrow, default)]
        namespace: Cow<'a, str>,
        #[serde(borrow, default)]
        uid: Cow<'a, str>,
        #[serde(borrow, default)]
        resource_version: Cow<'a, str>,
    }
    let Identity { metadata } = serde_json::from_slice(json)?;
    let key = ObjectKey::new(&*metadata.namespace, &*metadata.name);
    let version = version(&key, &metadata.resource_version)?;
    Ok((key, metadata.uid.into(), version))
}

fn version(key: &ObjectKey, text: &str) -> Result<u64, DecodeError> {
    text.parse().map_err(|_| DecodeError::Version { key: key.clone(), version: text.to_owned() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::internals::hash::DesiredHash;

    const OBJECT: &str = r#"{"kind":"Deployment","apiVersion":"apps/v1","metadata":{
        "name":"web","namespace":"shop","uid":"u-1","resourceVersion":"42","generation":3,
        "annotations":{"a":"1","kubewright.dev/desired-hash":"00000000000000ff-1"},
        "ownerReferences":[{"apiVersion":"v1","kind":"X","name":"other","uid":"u-0"},
            {"apiVersion":"example.com/v1","kind":"Echo","name":"web","uid":"u-9",
             "controller":true}],
        "managedFields":[
            {"manager":"kubectl","operation":"Apply","fieldsV1":{"f:spec":{}}},
            {"manager":"us","operation":"Update","fieldsV1":{"f:spec":{}}},
            {"manager":"us","operation":"Apply","subresource":"status","fieldsV1":{"f:status":{}}},
            {"manager":"us","operation":"Apply","fieldsV1":{"f:metadata":{}}}]},
        "spec":{"replicas":2},"status":{"replicas":2}}"#;

    #[test]
    fn identity_owner_hashes_and_status_are_kept() {
        let child = decode(OBJECT.as_bytes(), "us").unwrap();
        assert_eq!(child.key, ObjectKey::new("shop", "web"));
        assert_eq!((&*child.uid, child.resource_version, child.generation), ("u-1", 42, Some(3)));
        assert!(!child.deleting);
        assert!(child.is_controlled_by("u-9") && !child.is_controlled_by("u-0"));
        assert_eq!(&*child.controller.unwrap().kind, "Echo.example.com");
        assert_eq!(child.desired_hash, Some(DesiredHash(255)));
        assert_eq!(child.template_hash, Some(DesiredHash(1)));
        let ApplyEntry::Unverified { fields, .. } = &child.entry else { panic!("an entry") };
        assert_eq!(fields.get(), r#"{"f:metadata":{}}"#);
        assert_eq!(child.status.unwrap().get(), r#"{"replicas":2}"#);
    }

    #[test]
    fn the_label_that_the_watch_selects_on_is_missed_if_it_is_absent_or_has_another_value() {
        let missing = |labels: &str, sharded| {
            let labels = format!(r#""labels":{labels},"generation":3"#);
            let object = OBJECT.replacen(r#""generation":3"#, &labels, 1);
            let managed_by = ManagedBy { manager: "us", sharded };
            decode(object.as_bytes(), managed_by).unwrap().missing_label
        };
        let managed = r#"{"a":"b","app.kubernetes.io/managed-by":"us"}"#;
        assert_eq!(missing(managed, false), None);
        for labels in ["null", "{}", r#"{"app.kubernetes.io/managed-by":"they"}"#] {
            assert_eq!(missing(labels, false), Some(labels::MANAGED_BY), "{labels}");
        }
        assert_eq!(missing(managed, true), Some(labels::SHARD));
        let bucket = shard::bucket("u-9");
        let both = managed.replace('{', &format!(r#"{{"kubewright.dev/shard":"{bucket}","#));
        assert_eq!(missing(&both, true), None);
        assert_eq!(missing(&both.replace(&bucket, "zz"), true), Some(labels::SHARD));
    }

    #[test]
    fn an_object_that_we_never_applied_has_no_entry() {
        assert!(matches!(
            decode(OBJECT.as_bytes(), "somebody").unwrap().entry,
            ApplyEntry::Missing
        ));
    }

    #[test]
    fn the_entry_is_shared_if_another_manager_has_one_for_more_than_the_status() {
        let child = decode(OBJECT.as_bytes(), "us").unwrap();
        assert_eq!(child.shared_entry.unwrap().get(), r#"{"f:metadata":{}}"#);
        let object = |subresource: &str| {
            let ours = r#"{"manager":"us","operation":"Apply","fieldsV1":{"f:spec":{}}}"#;
            let theirs = r#"{"manager":"they","operation":"Update","subresource":"S"}"#;
            let entries = format!("{ours},{}", theirs.replace('S', subresource));
            format!(r#"{{"metadata":{{"resourceVersion":"1","managedFields":[{entries}]}}}}"#)
        };
        assert!(decode(object("status").as_bytes(), "us").unwrap().shared_entry.is_none());
        assert!(decode(object("scale").as_bytes(), "us").unwrap().shared_entry.is_some());
    }

    #[test]
    fn a_deletion_timestamp_means_deleting() {
        let object = OBJECT.replacen(
            r#""generation":3"#,
            r#""deletionTimestamp":"2026-01-01T00:00:00Z""#,
            1,
        );
        assert!(decode(object.as_bytes(), "us").unwrap().deleting);
    }

    #[test]
    fn an_initial_status_counts_as_none() {
        for none in NO_STATUS {
            let object =
                OBJECT.replace(r#""status":{"replicas":2}"#, &format!(r#""status":{none}"#));
            assert!(object.ends_with(&format!("{none}}}")));
            assert!(decode(object.as_bytes(), "us").unwrap().status.is_none(), "{none}");
        }
    }

    #[test]
    fn strings_with_escapes_are_decoded() {
        let object = OBJECT.replacen(r#""name":"web""#, r#""name":"w\u0065b""#, 1);
        assert_eq!(&*decode(object.as_bytes(), "us").unwrap().key.name, "web");
    }

    #[test]
    fn a_version_that_is_no_integer_is_an_error() {
        let object = OBJECT.replacen(r#""42""#, r#""x42""#, 1);
        assert!(matches!(decode(object.as_bytes(), "us"), Err(DecodeError::Version { .. })));
    }
}
