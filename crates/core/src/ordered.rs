//! Ordered look-ups: the first object of a key, and whether an object is among the first.
//!
//! An example is a host that several resources claim, of which the oldest gets it, or a limit of
//! ten resources in each namespace. With [`View::list_by`](crate::View::list_by), each change of
//! one claim would wake all resources with this key. An ordered look-up wakes a resource only if
//! its answer may change:
//!
//! - [`View::first`](crate::View::first) returns the first object that fits. It wakes the resource
//!   if one of the objects that it looked at, up to the first that fits, changes or leaves, or if
//!   an object comes before the last of them.
//! - [`View::is_among_first`](crate::View::is_among_first) wakes the resource if the answer
//!   changes, and only then.
//!
//! Both take a time that hardly depends on the number of objects with the key. [`Rank`] decides the
//! order; objects of the same rank are in the order of namespace and name.
//!
//! ```
//! # use k8s_openapi::api::core::v1::ConfigMap as Claim; // Stands for a type with a few fields.
//! use kubewright_core::ordered::{Ordered, Rank};
//! use kubewright_core::{Index, View, of};
//! # use kubewright_core::Declaration;
//! # struct Previews;
//! # impl Declaration for Previews {
//! #     type Owns = ();
//! #     type Reads = (Claim,); // in `impl Operator for Previews`
//! #     type Facts = ();
//! # }
//! struct ByNamespace;
//! impl Index for ByNamespace {
//!     type Of = Claim;
//!     fn keys(claim: &Claim) -> Vec<String> {
//!         claim.metadata.namespace.iter().cloned().collect()
//!     }
//! }
//! impl Ordered for ByNamespace {
//!     fn rank(claim: &Claim) -> Rank {
//!         Rank::oldest(&claim.metadata)
//!     }
//! }
//! /// The oldest claim of a namespace that is not being deleted.
//! fn oldest(view: &View<'_, Previews>, namespace: &str) -> Option<String> {
//!     let lives = |claim: &Claim| claim.metadata.deletion_timestamp.is_none();
//!     view.first(of::<ByNamespace>(), namespace, lives)?.metadata.name.clone()
//! }
//! /// Whether this claim is one of the ten oldest of its namespace.
//! fn is_within_limit(view: &View<'_, Previews>, namespace: &str, own: &Claim) -> bool {
//!     view.is_among_first(of::<ByNamespace>(), namespace, 10, own)
//! }
//! ```

use std::any::Any;

use crate::index::{AnyIndex, Index};
use crate::kind::{AnyObject, Entry};

pub use crate::rank::{Last, Place, Rank};

/// An [`Index`] whose objects have an order.
pub trait Ordered: Index {
    /// The rank of an object among those with the same key.
    ///
    /// # Assumptions
    /// Deterministic, and cheap: it runs with every event.
    fn rank(object: &<Self::Of as Entry>::Kind) -> Rank;
}

impl AnyIndex {
    /// The index `I` with its order. It differs from [`AnyIndex::of`] the same index.
    #[must_use]
    pub fn ordered<I: Ordered>() -> Self {
        Self::of::<I>().with_rank(rank::<I>)
    }
}

fn rank<I: Ordered>(object: &dyn AnyObject) -> Rank {
    let object: &dyn Any = object;
    object.downcast_ref::<<I::Of as Entry>::Kind>().map(I::rank).unwrap_or_default()
}
