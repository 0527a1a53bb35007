//! What `build` looks up beside its own resource, and the record of these look-ups.
//!
//! The engine runs `build` again when a change concerns a look-up of the last run.

// `fake`: the fixed objects of a test. `key`: the name of an object. `ordered`: ordered look-ups.
// `source`: the interface to the caches.
mod fake;
mod key;
mod ordered;
mod source;

use std::any::TypeId;
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::declaration::Declaration;
use crate::index::{AnyIndex, Index};
use crate::kind::{AnyObject, Entry, KindInfo, Object, Of, Reads, Scope, Serves};
use crate::labels;
use crate::time::{AskedTimes, Timestamp};

pub use fake::FakeCluster;
pub use key::IntoKey;
pub use source::{Lookup, Query, Source};

/// The objects that one run of `build` may look up, of the kinds in `type Reads`.
///
/// The objects have no `managedFields` and no `resourceVersion`, because these fields change too
/// often. A [`Metadata`](crate::Metadata) also has no `generation`. A [`Part`](crate::Part) has
/// only the metadata that identifies the object.
///
/// A look-up names an entry `E`, which is one element of `type Reads`, with [`of`](crate::of):
/// `view.get(of::<Secret>(), "password")`. The type parameter `At` is the place of the entry in
/// `type Reads`. The compiler finds it; never write it.
pub struct View<'a, O> {
    source: &'a dyn Source,
    /// The namespace of the resource.
    namespace: String,
    lookups: RefCell<Vec<Lookup>>,
    /// One time for the whole run.
    now: OnceCell<Timestamp>,
    asked_times: Cell<AskedTimes>,
    allowances: RefCell<Vec<Allowance>>,
    declaration: PhantomData<fn() -> O>,
}

/// The annotation [`labels::ALLOW_ROLLOUT`] of an object.
#[derive(Debug)]
pub(crate) struct Allowance {
    pub(crate) kind: KindInfo,
    pub(crate) value: String,
}

impl<O> fmt::Debug for View<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("lookups", &self.lookups.borrow()).finish_non_exhaustive()
    }
}

impl<'a, O: Declaration> View<'a, O> {
    /// A view of `source` for the resource with this metadata, without look-ups.
    #[must_use]
    pub fn new(source: &'a dyn Source, resource: &ObjectMeta) -> Self {
        Self {
            source,
            namespace: resource.namespace.clone().unwrap_or_default(),
            lookups: RefCell::default(),
            now: OnceCell::new(),
            asked_times: Cell::default(),
            allowances: RefCell::default(),
            declaration: PhantomData,
        }
    }

    /// Whether the time `at` is past, by the clock of this machine.
    ///
    /// If `at` is not past, the engine runs `build` again at this time, at most some milliseconds
    /// later. If a user sets the clock, the run can be a minute late.
    ///
    /// In [`FakeCluster`] no time is past, unless [`FakeCluster::at`] sets the time.
    #[must_use]
    pub fn is_past(&self, at: Timestamp) -> bool {
        let is_past = at <= self.time();
        self.asked_times.set(self.asked_times.get().and(at, is_past));
        is_past
    }

