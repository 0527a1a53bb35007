//! Kinds as types: what an operator owns and reads is declared in its types, and everything else is derived from it.
//!
//! `type Owns = (Deployment, Service, Optional<Mapping>)` is all that a developer writes. [`Owns`] and [`Reads`] make the
//! compiler refuse a kind that is not in the declaration, with a message that says what to add.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::metadata::PartialObjectMeta;
use kube_core::{ClusterResourceScope, NamespaceResourceScope, Resource};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::hash;

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

/// Any Kubernetes object whose kind is known at compile time. Implemented for every type that fits: those of
/// k8s-openapi and those that derive `kube::CustomResource`.
pub trait Object:
    Resource<DynamicType = (), Scope: Scope> + Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static
{
}

impl<K> Object for K where
    K: Resource<DynamicType = (), Scope: Scope> + Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + 'static
{
}

/// An [`Object`] whose type was forgotten: what caches hold.
pub trait AnyObject: Any + Send + Sync + fmt::Debug {
    /// The object's metadata, without `managedFields`.
    fn meta(&self) -> &ObjectMeta;

    /// Hash of everything in it. `None` for what cannot be written as JSON: nobody can tell whether it changed.
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

/// Decodes `json` as a `K` without `managedFields`: nobody reads them there, and they are most of the memory and of the time.
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
    let Ok(Outer { metadata }) = serde_json::from_slice::<Outer<'_>>(json) else { return Cow::Borrowed(json) };
    let fields = metadata.managed_fields.get();
    // It was borrowed from there.
    let start = fields.as_ptr().addr() - json.as_ptr().addr();
    Cow::Owned([&json[..start], b"[]", &json[start + fields.len()..]].concat())
}

/// Decodes `json` as a `K` that is looked up: only what wakes those who look it up is in it.
fn decode_read<K: Object>(json: &[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error> {
    let mut object: K = serde_json::from_slice(&without_managed_fields(json))?;
    hide(&mut object);
    Ok(Arc::new(object))
}

/// Takes away what changes although nothing that a reader sees does: whoever decided from it would decide from something old.
pub(crate) fn hide<K: Object>(object: &mut K) {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    meta.resource_version = None;
    if K::metadata_api() {
        // It counts changes of the spec, which is not there.
        meta.generation = None;
    }
}

/// Only the metadata of a `K`: `type Reads = (Metadata<Namespace>,)` watches and keeps nothing else.
pub type Metadata<K> = PartialObjectMeta<K>;

/// A kind whose API may not be served in a cluster (its CRD is installed by somebody else, or never).
///
/// The operator works without it, and picks it up when it appears. For declarations only; no value of it exists. Whether it is
/// there is told by its `CustomResourceDefinition`, so a kind that is built into Kubernetes cannot be optional
/// ([`Registry::check`](crate::Registry::check) refuses it).
pub struct Optional<K> {
    _kind: PhantomData<fn() -> K>,
    never: std::convert::Infallible,
}

impl<K> fmt::Debug for Optional<K> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.never {}
    }
}

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
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `deployments.apps`, or `services` for the core group: the name of its CRD, and what `kubectl get` takes.
    #[must_use]
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_string() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether this is the kind that Kubernetes writes so: `Deployment.apps`, or `Service` of the core group.
    #[must_use]
    pub fn is(&self, group_kind: &str) -> bool {
        match group_kind.strip_prefix(&*self.kind) {
            Some("") => self.group.is_empty(),
            Some(rest) => rest.strip_prefix('.') == Some(&*self.group) && !self.group.is_empty(),
            None => false,
        }
    }

    /// Whether the API server itself serves this kind, as opposed to a `CustomResourceDefinition` or another server.
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
            Some(namespace) => format!("{root}/{api_version}/namespaces/{namespace}/{}", self.plural),
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
        Self::new(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
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

/// One kind in `type Owns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedKind {
    /// Its names.
    pub info: KindInfo,
    /// Declared as [`Optional`].
    pub optional: bool,
}

/// Makes an object from JSON.
pub type Decode = fn(&[u8]) -> Result<Arc<dyn AnyObject>, serde_json::Error>;

/// One kind in `type Reads`.
#[derive(Clone, Debug)]
pub struct ReadKind {
    /// Its names.
    pub info: KindInfo,
    /// Declared as [`Optional`].
    pub optional: bool,
    /// Declared as [`Metadata`]: the API server is asked for the metadata alone.
    pub metadata_only: bool,
    /// Which Rust type a cache of it holds.
    pub type_id: TypeId,
    /// Decodes one object, as a [`View`](crate::View) shows it.
    pub decode: Decode,
}

/// One entry of a declaration: a kind, or an [`Optional`] kind.
pub trait Declared: 'static {
    /// The kind itself.
    type Kind: Object;
    /// Whether its API may be absent.
    const OPTIONAL: bool;
}

impl<K: Object> Declared for K {
    type Kind = K;
    const OPTIONAL: bool = false;
}

impl<K: Object> Declared for Optional<K> {
    type Kind = K;
    const OPTIONAL: bool = true;
}

