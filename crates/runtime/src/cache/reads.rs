//! The objects that `build` looks up, and which resources looked them up.
//!
//! A change wakes exactly the resources whose last build asked for the object, for a list that
//! contains or contained it, for an index key that it has or had, or for the first objects of a key
//! if it is or was one of them.
//!
//! No code of an operator runs under a lock: a build takes the lock for each look-up, and
//! `Index::keys` and `Ordered::rank` run before it is taken. So a slow build delays no event. If
//! something that a build looked up changes before its look-ups are recorded, the build is
//! repeated.

use std::any::TypeId;
use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kubewright_core::index::AnyIndex;
use kubewright_core::kind::AnyObject;
use kubewright_core::ordered::Last;
use kubewright_core::view::{Lookup, Source};
use kubewright_core::{KindInfo, ObjectKey, Timestamp};

use super::objects::{Cached, Keys, Lacking, Objects, Selector};
use super::ordered::Shift;
use super::places::Limit;
use super::readers::{Change, ChangedSelectors, Readers};
use crate::key::WorkKey;
use crate::memory::lock;

/// How many changes a build can miss and still be compared with each of them.
const REMEMBERED: usize = 64;

#[derive(Default)]
struct State {
    objects: HashMap<TypeId, Objects>,
    /// The optional kinds that are served.
    served: HashSet<KindInfo>,
    /// The number of changes so far.
    changes: u64,
    /// The latest changes.
    latest: VecDeque<Change>,
}

impl State {
    fn changed(&mut self, change: Change) {
        self.changes += 1;
        self.latest.truncate(REMEMBERED - 1);
        self.latest.push_front(change);
    }

    /// The changes after the first `seen`; `None` if they are not remembered.
    fn after(&self, seen: u64) -> Option<impl Iterator<Item = &Change>> {
        let missed = usize::try_from(self.changes - seen).ok()?;
        (missed <= self.latest.len()).then(|| self.latest.iter().take(missed))
    }
}

/// All read objects, and the record of look-ups. Code that needs both locks takes `state` first.
#[derive(Default)]
pub(crate) struct ReadCache {
    state: RwLock<State>,
    readers: Mutex<Readers>,
    /// Whether only some namespaces are watched.
    is_limited: AtomicBool,
}

/// The read objects for one build.
pub(crate) struct Snapshot<'a> {
    cache: &'a ReadCache,
    /// The number of changes before the build.
    seen: u64,
    now: Timestamp,
}

impl Source for Snapshot<'_> {
    fn get(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        self.cache.read().objects.get(&type_id)?.get(key)
    }

    fn list(
        &self,
        type_id: TypeId,
        namespace: Option<&str>,
        labels: &[(String, String)],
    ) -> Vec<Arc<dyn AnyObject>> {
        let state = self.cache.read();
        let objects = state.objects.get(&type_id);
        objects.map_or_else(Vec::new, |objects| objects.list(namespace, labels))
    }

    fn indexed(&self, type_id: TypeId, index: AnyIndex, key: &str) -> Vec<Arc<dyn AnyObject>> {
        let state = self.cache.read();
        let objects = state.objects.get(&type_id);
        objects.map_or_else(Vec::new, |objects| objects.indexed(index, key))
    }

    fn ordered(
        &self,
        type_id: TypeId,
        index: AnyIndex,
        key: &str,
        positions: Range<usize>,
    ) -> Option<Vec<Arc<dyn AnyObject>>> {
        self.cache.read().objects.get(&type_id)?.ordered(index, key, positions)
    }

    fn serves(&self, kind: &KindInfo) -> bool {
        self.cache.read().served.contains(kind)
    }

    fn sees_all_namespaces(&self) -> bool {
        !self.cache.is_limited.load(Ordering::Relaxed)
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Snapshot<'_> {
    /// Records the look-ups of a build: a later change of any of them wakes the reader. Returns
    /// whether one of them may have changed during the build, so that it must be repeated.
    #[must_use]
    pub(crate) fn record(self, reader: &WorkKey, lookups: Vec<Lookup>) -> bool {
        let Self { cache, seen, .. } = self;
        let state = cache.read();
        let (changed, is_outdated) = {
            let mut readers = lock(&cache.readers);
            // Most operators read nothing.
            if lookups.is_empty() && !readers.has(reader) {
                return false;
            }
            let is_empty = lookups.is_empty();
            let changed = readers.record(reader, lookups);
            let concerns = |change: &Change| readers.concerns(reader, change);
            let is_outdated =
                !is_empty && state.after(seen).is_none_or(|mut missed| missed.any(concerns));
            (changed, is_outdated)
        };
        drop(state);
        cache.update_indexes(&changed);
        is_outdated
    }
}

