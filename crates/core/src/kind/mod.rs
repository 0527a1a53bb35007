//! Kinds as types: objects of any kind, and the names of kinds and objects.
//!
//! - here: [`Object`], [`AnyObject`], [`KindInfo`], [`ObjectKey`]; how an object that is looked up
//!   is decoded
//! - `declared`: what an operator owns and reads, declared in its types; everything else is derived
//!   from that
//! - `tuples`: declarations of up to 12 kinds

mod declared;
mod tuples;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::metadata::PartialObjectMeta;
use kube_core::{ClusterResourceScope, NamespaceResourceScope, Resource};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::hash;

pub(crate) use declared::carries;
pub use declared::{
    Asks, At, Declared, DeclaredRead, Decode, Entry, Labels, Optional, OwnedKind, Part, ReadKind,
    Reading, Selected, Selector, Served, StandsFor,
};
pub use tuples::{Kinds, Owns, ReadKinds, Reads, Serves};

/// Whether objects of a kind live in a namespace; known at compile time.
pub trait Scope {
    /// `true` for kinds whose objects live in a namespace.
    const NAMESPACED: bool;
}

impl Scope for NamespaceResourceScope {
    const NAMESPACED: bool = true;
}

impl Scope for ClusterResourceScope {
    const NAMESPACED: bool = false;
}

/// Any Kubernetes object whose kind is known at compile time. Implemented for every type that fits:
/// those of k8s-openapi and those that derive `kube::CustomResource`.
pub trait Object:
    Resource<DynamicType = (), Scope: Scope>
    + Serialize
    + DeserializeOwned
    + Clone
    + fmt::Debug
    + Send
    + Sync
    + 'static
{
}

impl<K> Object for K where
    K: Resource<DynamicType = (), Scope: Scope>
        + Serialize
        + DeserializeOwned
        + Clone
        + fmt::Debug
        + Send
        + Sync
        + 'static
{
}

/// An [`Object`] whose type was forgotten: what caches hold.
pub trait AnyObject: Any + Send + Sync + fmt::Debug {
    /// The object's metadata, without `managedFields`.
    fn meta(&self) -> &ObjectMeta;

    /// Hash of everything in it. `None` for what cannot be written as JSON: nobody can tell whether
    /// it changed.
    fn content(&self) -> Option<u64>;
}

impl<K: Object> AnyObject for K {
    fn meta(&self) -> &ObjectMeta {
        Resource::meta(self)
    }

    fn content(&self) -> Option<u64> {
        serde_json::to_vec(self).ok().map(|json| hash::of(&json))
    }
}

/// Decodes `json` as a `K` without `managedFields`: nobody reads them there, and they are most of
/// the memory and of the time.
pub(crate) fn decode<K: Object>(json: &[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error> {
    let mut object: K = serde_json::from_slice(&without_managed_fields(json))?;
    object.meta_mut().managed_fields = None;
    Ok(Arc::new(object))
}

/// The same object with nothing in `metadata.managedFields`.
fn without_managed_fields(json: &[u8]) -> Cow<'_, [u8]> {
    #[derive(Deserialize)]
    struct Outer<'a> {
        #[serde(borrow)]
        metadata: Inner<'a>,
    }
    #[derive(Deserialize)]
    struct Inner<'a> {
        #[serde(borrow, rename = "managedFields")]
        managed_fields: &'a RawValue,
    }
    // What has none, or is no object, is for the whole decoding.
    let Ok(Outer { metadata }) = serde_json::from_slice::<Outer<'_>>(json) else {
        return Cow::Borrowed(json);
    };
    let fields = metadata.managed_fields.get();
    // It was borrowed from there.
    let start = fields.as_ptr().addr() - json.as_ptr().addr();
    Cow::Owned([&json[..start], b"[]", &json[start + fields.len()..]].concat())
}

