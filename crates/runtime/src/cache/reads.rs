//! The objects that `build` looks up, and which resources looked them up.
//!
//! A change wakes exactly the resources whose last build asked for the object, for a list that
//! contains or contained it, or for an index key that it has or had. A build holds its state until
//! its look-ups are recorded: each change is either seen, or wakes the resource.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kubewright_core::index::AnyIndex;
use kubewright_core::kind::AnyObject;
use kubewright_core::view::{Lookup, Source};
use kubewright_core::{KindInfo, ObjectKey, Timestamp};

use super::objects::Objects;
use super::readers::{ChangedSelectors, Readers};
use crate::key::WorkKey;
use crate::memory::lock;

#[derive(Default)]
struct State {
    objects: HashMap<TypeId, Objects>,
    /// The optional kinds that are served.
    served: HashSet<KindInfo>,
}

/// All read objects, and the record of look-ups. Code that needs both locks takes `state` first.
#[derive(Default)]
pub(crate) struct ReadCache {
    state: RwLock<State>,
    readers: Mutex<Readers>,
}

/// A consistent state of all read objects for one build. Events wait until it is dropped.
pub(crate) struct Snapshot<'a> {
    cache: &'a ReadCache,
    state: RwLockReadGuard<'a, State>,
    now: Timestamp,
}

impl Source for Snapshot<'_> {
    fn get(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        self.state.objects.get(&type_id)?.get(key)
    }

    fn list(
        &self,
        type_id: TypeId,
        namespace: Option<&str>,
        labels: &[(String, String)],
    ) -> Vec<Arc<dyn AnyObject>> {
        let objects = self.state.objects.get(&type_id);
        objects.map_or_else(Vec::new, |objects| objects.list(namespace, labels))
    }

    fn indexed(&self, type_id: TypeId, index: AnyIndex, key: &str) -> Vec<Arc<dyn AnyObject>> {
        let objects = self.state.objects.get(&type_id);
        objects.map_or_else(Vec::new, |objects| objects.indexed(index, key))
    }

    fn serves(&self, kind: &KindInfo) -> bool {
        self.state.served.contains(kind)
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Snapshot<'_> {
    /// Records the look-ups of a build: a later change of any of them wakes the reader.
    pub(crate) fn record(self, reader: &WorkKey, lookups: Vec<Lookup>) {
        let Self { cache, state, .. } = self;
        let changed = {
            let mut readers = lock(&cache.readers);
            // Most operators read nothing.
            if lookups.is_empty() && !readers.has(reader) {
                return;
            }
            readers.record(reader, lookups)
        };
        drop(state);
        cache.update_indexes(&changed);
    }
}

impl ReadCache {
    pub(crate) fn snapshot(&self, now: Timestamp) -> Snapshot<'_> {
        Snapshot { cache: self, state: self.read(), now }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates indexes for selectors that are used now, and removes the others.
    fn update_indexes(&self, changed: &ChangedSelectors) {
        if changed.is_empty() {
            return;
        }
        let mut state = self.write();
        let readers = lock(&self.readers);
        for selector in changed {
            let objects = state.objects.entry(selector.0).or_default();
            objects.index(&selector.1, readers.uses(selector));
        }
    }

    /// Forgets the look-ups of a resource that is gone.
    pub(crate) fn forget_reader(&self, reader: &WorkKey) {
        let changed = lock(&self.readers).forget(reader);
        self.update_indexes(&changed);
    }

    /// Handles an event that shows an object. Returns the readers that it concerns.
    pub(crate) fn observe(&self, type_id: TypeId, object: &Arc<dyn AnyObject>) -> HashSet<WorkKey> {
        let (key, content) = (ObjectKey::of(object.meta()), object.content_hash());
        // A relist shows known objects, and many writes change nothing that a build can see.
        if self.read().objects.get(&type_id).is_some_and(|objects| objects.has(&key, content)) {
            return HashSet::new();
        }
        let mut state = self.write();
        let objects = state.objects.entry(type_id).or_default();
        let before = objects.insert(key.clone(), Arc::clone(object), content);
        let states: Vec<_> = before.as_deref().into_iter().chain([&**object]).collect();
        lock(&self.readers).concerned(type_id, &key, &states)
    }

    /// Whether an object is cached.
    pub(crate) fn has(&self, type_id: TypeId, key: &ObjectKey) -> bool {
        self.read().objects.get(&type_id).is_some_and(|objects| objects.get(key).is_some())
    }

    /// Handles the deletion of an object. Returns the readers that it concerns.
    pub(crate) fn remove(&self, type_id: TypeId, key: &ObjectKey) -> HashSet<WorkKey> {
        let mut state = self.write();
        let before = state.objects.get_mut(&type_id).and_then(|objects| objects.remove(key));
        let Some(before) = before else { return HashSet::new() };
        lock(&self.readers).concerned(type_id, key, &[&*before])
    }

    /// Records whether an optional kind is served. Returns the readers that a change concerns.
    pub(crate) fn set_served(&self, kind: &KindInfo, served: bool) -> HashSet<WorkKey> {
        let mut state = self.write();
        let is_change =
            if served { state.served.insert(kind.clone()) } else { state.served.remove(kind) };
        if is_change { lock(&self.readers).of_served(kind) } else { HashSet::new() }
    }

    /// Completes a list: removes what it did not contain.
    pub(crate) fn complete_list(
        &self,
        type_id: TypeId,
        namespace: Option<&str>,
        seen: &HashSet<ObjectKey>,
    ) -> HashSet<WorkKey> {
        let missing: Vec<ObjectKey> = {
            let state = self.read();
            let keys = state.objects.get(&type_id).into_iter().flat_map(|o| o.keys(namespace));
            keys.filter(|key| !seen.contains(*key)).cloned().collect()
        };
        missing.iter().flat_map(|key| self.remove(type_id, key)).collect()
    }
}

#[cfg(test)]
mod tests;
