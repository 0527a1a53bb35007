//! [`FakeCluster`]: a fixed set of objects for tests and `render`.

use std::any::TypeId;
use std::sync::Arc;

use super::source::Source;
use crate::index::AnyIndex;
use crate::kind::{AnyObject, Entry, KindInfo, Object, ObjectKey, has_labels};
use crate::time::Timestamp;

/// A fixed set of objects and served kinds: what `build` sees in a unit test, in a snapshot test
/// and in `render`.
#[derive(Debug, Default)]
pub struct FakeCluster {
    objects: Vec<(TypeId, Arc<dyn AnyObject>)>,
    served: Vec<KindInfo>,
    now: Option<Timestamp>,
    is_limited: bool,
}

impl FakeCluster {
    /// A cluster without objects and without optional kinds.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds an object of the type that the operator reads. If the operator reads
    /// `Metadata<Namespace>`, add a `Metadata<Namespace>`, not a `Namespace`.
    #[must_use]
    pub fn with<K: Object>(self, object: K) -> Self {
        self.with_as::<K>(object)
    }

    /// Adds an object that the operator reads as the entry `E`, such as a
    /// [`Selected`](crate::Selected). An object without the selected labels is left out, as the API
    /// server leaves it out.
    #[must_use]
    pub fn with_as<E: Entry>(mut self, mut object: E::Kind) -> Self {
        E::hide(&mut object);
        if has_labels(E::LABELS, &object) {
            self.objects.push((TypeId::of::<E>(), Arc::new(object)));
        }
        self
    }

    /// Serves the API of `K`, for [`View::serves`](crate::View::serves).
    #[must_use]
    pub fn serving<K: Object>(mut self) -> Self {
        self.serve(KindInfo::of::<K>());
        self
    }

    /// Serves the API of a kind that is known at run time only.
    pub fn serve(&mut self, kind: KindInfo) {
        self.served.push(kind);
    }

    /// Limits the view to some namespaces, as `run --namespace` does: see
    /// [`View::sees_all_namespaces`](crate::View::sees_all_namespaces).
    #[must_use]
    pub fn limited(self) -> Self {
        Self { is_limited: true, ..self }
    }

    /// Sets the current time. Without this call, no time is past.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { now: Some(now), ..self }
    }

    /// Adds an object whose type is known at run time only.
    pub fn insert(&mut self, type_id: TypeId, object: Arc<dyn AnyObject>) {
        self.objects.push((type_id, object));
    }

    /// The objects of a type that match, ordered by key.
    fn matching(
        &self,
        type_id: TypeId,
        matches: impl Fn(&dyn AnyObject) -> bool,
    ) -> Vec<Arc<dyn AnyObject>> {
        let all = self.objects.iter();
        let found = all.filter(|(of, object)| *of == type_id && matches(&**object));
        let mut found: Vec<_> = found.map(|(_, object)| Arc::clone(object)).collect();
        found.sort_by_key(|object| ObjectKey::of(object.meta()));
        found
    }
}

impl Source for FakeCluster {
    fn get(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        let found = self.matching(type_id, |object| ObjectKey::of(object.meta()) == *key);
        found.into_iter().next()
    }

    fn list(
        &self,
        type_id: TypeId,
        namespace: Option<&str>,
        _: &[(String, String)],
    ) -> Vec<Arc<dyn AnyObject>> {
        self.matching(type_id, |object| {
            namespace.is_none_or(|n| object.meta().namespace.as_deref() == Some(n))
        })
    }

    fn indexed(&self, type_id: TypeId, _: AnyIndex, _: &str) -> Vec<Arc<dyn AnyObject>> {
        self.matching(type_id, |_| true)
    }

    fn serves(&self, kind: &KindInfo) -> bool {
        self.served.contains(kind)
    }

    fn sees_all_namespaces(&self) -> bool {
        !self.is_limited
    }

    fn now(&self) -> Timestamp {
        self.now.unwrap_or(Timestamp::MIN)
    }
}