/// An entry that stands for the kind `K`: `K` itself, or [`Optional`] of it.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a kind that this operator declares",
    label = "the declaration has only `{Self}`",
    note = "add it: `type Owns = (..., {K})` for what `build` returns, `type Reads = (..., {K})` for what it looks up"
)]
pub trait StandsFor<K>: Declared {}

impl<K: Object> StandsFor<K> for K {}
impl<K: Object> StandsFor<K> for Optional<K> {}

/// A declaration of kinds: a tuple of up to 12 of them, e.g. `(Deployment, Service)`; `(Deployment,)` for one; `()` for none.
pub trait Kinds: 'static {
    /// The declaration as `type Owns`.
    fn owned() -> Vec<OwnedKind>;
    /// The declaration as `type Reads`.
    fn read() -> Vec<ReadKind>;
}

/// `Self` declares `K` as owned. `At` is where; the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a kind that this operator owns",
    label = "`{K}` is missing in `type Owns`",
    note = "add it to the operator's declaration: `type Owns = (..., {K})`; watches, RBAC and docs then follow from it"
)]
pub trait Owns<K, At> {}

/// `Self` declares `K` as read. `At` is where; the compiler finds it.
#[diagnostic::on_unimplemented(
    message = "`{K}` is not a kind that this operator reads",
    label = "`{K}` is missing in `type Reads`",
    note = "add it to the operator's declaration: `type Reads = (..., {K})`; watches, RBAC and wake-ups then follow from it"
)]
pub trait Reads<K, At> {}

/// A place in a declaration.
#[derive(Debug)]
pub struct At<const INDEX: usize>;

fn owned_entry<D: Declared>() -> OwnedKind {
    OwnedKind { info: KindInfo::of::<D::Kind>(), optional: D::OPTIONAL }
}

fn read_entry<D: Declared>() -> ReadKind {
    ReadKind {
        info: KindInfo::of::<D::Kind>(),
        optional: D::OPTIONAL,
        metadata_only: D::Kind::metadata_api(),
        type_id: TypeId::of::<D::Kind>(),
        decode: decode_read::<D::Kind>,
    }
}

macro_rules! declarations {
    ($( ( $($all:ident $index:literal),* ) )*) => { $(
        impl<$($all: Declared),*> Kinds for ($($all,)*) {
            fn owned() -> Vec<OwnedKind> { vec![$(owned_entry::<$all>()),*] }
            fn read() -> Vec<ReadKind> { vec![$(read_entry::<$all>()),*] }
        }
    )* };
}

macro_rules! membership {
    ($( ( $($all:ident),* ) has $one:ident at $index:literal )*) => { $(
        impl<Kind: Object, $($all: Declared),*> Owns<Kind, At<$index>> for ($($all,)*) where $one: StandsFor<Kind> {}
        impl<Kind: Object, $($all: Declared),*> Reads<Kind, At<$index>> for ($($all,)*) where $one: StandsFor<Kind> {}
    )* };
}

macro_rules! tuples {
    ($( [ $($name:ident $index:literal),* ] )*) => { $( tuples!(@one [ $($name $index),* ] ); )* };
    (@one [ $($name:ident $index:literal),* ]) => {
        declarations! { ( $($name $index),* ) }
        tuples!(@members [ $($name),* ] $($name $index),* );
    };
    (@members [ $($all:ident),* ] $($name:ident $index:literal),* ) => {
        tuples!(@each [ $($all),* ] $( [ $name $index ] )* );
    };
    (@each [ $($all:ident),* ] [ $name:ident $index:literal ] $($rest:tt)* ) => {
        membership! { ( $($all),* ) has $name at $index }
        tuples!(@each [ $($all),* ] $($rest)* );
    };
    (@each [ $($all:ident),* ] ) => {};
}

tuples! {
    []
    [A 0]
    [A 0, B 1]
    [A 0, B 1, C 2]
    [A 0, B 1, C 2, D 3]
    [A 0, B 1, C 2, D 3, E 4]
    [A 0, B 1, C 2, D 3, E 4, F 5]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10]
    [A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11]
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
        assert_eq!((config.metadata.name.as_deref(), &config.metadata.managed_fields), (Some("x"), &None));
        assert_eq!(config.data.as_ref().unwrap()["managedFields"], "mine");
    }

    #[test]
    fn a_kind_is_told_from_one_of_the_same_name_in_another_group() {
        let kind = |group: &'static str| KindInfo { group: Cow::Borrowed(group), ..KindInfo::of::<ConfigMap>() };
        assert!(kind("").is("ConfigMap") && kind("a.b").is("ConfigMap.a.b"));
        for other in ["ConfigMap.", "ConfigMap.a", "ConfigMaps", "Config", ""] {
            assert!(!kind("").is(other) && !kind("a.b").is(other), "{other}");
        }
        assert!(!kind("a.b").is("ConfigMap") && !kind("").is("ConfigMap.a.b"));
    }

    #[test]
    fn what_has_no_managed_fields_is_left_as_it_is() {
        for json in [r#"{"metadata":{"name":"x"}}"#, r#"{"metadata":null}"#, "no object"] {
            assert!(matches!(without_managed_fields(json.as_bytes()), Cow::Borrowed(same) if same == json.as_bytes()));
        }
    }
}
