//! Kubernetes objects as Rust types.

use std::any::Any;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::metadata::PartialObjectMeta;
use kube_core::{ClusterResourceScope, NamespaceResourceScope, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::internals::hash;

/// Whether the objects of a kind live in a namespace; known at compile time.
pub trait Scope {
    /// `true` for namespaced kinds.
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

/// Only the metadata of a `K`: `type Reads = (Metadata<Namespace>,)` watches and caches nothing
/// else.
pub type Metadata<K> = PartialObjectMeta<K>;

/// An [`Object`] of any type: what caches hold.
pub trait AnyObject: Any + Send + Sync + fmt::Debug {
    /// The object's metadata, without `managedFields`.
    fn meta(&self) -> &ObjectMeta;

    /// The hash of the whole object. `None` if the object cannot be written as JSON: then a change
    /// cannot be detected.
    fn content_hash(&self) -> Option<u64>;
}

impl<K: Object> AnyObject for K {
    fn meta(&self) -> &ObjectMeta {
        Resource::meta(self)
    }

    fn content_hash(&self) -> Option<u64> {
        serde_json::to_vec(self).ok().map(|json| hash::of(&json))
    }
}
