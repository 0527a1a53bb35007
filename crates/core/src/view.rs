//! What `build` may look up beside its own resource: a snapshot of caches, and the record of what
//! was looked up.
//!
//! The record is the point: the engine wakes a resource exactly when something changes that its
//! last `build` looked up, and that it could see.

use std::any::TypeId;
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::index::{AnyIndex, Index};
use crate::kind::{self, AnyObject, Entry, KindInfo, Object, ObjectKey, ReadKinds, Reads, Serves};
use crate::time::{Moments, Timestamp};

/// Where a [`View`] finds objects: the engine's caches, or a fixed set of objects offline and in
/// tests.
///
/// A type is that under which objects are looked up: [`Entry`], not always the type of the objects.
pub trait Source {
    /// The object of that type and key.
    fn get(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>>;
    /// The objects of that type, in one namespace or in all, ordered by key: at least those that
    /// carry all of `labels`.
    fn list(
        &self,
        type_id: TypeId,
        namespace: Option<&str>,
        labels: &[(String, String)],
    ) -> Vec<Arc<dyn AnyObject>>;
    /// The objects of that type, in all namespaces, ordered by key: at least those that have this
    /// key in the index.
    fn indexed(&self, type_id: TypeId, index: AnyIndex, key: &str) -> Vec<Arc<dyn AnyObject>>;
    /// Whether the API of a kind is served, so that its objects can be made.
    fn serves(&self, kind: &KindInfo) -> bool;
    /// What time it is. Where nobody says, nothing is past.
    fn now(&self) -> Timestamp {
        Timestamp::MIN
    }
    /// When the resource that is built was last changed, where that was recorded.
    fn changed_at(&self) -> Option<Timestamp> {
        None
    }
}

/// One look-up, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// The Rust type that was asked for, [`Part`](crate::Part) or [`Selected`](crate::Selected)
    /// where that is what was declared.
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
    /// All objects that have this key in an index.
    Index {
        /// Which index.
        index: AnyIndex,
        /// The key.
        key: String,
    },
    /// Whether the kind is served.
    Served,
}

impl Query {
    /// Whether an object with this metadata is, or would be, in the answer.
    #[must_use]
    pub fn matches(&self, object: &dyn AnyObject) -> bool {
        let meta = object.meta();
        match self {
            Self::Get(key) => *key == ObjectKey::of(meta),
            Self::List { namespace, labels } => {
                namespace.as_deref().is_none_or(|n| meta.namespace.as_deref() == Some(n))
                    && carries(object, labels)
            }
            Self::Index { index, key } => index.keys(object).contains(key),
            Self::Served => false,
        }
    }
}

fn carries(object: &dyn AnyObject, labels: &[(String, String)]) -> bool {
    labels
        .iter()
        .all(|(key, value)| object.meta().labels.as_ref().and_then(|l| l.get(key)) == Some(value))
}

/// What one run of `build` may look up, of the kinds that `R` declares.
///
/// What it gives has no `managedFields` and no `resourceVersion`, and, as
/// [`Metadata`](crate::Metadata), no `generation`: these change although nothing that can be seen
/// here does, and such a change wakes nobody. A [`Part`](crate::Part) has of its metadata
/// nothing but what tells which object it is.
pub struct View<'a, R> {
    source: &'a dyn Source,
    lookups: RefCell<Vec<Lookup>>,
    /// One time for the whole of a build.
    now: OnceCell<Timestamp>,
    moments: Cell<Moments>,
    created: Option<Timestamp>,
    reads: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for View<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("lookups", &self.lookups.borrow()).finish_non_exhaustive()
    }
}

impl<'a, R: ReadKinds> View<'a, R> {
    /// A view of `source` with an empty record.
    #[must_use]
    pub fn new(source: &'a dyn Source) -> Self {
        Self {
            source,
            lookups: RefCell::default(),
            now: OnceCell::new(),
            moments: Cell::default(),
            created: None,
            reads: PhantomData,
        }
    }

    /// The same, for the resource with this metadata.
    #[must_use]
    pub fn of(source: &'a dyn Source, resource: &ObjectMeta) -> Self {
        Self {
            created: resource.creation_timestamp.as_ref().map(|time| time.0),
            ..Self::new(source)
        }
    }

