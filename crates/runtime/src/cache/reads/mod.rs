//! Objects that `build` looks up, and who looked up what.
//!
//! A change wakes exactly the resources whose last `build` asked for the changed object, or for a
//! list that it is in or was in, or for a key that it has or had; what nobody can see of an object
//! wakes nobody. That a kind begins or ends to be served wakes who asked, or has a child of that
//! kind. A build holds on to the state that it sees until it is recorded what it looked up, so that
//! every change is either before that and seen, or after it and told.

mod objects;
mod readers;
#[cfg(test)]
mod tests;

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kubewright_core::index::AnyIndex;
use kubewright_core::kind::AnyObject;
use kubewright_core::view::{Lookup, Source};
use kubewright_core::{KindInfo, ObjectKey, Timestamp};

use self::objects::Objects;
use self::readers::{Bys, Readers};
use crate::queue::WorkKey;

/// What there is.
#[derive(Debug, Default)]
struct State {
    objects: HashMap<TypeId, Objects>,
    /// The optional kinds that are served.
    served: HashSet<KindInfo>,
}

/// All read objects and the record of look-ups. Who needs both locks takes that of the state first.
#[derive(Debug, Default)]
pub(crate) struct ReadCache {
    state: RwLock<State>,
    readers: Mutex<Readers>,
}

/// A consistent state of all read objects, for the length of one build: no event is taken in
/// meanwhile.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    cache: &'a ReadCache,
    state: RwLockReadGuard<'a, State>,
    times: Times,
}

/// The times that a build sees.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    /// What time it is.
    pub(crate) now: Timestamp,
    /// When the resource that is built was last changed.
    pub(crate) changed_at: Option<Timestamp>,
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
        self.state
            .objects
            .get(&type_id)
            .map_or_else(Vec::new, |objects| objects.list(namespace, labels))
    }

    fn indexed(&self, type_id: TypeId, index: AnyIndex, key: &str) -> Vec<Arc<dyn AnyObject>> {
        self.state
            .objects
            .get(&type_id)
            .map_or_else(Vec::new, |objects| objects.indexed(index, key))
    }

    fn serves(&self, kind: &KindInfo) -> bool {
        self.state.served.contains(kind)
    }

    fn now(&self) -> Timestamp {
        self.times.now
    }

    fn changed_at(&self) -> Option<Timestamp> {
        self.times.changed_at
    }
}

impl Snapshot<'_> {
    /// Records what `who` asked for: whatever changes of that from now on wakes it.
    pub(crate) fn record(self, who: &WorkKey, lookups: Vec<Lookup>) {
        let Self { cache, state, .. } = self;
        let changed = {
            let mut readers = cache.readers();
            // Most operators read nothing.
            if lookups.is_empty() && !readers.knows(who) {
                return;
            }
            readers.record(who, lookups)
        };
        drop(state);
        cache.index(&changed);
    }
}

impl ReadCache {
    pub(crate) fn snapshot(&self, times: Times) -> Snapshot<'_> {
        Snapshot { cache: self, state: self.read(), times }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has objects indexed by those of these that somebody asks by now, and by no others of them.
    fn index(&self, changed: &Bys) {
        if changed.is_empty() {
            return;
        }
        let mut state = self.write();
        let readers = self.readers();
        for by in changed {
            state.objects.entry(by.0).or_default().index(&by.1, readers.ask_by(by));
        }
    }

    /// `who` is gone.
    pub(crate) fn forget_reader(&self, who: &WorkKey) {
        let changed = self.readers().forget(who);
        self.index(&changed);
    }

    /// An event says what an object is like now; gives whom that concerns.
    pub(crate) fn observe(&self, type_id: TypeId, object: &Arc<dyn AnyObject>) -> HashSet<WorkKey> {
        let (key, content) = (ObjectKey::of(object.meta()), object.content());
        // A relist brings what is known already, and many a write changes nothing that can be seen.
        if self
            .read()
            .objects
            .get(&type_id)
            .is_some_and(|objects| objects.is_as_known(&key, content))
        {
            return HashSet::new();
        }
        let mut state = self.write();
        let before = state.objects.entry(type_id).or_default().insert(
            key.clone(),
            Arc::clone(object),
            content,
        );
        let states: Vec<&dyn AnyObject> =
            before.as_deref().into_iter().chain([&**object]).collect();
        self.readers().concerned(type_id, &key, &states)
    }

    /// Whether an object is known.
    pub(crate) fn knows(&self, type_id: TypeId, key: &ObjectKey) -> bool {
        self.read().objects.get(&type_id).is_some_and(|objects| objects.get(key).is_some())
    }

    /// An event says that an object is gone; gives whom that concerns.
    pub(crate) fn forget(&self, type_id: TypeId, key: &ObjectKey) -> HashSet<WorkKey> {
        let mut state = self.write();
        let before = state.objects.get_mut(&type_id).and_then(|objects| objects.remove(key));
        before
            .map_or_else(HashSet::new, |before| self.readers().concerned(type_id, key, &[&*before]))
    }

    /// An optional kind is served from now on, or is not; gives whom that concerns.
    pub(crate) fn serve(&self, kind: &KindInfo, served: bool) -> HashSet<WorkKey> {
        let mut state = self.write();
        let news =
            if served { state.served.insert(kind.clone()) } else { state.served.remove(kind) };
        if news { self.readers().of_served(kind) } else { HashSet::new() }
    }

    /// A list is complete: what it did not contain is gone.
    pub(crate) fn listed(
        &self,
        type_id: TypeId,
        namespace: Option<&str>,
        seen: &HashSet<ObjectKey>,
    ) -> HashSet<WorkKey> {
        let keys: Vec<ObjectKey> = {
            let state = self.read();
            let all =
                state.objects.get(&type_id).into_iter().flat_map(|objects| objects.keys(namespace));
            all.filter(|key| !seen.contains(*key)).cloned().collect()
        };
        keys.iter().flat_map(|key| self.forget(type_id, key)).collect()
    }
}
