//! Objects that `build` looks up, and who looked up what.
//!
//! A change wakes exactly the resources whose last `build` asked for the changed object, or for a list that it is in or was
//! in; what nobody can see of an object wakes nobody. A build holds on to the state that it sees until it is recorded what it
//! looked up, so that every change is either before that and seen, or after it and told.

mod objects;
mod readers;
#[cfg(test)]
mod tests;

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kubewright_core::ObjectKey;
use kubewright_core::kind::AnyObject;
use kubewright_core::view::{Lookup, Source};

use self::objects::Objects;
use self::readers::{Labels, Readers};
use crate::queue::WorkKey;

type State = HashMap<TypeId, Objects>;

/// All read objects and the record of look-ups. Who needs both locks takes that of the objects first.
#[derive(Debug, Default)]
pub(crate) struct ReadCache {
    objects: RwLock<State>,
    readers: Mutex<Readers>,
}

/// A consistent state of all read objects, for the length of one build: no event is taken in meanwhile.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    cache: &'a ReadCache,
    objects: RwLockReadGuard<'a, State>,
}

impl Source for Snapshot<'_> {
    fn get(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        self.objects.get(&type_id)?.get(key)
    }

    fn list(&self, type_id: TypeId, namespace: Option<&str>, labels: &[(String, String)]) -> Vec<Arc<dyn AnyObject>> {
        self.objects.get(&type_id).map_or_else(Vec::new, |objects| objects.list(namespace, labels))
    }
}

impl Snapshot<'_> {
    /// Records what `who` asked for: whatever changes of that from now on wakes it.
    pub(crate) fn record(self, who: &WorkKey, lookups: Vec<Lookup>) {
        let Self { cache, objects } = self;
        let changed = {
            let mut readers = cache.readers();
            // Most operators read nothing.
            if lookups.is_empty() && !readers.knows(who) {
                return;
            }
            readers.record(who, lookups)
        };
        drop(objects);
        cache.index(&changed);
    }
}

impl ReadCache {
    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { cache: self, objects: self.read() }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.objects.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.objects.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has objects indexed by those of these labels that somebody lists by now, and by no others of them.
    fn index(&self, changed: &Labels) {
        if changed.is_empty() {
            return;
        }
        let mut objects = self.write();
        let readers = self.readers();
        for label in changed {
            objects.entry(label.0).or_default().index(&label.1, readers.list_by(label));
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
        if self.read().get(&type_id).is_some_and(|objects| objects.is_as_known(&key, content)) {
            return HashSet::new();
        }
        let mut objects = self.write();
        let before = objects.entry(type_id).or_default().insert(key.clone(), Arc::clone(object), content);
        let states: Vec<&dyn AnyObject> = before.as_deref().into_iter().chain([&**object]).collect();
        self.readers().concerned(type_id, &key, &states)
    }

    /// An event says that an object is gone; gives whom that concerns.
    pub(crate) fn forget(&self, type_id: TypeId, key: &ObjectKey) -> HashSet<WorkKey> {
        let mut objects = self.write();
        let before = objects.get_mut(&type_id).and_then(|objects| objects.remove(key));
        before.map_or_else(HashSet::new, |before| self.readers().concerned(type_id, key, &[&*before]))
    }

    /// A list is complete: what it did not contain is gone.
    pub(crate) fn listed(&self, type_id: TypeId, namespace: Option<&str>, seen: &HashSet<ObjectKey>) -> HashSet<WorkKey> {
        let keys: Vec<ObjectKey> = {
            let state = self.read();
            let all = state.get(&type_id).into_iter().flat_map(|objects| objects.keys(namespace));
            all.filter(|key| !seen.contains(*key)).cloned().collect()
        };
        keys.iter().flat_map(|key| self.forget(type_id, key)).collect()
    }
}