    /// Whether this moment has come. Where it has not, the engine wakes the resource at that
    /// moment, to some milliseconds and without asking before; by the clock of this machine,
    /// and where that is changed, within a minute.
    ///
    /// ```
    /// # use kubewright_core::{Timestamp, View};
    /// fn is_over(view: &View<'_, ()>, ends: Timestamp) -> bool {
    ///     view.is_past(ends)
    /// }
    /// ```
    #[must_use]
    pub fn is_past(&self, at: Timestamp) -> bool {
        let is_past = at <= *self.now.get_or_init(|| self.source.now());
        self.moments.set(self.moments.get().and(at, is_past));
        is_past
    }

    /// What time it is, in whole seconds: for a time that begins when something is first seen, such
    /// as a grace. The resource is not woken by it, so what is to happen at a moment is asked
    /// with [`is_past`](Self::is_past), and what was decided from this is told in the
    /// status, where the next `build` finds it. Offline nobody may know.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        let now = *self.now.get_or_init(|| self.source.now());
        if now == Timestamp::MIN { None } else { Timestamp::from_second(now.as_second()).ok() }
    }

    /// When the spec of the resource was last changed by anybody, in whole seconds, as the API
    /// server recorded it in `metadata.managedFields`; see [`Changed`](crate::time::Changed)
    /// for what counts. Where nothing is recorded, when the resource was created; offline that
    /// may be unknown. Never later than the API server's clock says.
    ///
    /// Ask in each `build` of a resource whose time may ever count, or never: an edit of which the
    /// API server tells no time is recorded only while somebody asks.
    #[must_use]
    pub fn changed_at(&self) -> Option<Timestamp> {
        self.moments.set(Moments { since_change: true, ..self.moments.get() });
        self.source.changed_at().or(self.created)
    }

    /// What was asked about time.
    #[must_use]
    pub fn moments(&self) -> Moments {
        self.moments.get()
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
    pub fn get<E: Entry, At>(&self, key: &ObjectKey) -> Option<Arc<E::Kind>>
    where
        R: Reads<E, At>,
    {
        self.record::<E>(Query::Get(key.clone()));
        self.source.get(TypeId::of::<E>(), key).and_then(downcast)
    }

    /// The objects of one namespace (or of all, with `None`) that carry all of `labels`, ordered by
    /// key. Without labels where it is a [`Part`](crate::Part), which has none.
    #[must_use]
    pub fn list<E: Entry, At>(
        &self,
        namespace: Option<&str>,
        labels: &[(&str, &str)],
    ) -> Vec<Arc<E::Kind>>
    where
        R: Reads<E, At>,
    {
        debug_assert!(
            E::LABELLED || labels.is_empty(),
            "nothing of which a part is read carries a label: read it as a whole"
        );
        let labels: Vec<_> =
            labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let found = self.source.list(TypeId::of::<E>(), namespace, &labels);
        let found =
            found.into_iter().filter(|o| carries(&**o, &labels)).filter_map(downcast).collect();
        self.record::<E>(Query::List { namespace: namespace.map(str::to_owned), labels });
        found
    }

    /// The objects that have `key` in the index `I`, in all namespaces, ordered by namespace and
    /// name.
    #[must_use]
    pub fn by<I: Index, At>(&self, key: &str) -> Vec<Arc<<I::Of as Entry>::Kind>>
    where
        R: Reads<I::Of, At>,
    {
        let index = AnyIndex::of::<I>();
        let found = self.source.indexed(TypeId::of::<I::Of>(), index, key);
        self.record::<I::Of>(Query::Index { index, key: key.to_owned() });
        // Whoever has no index gives more.
        let has_key =
            |object: &Arc<<I::Of as Entry>::Kind>| I::keys(object).iter().any(|other| other == key);
        found.into_iter().filter_map(downcast).filter(has_key).collect()
    }

    /// Whether the API of `K` is served now, so that a child of this kind can be made: for who can
    /// choose between kinds.
    ///
    /// ```
    /// # use k8s_openapi::api::core::v1::ConfigMap as Mapping; // Stands for a kind that is not built in.
    /// # use kubewright_core::{Served, View};
    /// fn choose(view: &View<'_, (Served<Mapping>,)>) -> &'static str {
    ///     if view.serves::<Mapping, _>() { "a Mapping" } else { "something else" }
    /// }
    /// ```
    #[must_use]
    pub fn serves<K: Object, At>(&self) -> bool
    where
        R: Serves<K, At>,
    {
        self.record::<K>(Query::Served);
        self.source.serves(&KindInfo::of::<K>())
    }

    fn record<E: Entry>(&self, query: Query) {
        let lookup = Lookup { type_id: TypeId::of::<E>(), kind: KindInfo::of::<E::Kind>(), query };
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

/// A fixed set of objects and of kinds that are served: for `render`, snapshot tests and unit
/// tests.
#[derive(Debug, Default)]
pub struct Fixed {
    objects: Vec<(TypeId, Arc<dyn AnyObject>)>,
    served: Vec<KindInfo>,
    now: Option<Timestamp>,
    changed_at: Option<Timestamp>,
}

impl Fixed {
    /// No objects at all, and no optional kind is served.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds an object, as the type that the operator reads (`Metadata<Namespace>`, not
    /// `Namespace`).
    #[must_use]
    pub fn with<K: Object>(self, object: K) -> Self {
        self.with_as::<K>(object)
    }

    /// Adds an object under the name that is looked up, such as [`Selected`](crate::Selected); one
    /// that does not carry its labels is left out, as the API server leaves it out.
    #[must_use]
    pub fn with_as<E: Entry>(mut self, mut object: E::Kind) -> Self {
        E::hide(&mut object);
        if kind::carries(E::LABELS, &object) {
            self.objects.push((TypeId::of::<E>(), Arc::new(object)));
        }
        self
    }

    /// Has the API of `K` served, for [`View::serves`].
    #[must_use]
    pub fn serving<K: Object>(mut self) -> Self {
        self.serve(KindInfo::of::<K>());
        self
    }

    /// The same for a kind that is only known at run time.
    pub fn serve(&mut self, kind: KindInfo) {
        self.served.push(kind);
    }

    /// At this time; without one, nothing is past.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { now: Some(now), ..self }
    }

    /// For a resource that was last changed at this time.
    #[must_use]
    pub fn changed(self, at: Timestamp) -> Self {
        Self { changed_at: Some(at), ..self }
    }

    /// Adds an object whose type is only known at run time.
    pub fn insert(&mut self, type_id: TypeId, object: Arc<dyn AnyObject>) {
        self.objects.push((type_id, object));
    }

    /// The objects for which this holds, ordered by key.
    fn all(
        &self,
        type_id: TypeId,
        holds: impl Fn(&dyn AnyObject) -> bool,
    ) -> Vec<Arc<dyn AnyObject>> {
        let those = self.objects.iter().filter(|(of, object)| *of == type_id && holds(&**object));
        let mut found: Vec<_> = those.map(|(_, object)| Arc::clone(object)).collect();
        found.sort_by_key(|object| ObjectKey::of(object.meta()));
        found
    }
}

impl Source for Fixed {
    fn get(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        self.all(type_id, |object| ObjectKey::of(object.meta()) == *key).into_iter().next()
    }

    fn list(
        &self,
        type_id: TypeId,
        namespace: Option<&str>,
        _: &[(String, String)],
    ) -> Vec<Arc<dyn AnyObject>> {
        self.all(type_id, |object| {
            namespace.is_none_or(|n| object.meta().namespace.as_deref() == Some(n))
        })
    }

    fn indexed(&self, type_id: TypeId, _: AnyIndex, _: &str) -> Vec<Arc<dyn AnyObject>> {
        self.all(type_id, |_| true)
    }

    fn serves(&self, kind: &KindInfo) -> bool {
        self.served.contains(kind)
    }

    fn now(&self) -> Timestamp {
        self.now.unwrap_or(Timestamp::MIN)
    }

    fn changed_at(&self) -> Option<Timestamp> {
        self.changed_at
    }
}