/// Decodes `json` as an object that is looked up as an `E`: only what wakes those who look it up is
/// in it.
fn decode_read<E: Entry>(json: &[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error> {
    let mut object: E::Kind = serde_json::from_slice(&without_managed_fields(json))?;
    E::hide(&mut object);
    Ok(Arc::new(object))
}

/// Takes away what changes although nothing that a reader sees does: whoever decided from it would
/// decide from something old.
pub(crate) fn hide<K: Object>(object: &mut K) {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    meta.resource_version = None;
    if K::metadata_api() {
        // It counts changes of the spec, which is not there.
        meta.generation = None;
    }
}

/// Takes away all metadata but what tells which object it is.
fn hide_all_but_identity<K: Object>(object: &mut K) {
    let ObjectMeta { name, namespace, uid, creation_timestamp, deletion_timestamp, .. } =
        std::mem::take(object.meta_mut());
    *object.meta_mut() = ObjectMeta {
        name,
        namespace,
        uid,
        creation_timestamp,
        deletion_timestamp,
        ..ObjectMeta::default()
    };
}

/// Only the metadata of a `K`: `type Reads = (Metadata<Namespace>,)` watches and keeps nothing
/// else.
pub type Metadata<K> = PartialObjectMeta<K>;

/// The groups of Kubernetes itself that have a dot in their names, without `.k8s.io`.
const BUILT_IN: [&str; 17] = [
    "admissionregistration",
    "apiextensions",
    "apiregistration",
    "authentication",
    "authorization",
    "certificates",
    "coordination",
    "discovery",
    "events",
    "flowcontrol.apiserver",
    "internal.apiserver",
    "networking",
    "node",
    "rbac.authorization",
    "resource",
    "scheduling",
    "storage",
];

/// Names of a kind: group, version, kind, plural, and its scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KindInfo {
    /// API group, empty for the core group.
    pub group: Cow<'static, str>,
    /// API version, e.g. `v1`.
    pub version: Cow<'static, str>,
    /// Kind in CamelCase, e.g. `Deployment`.
    pub kind: Cow<'static, str>,
    /// Plural as in URLs and RBAC, e.g. `deployments`.
    pub plural: Cow<'static, str>,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
}

impl KindInfo {
    /// The names of `K`.
    #[must_use]
    pub fn of<K: Object>() -> Self {
        Self {
            group: K::group(&()),
            version: K::version(&()),
            kind: K::kind(&()),
            plural: K::plural(&()),
            namespaced: <K::Scope as Scope>::NAMESPACED,
        }
    }

    /// `apps/v1`, or `v1` for the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, or `services` for the core group: the name of its CRD, and what `kubectl
    /// get` takes.
    #[must_use]
    pub fn resource(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_string()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// Whether this is the kind that Kubernetes writes so: `Deployment.apps`, or `Service` of the
    /// core group.
    #[must_use]
    pub fn is(&self, group_kind: &str) -> bool {
        match group_kind.strip_prefix(&*self.kind) {
            Some("") => self.group.is_empty(),
            Some(rest) => rest.strip_prefix('.') == Some(&*self.group) && !self.group.is_empty(),
            None => false,
        }
    }

    /// Whether the API server itself serves this kind, as opposed to a `CustomResourceDefinition`
    /// or another server.
    ///
    /// The group tells: that of a definition has a dot in it, and is none of Kubernetes' own.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        let own = |area: &str| BUILT_IN.contains(&area);
        !self.group.contains('.') || self.group.strip_suffix(".k8s.io").is_some_and(own)
    }

    /// The path of the collection below the API server, in one namespace or in all.
    #[must_use]
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let api_version = self.api_version();
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => {
                format!("{root}/{api_version}/namespaces/{namespace}/{}", self.plural)
            }
            None => format!("{root}/{api_version}/{}", self.plural),
        }
    }
}

impl fmt::Display for KindInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)
    }
}

/// Where an object is, within its kind. The namespace is empty for cluster-scoped objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Namespace, empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// An object in a namespace.
    #[must_use]
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// A cluster-scoped object.
    #[must_use]
    pub fn cluster(name: impl Into<Arc<str>>) -> Self {
        Self::new("", name)
    }

    /// The key of an object, from its metadata.
    #[must_use]
    pub fn of(meta: &ObjectMeta) -> Self {
        Self::new(
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
        )
    }

    /// The namespace, unless it is cluster-scoped.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        Some(&*self.namespace).filter(|n| !n.is_empty())
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace() {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    #[test]
    fn an_object_is_decoded_without_its_managed_fields_and_with_everything_else() {
        let json = br#"{"data":{"managedFields":"mine"},"metadata":{"managedFields":[{"manager":"a","fieldsV1":{"f:data":{}}}],"name":"x"}}"#;
        assert_eq!(
            &*without_managed_fields(json),
            br#"{"data":{"managedFields":"mine"},"metadata":{"managedFields":[],"name":"x"}}"#
        );
        let object: Arc<dyn Any + Send + Sync> = decode::<ConfigMap>(json).unwrap();
        let config = object.downcast::<ConfigMap>().unwrap();
        assert_eq!(
            (config.metadata.name.as_deref(), &config.metadata.managed_fields),
            (Some("x"), &None)
        );
        assert_eq!(config.data.as_ref().unwrap()["managedFields"], "mine");
    }

    #[test]
    fn a_kind_is_told_from_one_of_the_same_name_in_another_group() {
        let kind = |group: &'static str| KindInfo {
            group: Cow::Borrowed(group),
            ..KindInfo::of::<ConfigMap>()
        };
        assert!(kind("").is("ConfigMap") && kind("a.b").is("ConfigMap.a.b"));
        for other in ["ConfigMap.", "ConfigMap.a", "ConfigMaps", "Config", ""] {
            assert!(!kind("").is(other) && !kind("a.b").is(other), "{other}");
        }
        assert!(!kind("a.b").is("ConfigMap") && !kind("").is("ConfigMap.a.b"));
    }

    #[test]
    fn what_has_no_managed_fields_is_left_as_it_is() {
        for json in [r#"{"metadata":{"name":"x"}}"#, r#"{"metadata":null}"#, "no object"] {
            assert!(
                matches!(without_managed_fields(json.as_bytes()), Cow::Borrowed(same) if same == json.as_bytes())
            );
        }
    }
}
