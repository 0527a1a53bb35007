//! Where a view finds objects, and the record of its look-ups.

use std::any::TypeId;
use std::ops::Range;
use std::sync::Arc;

use crate::index::AnyIndex;
use crate::kind::{AnyObject, KindInfo, ObjectKey};
use crate::rank::{Last, Place};
use crate::time::Timestamp;

/// Where a [`View`](crate::View) finds objects: the engine's caches, or a
/// [`FakeCluster`](crate::FakeCluster).
///
/// A `type_id` is that of an [`Entry`](crate::kind::Entry), which may differ from the type of the
/// objects.
pub trait Source {
    /// The object with this key.
    fn get(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>>;
    /// The objects with all `labels`, of one namespace or of all namespaces, ordered by key. A
    /// source may return more objects; the view filters them by label.
    fn list(
        &self,
        type_id: TypeId,
        namespace: Option<&str>,
        labels: &[(String, String)],
    ) -> Vec<Arc<dyn AnyObject>>;
    /// The objects of all namespaces that have `key` in the index, ordered by key. A source may
    /// return more objects; the view filters them.
    fn indexed(&self, type_id: TypeId, index: AnyIndex, key: &str) -> Vec<Arc<dyn AnyObject>>;
    /// The objects of all namespaces that have `key` in the ordered index, at these positions of
    /// the order. `None` if the source has no such index: then the view sorts what
    /// [`indexed`](Self::indexed) returns.
    fn ordered(
        &self,
        type_id: TypeId,
        index: AnyIndex,
        key: &str,
        positions: Range<usize>,
    ) -> Option<Vec<Arc<dyn AnyObject>>> {
        let _ = (type_id, index, key, positions);
        None
    }
    /// Whether the API of a kind is served.
    fn serves(&self, kind: &KindInfo) -> bool;
    /// Whether the objects of all namespaces are known.
    fn sees_all_namespaces(&self) -> bool {
        true
    }
    /// The current time. With the default, [`Timestamp::MIN`], no other time is past.
    fn now(&self) -> Timestamp {
        Timestamp::MIN
    }
}

/// One recorded look-up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// The type of the entry in `type Reads`.
    pub type_id: TypeId,
    /// The names of the kind, for messages.
    pub kind: KindInfo,
    /// The question.
    pub query: Query,
}

/// The question of a look-up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// One object.
    Get(ObjectKey),
    /// All objects of one namespace, or of all, that have these labels.
    List {
        /// `None` for all namespaces.
        namespace: Option<String>,
        /// The labels of each object.
        labels: Vec<(String, String)>,
    },
    /// All objects that have this key in an index.
    Index {
        /// The index.
        index: AnyIndex,
        /// The key.
        key: String,
    },
    /// The first objects that have this key in an ordered index.
    First {
        /// The index.
        index: AnyIndex,
        /// The key.
        key: String,
        /// The last of the objects that `build` looked at.
        last: Last,
    },
    /// Whether an object is among the first objects that have this key in an ordered index.
    AmongFirst {
        /// The index.
        index: AnyIndex,
        /// The key.
        key: String,
        /// The number of first objects.
        most: usize,
        /// The place of the object, which may not exist yet.
        own: Place,
    },
    /// Whether the kind is served.
    Served,
}

impl Query {
    /// Whether the answer contains, or would contain, this object; of
    /// [`AmongFirst`](Self::AmongFirst), whether it is before the own one.
    #[must_use]
    pub fn matches(&self, object: &dyn AnyObject) -> bool {
        let meta = object.meta();
        match self {
            Self::Get(key) => *key == ObjectKey::of(meta),
            Self::List { namespace, labels } => {
                namespace.as_deref().is_none_or(|n| meta.namespace.as_deref() == Some(n))
                    && has_all(object, labels)
            }
            Self::Index { index, key } => index.keys(object).contains(key),
            Self::First { index, .. } | Self::AmongFirst { index, .. } => {
                let rank = index.rank(object).unwrap_or_default();
                let place = Place::new(rank, ObjectKey::of(meta));
                self.matches_place(&index.keys(object), &place)
            }
            Self::Served => false,
        }
    }

    /// The same of an object with these keys and this place in the ordered index of the query.
    #[must_use]
    pub fn matches_place(&self, keys: &[String], place: &Place) -> bool {
        match self {
            Self::First { key, last, .. } => {
                keys.contains(key) && Last::Until(place.clone()) <= *last
            }
            Self::AmongFirst { key, own, .. } => keys.contains(key) && place < own,
            Self::Get(_) | Self::List { .. } | Self::Index { .. } | Self::Served => false,
        }
    }
}

/// Whether an object has all of these labels.
pub(super) fn has_all(object: &dyn AnyObject, labels: &[(String, String)]) -> bool {
    let of_object = object.meta().labels.as_ref();
    labels.iter().all(|(key, value)| of_object.and_then(|all| all.get(key)) == Some(value))
}