impl ReadCache {
    /// Records that only some namespaces are watched.
    pub(crate) fn limit(&self) {
        self.is_limited.store(true, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self, now: Timestamp) -> Snapshot<'_> {
        Snapshot { cache: self, seen: self.read().changes, now }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates indexes for selectors that are used now, and removes the others.
    fn update_indexes(&self, changed: &ChangedSelectors) {
        for selector in changed {
            let mut lacking = self.update_index(selector);
            while let (false, Selector::Index(index)) = (lacking.is_empty(), &selector.1) {
                let compute = |(key, object): &Lacking| Keys::compute(&[*index], key, &**object);
                let computed: Vec<_> = lacking.iter().map(compute).collect();
                {
                    let mut state = self.write();
                    let objects = state.objects.entry(selector.0).or_default();
                    for (object, keys) in lacking.iter().zip(computed) {
                        objects.add_keys(object, keys);
                    }
                }
                lacking = self.update_index(selector);
            }
        }
    }

    /// Creates or removes one index. Returns the objects whose keys must be computed first.
    fn update_index(&self, selector: &(TypeId, Selector)) -> Vec<Lacking> {
        let mut state = self.write();
        let is_used = lock(&self.readers).uses(selector);
        let objects = state.objects.entry(selector.0).or_default();
        if is_used {
            return objects.use_selector(&selector.1);
        }
        objects.forget(&selector.1);
        Vec::new()
    }

    /// The number of readers and of their look-ups.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        lock(&self.readers).remembered()
    }

    /// Forgets the look-ups of a resource that is gone.
    pub(crate) fn forget_reader(&self, reader: &WorkKey) {
        let changed = lock(&self.readers).forget(reader);
        self.update_indexes(&changed);
    }

    /// Handles an event that shows an object. Returns the readers that it concerns.
    pub(crate) fn observe(&self, type_id: TypeId, object: &Arc<dyn AnyObject>) -> HashSet<WorkKey> {
        let (key, content) = (ObjectKey::of(object.meta()), object.content_hash());
        loop {
            let indexes = {
                let state = self.read();
                let objects = state.objects.get(&type_id);
                // A relist shows known objects, and many writes change nothing that a build sees.
                if objects.is_some_and(|objects| objects.has(&key, content)) {
                    return HashSet::new();
                }
                objects.map(Objects::indexes).unwrap_or_default()
            };
            let keys = Keys::compute(&indexes, &key, &**object);
            let mut state = self.write();
            let objects = state.objects.entry(type_id).or_default();
            if objects.indexes().iter().any(|index| keys.of(*index).is_none()) {
                continue; // a build began to use an index
            }
            let cached = Cached::new(Arc::clone(object), content, keys);
            return self.replace(&mut state, type_id, &key, Some(cached));
        }
    }

    /// Replaces an object, or removes it. Remembers the change, and returns the readers that it
    /// concerns.
    fn replace(
        &self,
        state: &mut State,
        type_id: TypeId,
        key: &ObjectKey,
        object: Option<Cached>,
    ) -> HashSet<WorkKey> {
        let readers = lock(&self.readers);
        let objects = state.objects.entry(type_id).or_default();
        let states: Vec<Cached> =
            objects.cached(key).cloned().into_iter().chain(object.clone()).collect();
        let limits = readers.limits(type_id, &states);
        let before: Vec<_> = limits.iter().map(|limit| objects.last_within(limit)).collect();
        match object {
            Some(cached) => drop(objects.insert(key.clone(), cached)),
            None => drop(objects.remove(key)),
        }
        let shift = |(limit, before): (Limit, Option<Last>)| {
            let shift = before.zip(objects.last_within(&limit));
            (limit, shift)
        };
        let shifts: Vec<Shift> = limits.into_iter().zip(before).map(shift).collect();
        let concerned = readers.concerned(type_id, key, &states, &shifts);
        state.changed(Change::Object { type_id, states });
        concerned
    }

    /// Whether an object is cached.
    pub(crate) fn has(&self, type_id: TypeId, key: &ObjectKey) -> bool {
        self.find(type_id, key).is_some()
    }

    /// The cached object with this key.
    pub(crate) fn find(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        self.read().objects.get(&type_id)?.get(key)
    }

    /// Handles the deletion of an object. Returns the readers that it concerns.
    pub(crate) fn remove(&self, type_id: TypeId, key: &ObjectKey) -> HashSet<WorkKey> {
        let mut state = self.write();
        if state.objects.get(&type_id).is_none_or(|objects| objects.cached(key).is_none()) {
            return HashSet::new();
        }
        self.replace(&mut state, type_id, key, None)
    }

    /// Records whether an optional kind is served. Returns the readers that a change concerns.
    pub(crate) fn set_served(&self, kind: &KindInfo, served: bool) -> HashSet<WorkKey> {
        let mut state = self.write();
        let is_change =
            if served { state.served.insert(kind.clone()) } else { state.served.remove(kind) };
        if !is_change {
            return HashSet::new();
        }
        state.changed(Change::Served(kind.clone()));
        lock(&self.readers).of_served(kind)
    }

    /// The cached objects, in one namespace or in all, that a complete list did not show.
    pub(crate) fn missing(
        &self,
        type_id: TypeId,
        namespace: Option<&str>,
        seen: &HashSet<ObjectKey>,
    ) -> Vec<ObjectKey> {
        let state = self.read();
        let keys = state.objects.get(&type_id).into_iter().flat_map(|o| o.keys(namespace));
        keys.filter(|key| !seen.contains(*key)).cloned().collect()
    }
}

#[cfg(test)]
mod ordered_tests;
#[cfg(test)]
mod tests;
