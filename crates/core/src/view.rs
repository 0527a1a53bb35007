//! What `build` may look up beside its own resource: a snapshot of caches, and the record of what was looked up.
//!
//! The record is the point: the engine wakes a resource exactly when something changes that its last `build` looked up, and
//! that it could see.

use std::any::TypeId;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::kind::{AnyObject, KindInfo, Kinds, Object, ObjectKey, Reads, hide};

/// Where a [`View`] finds objects: the engine's caches, or a fixed set of objects offline and in tests.
pub trait Source {
    /// The object of that type and key.
    fn get(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>>;
    /// The objects of that type, in one namespace or in all, ordered by key: at least those that carry all of `labels`.
    fn list(&self, type_id: TypeId, namespace: Option<&str>, labels: &[(String, String)]) -> Vec<Arc<dyn AnyObject>>;
}

/// One look-up, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// The Rust type that was asked for.
    pub type_id: TypeId,
    /// Its names, for messages.
    pub kind: KindInfo,
    /// What was asked.
    pub query: Query,
}

/// What a look-up asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// One object.
    Get(ObjectKey),
    /// All objects of one namespace, or of all, that carry these labels.
    List {
        /// `None` for all namespaces.
        namespace: Option<String>,
        /// Labels that each object must carry.
        labels: Vec<(String, String)>,
    },
}

impl Query {
    /// Whether an object with this metadata is, or would be, in the answer.
    #[must_use]
    pub fn matches(&self, object: &dyn AnyObject) -> bool {
        let meta = object.meta();
        match self {
            Self::Get(key) => *key == ObjectKey::of(meta),
            Self::List { namespace, labels } => {
                namespace.as_deref().is_none_or(|n| meta.namespace.as_deref() == Some(n)) && carries(object, labels)
            }
        }
    }
}

fn carries(object: &dyn AnyObject, labels: &[(String, String)]) -> bool {
    labels.iter().all(|(key, value)| object.meta().labels.as_ref().and_then(|l| l.get(key)) == Some(value))
}

/// What one run of `build` may look up, of the kinds that `R` declares.
///
/// What it gives has no `managedFields` and no `resourceVersion`, and, as [`Metadata`](crate::Metadata), no `generation`: these
/// change although nothing that can be seen here does, and such a change wakes nobody.
pub struct View<'a, R> {
    source: &'a dyn Source,
    lookups: RefCell<Vec<Lookup>>,
    reads: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for View<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("lookups", &self.lookups.borrow()).finish_non_exhaustive()
    }
}

impl<'a, R: Kinds> View<'a, R> {
    /// A view of `source` with an empty record.
    #[must_use]
    pub fn new(source: &'a dyn Source) -> Self {
        Self { source, lookups: RefCell::default(), reads: PhantomData }
    }

    /// One object, if it exists.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::Namespace;
    /// # use kubewright_core::{Metadata, ObjectKey, View};
    /// fn exists(view: &View<'_, (Metadata<Namespace>,)>, name: &str) -> bool {
    ///     view.get::<Metadata<Namespace>, _>(&ObjectKey::cluster(name)).is_some()
    /// }
    /// ```
    #[must_use]
    pub fn get<K: Object, At>(&self, key: &ObjectKey) -> Option<Arc<K>>
    where
        R: Reads<K, At>,
    {
        self.record::<K>(Query::Get(key.clone()));
        self.source.get(TypeId::of::<K>(), key).and_then(downcast)
    }

    /// The objects of one namespace (or of all, with `None`) that carry all of `labels`, ordered by key.
    #[must_use]
    pub fn list<K: Object, At>(&self, namespace: Option<&str>, labels: &[(&str, &str)]) -> Vec<Arc<K>>
    where
        R: Reads<K, At>,
    {
        let labels: Vec<_> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let found = self.source.list(TypeId::of::<K>(), namespace, &labels);
        let found = found.into_iter().filter(|o| carries(&**o, &labels)).filter_map(downcast).collect();
        self.record::<K>(Query::List { namespace: namespace.map(str::to_owned), labels });
        found
    }

    fn record<K: Object>(&self, query: Query) {
        let lookup = Lookup { type_id: TypeId::of::<K>(), kind: KindInfo::of::<K>(), query };
        let mut lookups = self.lookups.borrow_mut();
        if !lookups.contains(&lookup) {
            lookups.push(lookup);
        }
    }

    /// What was looked up, each look-up once.
    #[must_use]
    pub fn into_lookups(self) -> Vec<Lookup> {
        self.lookups.into_inner()
    }
}

fn downcast<K: Object>(object: Arc<dyn AnyObject>) -> Option<Arc<K>> {
    let object: Arc<dyn std::any::Any + Send + Sync> = object;
    object.downcast().ok()
}

/// A fixed set of objects: for `render`, snapshot tests and unit tests.
#[derive(Debug, Default)]
pub struct Fixed(Vec<(TypeId, Arc<dyn AnyObject>)>);

impl Fixed {
    /// No objects at all.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds an object, as the type that the operator reads (`Metadata<Namespace>`, not `Namespace`).
    #[must_use]
    pub fn with<K: Object>(mut self, mut object: K) -> Self {
        hide(&mut object);
        self.0.push((TypeId::of::<K>(), Arc::new(object)));
        self
    }

    /// Adds an object whose type is only known at run time.
    pub fn insert(&mut self, type_id: TypeId, object: Arc<dyn AnyObject>) {
        self.0.push((type_id, object));
    }
}

impl Source for Fixed {
    fn get(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        self.0.iter().find(|(t, o)| *t == type_id && ObjectKey::of(o.meta()) == *key).map(|(_, o)| Arc::clone(o))
    }

    fn list(&self, type_id: TypeId, namespace: Option<&str>, _: &[(String, String)]) -> Vec<Arc<dyn AnyObject>> {
        let mut found: Vec<_> = self
            .0
            .iter()
            .filter(|(t, o)| *t == type_id && namespace.is_none_or(|n| o.meta().namespace.as_deref() == Some(n)))
            .map(|(_, o)| Arc::clone(o))
            .collect();
        found.sort_by_key(|o| ObjectKey::of(o.meta()));
        found
    }
}