    /// The current time in whole seconds. `None` in `render` and in a [`FakeCluster`], unless a
    /// time is set.
    ///
    /// `now` does not run `build` again later. Use it only to record when something was first seen,
    /// and use [`is_past`](Self::is_past) for everything else.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        let now = self.time();
        if now == Timestamp::MIN { None } else { Timestamp::from_second(now.as_second()).ok() }
    }

    fn time(&self) -> Timestamp {
        *self.now.get_or_init(|| self.source.now())
    }

    /// The times that `build` asked about with [`is_past`](Self::is_past).
    #[must_use]
    pub fn asked_times(&self) -> AskedTimes {
        self.asked_times.get()
    }

    /// One object, if it exists. A `&str` is a name in the namespace of the resource; an
    /// [`ObjectKey`](crate::ObjectKey) names an object in any namespace.
    ///
    /// ```
    /// use k8s_openapi::api::core::v1::Secret;
    /// use kubewright_core::{View, of};
    /// # use kubewright_core::Declaration;
    /// # struct Websites;
    /// # impl Declaration for Websites {
    /// #     type Owns = ();
    /// #     type Reads = (Secret,); // in `impl Operator for Websites`
    /// #     type Facts = ();
    /// # }
    /// fn has_password(view: &View<'_, Websites>) -> bool {
    ///     view.get(of::<Secret>(), "password").is_some()
    /// }
    /// ```
    ///
    /// # Panics
    /// Panics if the resource is cluster-scoped, the object is namespaced, and `key` is only a
    /// name. Use [`ObjectKey`](crate::ObjectKey) there. The engine reports a panic as a defect of
    /// the operator.
    #[must_use]
    pub fn get<E: Entry, At>(&self, _: Of<E>, key: impl IntoKey) -> Option<Arc<E::Kind>>
    where
        O::Reads: Reads<E, At>,
    {
        let is_namespaced = <<E::Kind as kube_core::Resource>::Scope as Scope>::NAMESPACED;
        let key = key.into_key(if is_namespaced { &self.namespace } else { "" });
        assert!(
            !is_namespaced || !key.namespace.is_empty(),
            "{} {} has no namespace, because the resource is cluster-scoped; look it up with \
             ObjectKey::new(namespace, name)",
            KindInfo::of::<E::Kind>(),
            key.name
        );
        let found = self.source.get(TypeId::of::<E>(), &key).and_then(downcast);
        self.record::<E>(Query::Get(key));
        self.note_allowances(found.as_slice());
        found
    }

    /// The objects of one namespace (or of all, with `None`) that have all `labels`, ordered by
    /// key. Objects that are read as a [`Part`](crate::Part) have no labels: pass `&[]`.
    #[must_use]
    pub fn list<E: Entry, At>(
        &self,
        _: Of<E>,
        namespace: Option<&str>,
        labels: &[(&str, &str)],
    ) -> Vec<Arc<E::Kind>>
    where
        O::Reads: Reads<E, At>,
    {
        debug_assert!(
            E::LABELLED || labels.is_empty(),
            "a Part has no labels: read the whole kind"
        );
        let labels: Vec<_> =
            labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let found = self.source.list(TypeId::of::<E>(), namespace, &labels);
        let with_labels = found.into_iter().filter(|object| source::has_all(&**object, &labels));
        let found: Vec<_> = with_labels.filter_map(downcast).collect();
        self.note_allowances(&found);
        self.record::<E>(Query::List { namespace: namespace.map(str::to_owned), labels });
        found
    }

    /// The objects of all namespaces that have `key` in the index `I`, ordered by namespace and
    /// name.
    #[must_use]
    pub fn list_by<I: Index, At>(&self, _: Of<I>, key: &str) -> Vec<Arc<<I::Of as Entry>::Kind>>
    where
        O::Reads: Reads<I::Of, At>,
    {
        let index = AnyIndex::of::<I>();
        let found = self.source.indexed(TypeId::of::<I::Of>(), index, key);
        self.record::<I::Of>(Query::Index { index, key: key.to_owned() });
        // A source without an index returns all objects.
        let has_key =
            |object: &Arc<<I::Of as Entry>::Kind>| I::keys(object).iter().any(|other| other == key);
        let found: Vec<_> = found.into_iter().filter_map(downcast).filter(has_key).collect();
        self.note_allowances(&found);
        found
    }

    /// Whether the view has the namespaced objects of the whole cluster. `false` for an operator
    /// that runs with `--namespace`: what it counts is then not the whole.
    #[must_use]
    pub fn sees_all_namespaces(&self) -> bool {
        self.source.sees_all_namespaces()
    }

    /// Whether the API of `K` is served: see [`Served`](crate::Served).
    #[must_use]
    pub fn serves<K: Object, At>(&self, _: Of<K>) -> bool
    where
        O::Reads: Serves<K, At>,
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

    fn note_allowances<K: Object>(&self, found: &[Arc<K>]) {
        let annotations = found.iter().filter_map(|object| object.meta().annotations.as_ref());
        for value in annotations.filter_map(|all| all.get(labels::ALLOW_ROLLOUT)) {
            let allowance = Allowance { kind: KindInfo::of::<K>(), value: value.clone() };
            self.allowances.borrow_mut().push(allowance);
        }
    }

    /// The objects that let a rollout pass, among all that were looked up.
    pub(crate) fn take_allowances(&self) -> Vec<Allowance> {
        self.allowances.take()
    }

    /// The recorded look-ups, each once.
    #[must_use]
    pub fn into_lookups(self) -> Vec<Lookup> {
        self.lookups.into_inner()
    }
}

fn downcast<K: Object>(object: Arc<dyn AnyObject>) -> Option<Arc<K>> {
    let object: Arc<dyn std::any::Any + Send + Sync> = object;
    object.downcast().ok()
}
