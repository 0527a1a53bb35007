//! The objects of one owned kind, shared by all controllers. Each is a few hashes and the raw
//! status.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use kubewright_core::internals::hash;
use kubewright_core::observed::{ApplyEntry, ControllerRef, Hashes, ObservedChild};
use kubewright_core::{KindInfo, ObjectKey};
use serde_json::value::RawValue;

use super::pool::Pool;
use super::table::{Epoch, Row, Slot, Table};
use crate::memory::lock;

/// Values that children of all kinds share.
#[derive(Default)]
pub(crate) struct Pools {
    /// Entries of managedFields that were not compared yet.
    entries: Pool<RawValue>,
    owners: Pool<ControllerRef>,
}

impl Pools {
    fn share(&self, child: &mut ObservedChild) {
        if let ApplyEntry::Unverified { hash, fields } = &mut child.entry {
            *fields = self.entries.share(*hash, Arc::clone(fields), |a, b| a.get() == b.get());
            child.shared_entry = child.shared_entry.take().map(|_| Arc::clone(fields));
        }
        if let Some(owner) = &mut child.controller {
            let hash = hash::of(owner.uid.as_bytes());
            *owner = self.owners.share(hash, Arc::clone(owner), |a, b| a == b);
        }
    }
}

/// The objects of one owned kind.
pub(crate) struct ChildCache {
    pub(crate) kind: KindInfo,
    pub(crate) optional: bool,
    pools: Arc<Pools>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_served: bool,
    objects: Table<ObservedChild>,
    writes: HashMap<ObjectKey, ActiveWrites>,
    /// Objects that were deleted or lost our label, and the UIDs of their owners. The watch shows
    /// both in the same way.
    lost: HashMap<ObjectKey, Box<str>>,
}

impl Row for ObservedChild {
    fn name(&self) -> (&str, &str) {
        (&self.key.namespace, &self.key.name)
    }

    fn indexed_uid(&self) -> Option<&str> {
        self.controller.as_ref().map(|owner| &*owner.uid)
    }

    fn version(&self) -> u64 {
        self.resource_version
    }

    fn is_listed(&self) -> bool {
        self.missing_label.is_none()
    }
}

/// Writes of one object that are in progress. An answer may arrive after the event of its write,
/// and even after the event of a later deletion.
#[derive(Default)]
struct ActiveWrites {
    count: usize,
    /// The UID of the owner that writes; of the last write, if there are several.
    owner: Box<str>,
    /// The version at which the object was deleted; 0 if it was not.
    deleted: u64,
    /// The last version shown by an event that did not wake the owner; 0 if there was none.
    silent: u64,
}

/// A write that is in progress. Dropping it ends the write without an answer.
pub(crate) struct ActiveWrite<'a> {
    cache: &'a ChildCache,
    key: &'a ObjectKey,
    is_active: bool,
}

impl ActiveWrite<'_> {
    /// Records the answer, which is in sync by definition. Returns `false` if the owner must run
    /// again, because the object changed or disappeared since.
    #[must_use]
    pub(crate) fn succeeded(mut self, child: ObservedChild, covered: Hashes) -> bool {
        self.is_active = false;
        self.cache.record_write(child, covered)
    }

    /// Records that there is no answer. Returns `false` if the owner must run again, because the
    /// object changed meanwhile.
    #[must_use]
    pub(crate) fn failed(mut self) -> bool {
        self.is_active = false;
        lock(&self.cache.state).end_write(self.key).1 == 0
    }
}

impl Drop for ActiveWrite<'_> {
    fn drop(&mut self) {
        if self.is_active {
            lock(&self.cache.state).end_write(self.key);
        }
    }
}

/// The UIDs of the owners that an event concerns.
pub(crate) type Owners = Vec<Box<str>>;

fn owner(child: &ObservedChild) -> Option<Box<str>> {
    child.indexed_uid().map(Into::into)
}

/// The owners of both states of an object.
fn owners(before: &ObservedChild, child: &ObservedChild) -> Owners {
    let mut owners: Owners = owner(before).into_iter().chain(owner(child)).collect();
    owners.dedup();
    owners
}

impl State {
    /// Ends a write. Returns what events showed meanwhile: the versions `deleted` and `silent` of
    /// [`ActiveWrites`].
    fn end_write(&mut self, key: &ObjectKey) -> (u64, u64) {
        let Some(writes) = self.writes.get_mut(key) else { return (0, 0) };
        writes.count -= 1;
        let meanwhile = (writes.deleted, std::mem::take(&mut writes.silent));
        if writes.count == 0 {
            self.writes.remove(key);
        }
        meanwhile
    }

    fn insert(&mut self, child: ObservedChild, epoch: Epoch) {
        self.lost.remove(&child.key);
        self.objects.insert(child, epoch);
    }

    /// Removes an object that an event of this version ends. Returns the UID of its owner.
    fn remove(&mut self, key: &ObjectKey, version: u64) -> Option<Box<str>> {
        if let Some(writes) = self.writes.get_mut(key) {
            writes.deleted = writes.deleted.max(version);
        }
        let row = &self.objects.get(key)?.row;
        // If the answer to our own write shows that the object lost our label in this version, the
        // object still exists.
        let is_current =
            row.resource_version < version || row.resource_version == version && row.is_listed();
        if is_current { owner(&*self.objects.remove(key)?) } else { None }
    }

    /// Whether an event concerns only the owner that writes the object now. The event is probably
    /// the write itself; the answer decides whether the owner must run again.
    fn is_left_to_writer(&mut self, child: &ObservedChild, owners: &Owners) -> bool {
        let Some(writes) = self.writes.get_mut(&child.key) else { return false };
        let is_writer =
            writes.count == 1 && matches!(&owners[..], [owner] if *owner == writes.owner);
        if is_writer {
            writes.silent = writes.silent.max(child.resource_version);
        }
        is_writer
    }
}

impl ChildCache {
    /// The number of objects and of writes in progress.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        let state = lock(&self.state);
        state.objects.len() + state.writes.len() + state.lost.len()
    }

    pub(crate) fn new(kind: KindInfo, optional: bool, pools: Arc<Pools>) -> Self {
        Self { kind, optional, pools, state: Mutex::default() }
    }

    /// Whether the API of this kind is served.
    pub(crate) fn is_served(&self) -> bool {
        lock(&self.state).is_served
    }

    /// Records whether the API of this kind is served; without it there are no objects. Returns
    /// whether that changed.
    pub(crate) fn set_served(&self, served: bool) -> bool {
        let mut state = lock(&self.state);
        if !served {
            state.objects = Table::default();
        }
        std::mem::replace(&mut state.is_served, served) != served
    }

    /// Handles an event that shows an object; `epoch` is the last list that began.
    ///
    /// # Errors
    /// Returns the object if a newer version is cached.
    pub(crate) fn observe(
        &self,
        mut child: ObservedChild,
        epoch: Epoch,
    ) -> Result<Owners, Box<ObservedChild>> {
        self.pools.share(&mut child);
        let mut state = lock(&self.state);
        let mut concerned = Owners::new();
        if let Some(Slot { row: before, .. }) = state.objects.get(&child.key) {
            // Never act on an object older than our last write.
            if before.resource_version > child.resource_version {
                return Err(child.into());
            }
            child.inherit(before);
            if child.differs(before) {
                concerned = owners(before, &child);
            }
        } else {
            concerned.extend(owner(&child));
        }
        if state.is_left_to_writer(&child, &concerned) {
            concerned.clear();
        }
        state.insert(child, epoch);
        Ok(concerned)
    }

    /// Handles an object that a complete list shows in an older version than the cache. If the list
    /// should contain the cached version, the cluster was restored from a backup, and the list is
    /// right.
    pub(crate) fn set_back(&self, child: ObservedChild, epoch: Epoch, version: u64) -> Owners {
        let mut state = lock(&self.state);
        let is_obsolete = |slot: &&Slot<ObservedChild>| {
            slot.epoch != epoch && slot.row.resource_version <= version
        };
        let Some(before) = state.objects.get(&child.key).filter(is_obsolete) else {
            return Owners::new();
        };
        let concerned = owners(&before.row, &child);
        state.insert(child, epoch);
        concerned
    }

    /// Handles an event that shows that an object was deleted at this version.
    pub(crate) fn remove(&self, key: &ObjectKey, version: u64) -> Owners {
        lock(&self.state).remove(key, version).into_iter().collect()
    }

    /// Handles an event that shows that an object was deleted at this version, or lost our label
    /// and still exists.
    pub(crate) fn lose(&self, key: &ObjectKey, version: u64) -> Owners {
        let mut state = lock(&self.state);
        let Some(owner) = state.remove(key, version) else { return Owners::new() };
        state.lost.insert(key.clone(), owner.clone());
        vec![owner]
    }

    /// The objects that `uid` controls or controlled, and that the watch does not show.
    pub(crate) fn unwatched(&self, uid: &str) -> Vec<ObjectKey> {
        let state = lock(&self.state);
        let rows = state.objects.with_uid(uid).filter(|row| !row.is_listed());
        let lost = state.lost.iter().filter(|(_, owner)| ***owner == *uid);
        rows.map(|row| row.key.clone()).chain(lost.map(|(key, _)| key.clone())).collect()
    }

    /// Records what a request found out about an object that the watch does not show.
    pub(crate) fn record_unwatched(&self, key: &ObjectKey, found: Option<ObservedChild>) {
        let mut state = lock(&self.state);
        state.lost.remove(key);
        if state.objects.get(key).is_some_and(|slot| slot.row.is_listed()) {
            return;
        }
        match found.filter(|child| !child.is_listed()) {
            Some(child) => state.insert(child, Epoch::default()),
            // The watch shows it, if it exists.
            None => drop(state.objects.remove(key)),
        }
    }

    /// Records that a deletion of ours ended the object with this UID.
    pub(crate) fn record_deleted(&self, key: &ObjectKey, uid: &str) {
        let mut state = lock(&self.state);
        state.lost.remove(key);
        if state.objects.get(key).is_some_and(|slot| *slot.row.uid == *uid) {
            state.objects.remove(key);
        }
    }

    /// Forgets what the watch does not show of an owner that is gone.
    pub(crate) fn forget_unwatched(&self, uid: &str) {
        let mut state = lock(&self.state);
        state.lost.retain(|_, owner| **owner != *uid);
        let rows = state.objects.with_uid(uid).filter(|row| !row.is_listed());
        for key in rows.map(|row| row.key.clone()).collect::<Vec<_>>() {
            state.objects.remove(&key);
        }
    }

    /// Completes the list that began with `epoch`, as of `version`: removes what it lacks.
    pub(crate) fn complete_list(
        &self,
        namespace: Option<&str>,
        epoch: Epoch,
        version: u64,
    ) -> Owners {
        let mut state = lock(&self.state);
        let State { objects, writes, .. } = &mut *state;
        let in_scope = |key: &ObjectKey| namespace.is_none() || key.namespace() == namespace;
        for (key, writes) in writes.iter_mut().filter(|(key, _)| in_scope(key)) {
            if objects.get(key).is_none_or(|slot| slot.epoch != epoch) {
                writes.deleted = writes.deleted.max(version);
            }
        }
        let missing = objects.remove_missing(namespace, epoch, version);
        missing.iter().filter_map(|child| owner(child)).collect()
    }

    /// Begins a write of this object for the owner with this UID.
    pub(crate) fn begin_write<'a>(&'a self, key: &'a ObjectKey, owner: &str) -> ActiveWrite<'a> {
        {
            let mut state = lock(&self.state);
            let writes = state.writes.entry(key.clone()).or_default();
            writes.count += 1;
            writes.owner = owner.into();
        }
        ActiveWrite { cache: self, key, is_active: true }
    }

    fn record_write(&self, mut child: ObservedChild, covered: Hashes) -> bool {
        child.entry = child.entry.verified(covered);
        self.pools.share(&mut child);
        let mut state = lock(&self.state);
        let (deleted, silent) = state.end_write(&child.key);
        // The event of this version may show that the object lost our label in this write.
        if deleted > child.resource_version
            || deleted == child.resource_version && child.is_listed()
        {
            return false;
        }
        let is_latest = silent <= child.resource_version;
        let mut epoch = Epoch::default();
        if let Some(before) = state.objects.get(&child.key) {
            if before.row.resource_version > child.resource_version {
                return is_latest;
            }
            epoch = before.epoch;
            // An answer has only metadata; the status is that of the last event.
            if child.status.is_none() && before.row.uid == child.uid {
                child.status.clone_from(&before.row.status);
            }
        }
        state.insert(child, epoch);
        is_latest
    }

    /// Records that a comparison found this version in sync: the bytes of its entry are dropped.
    pub(crate) fn record_verified(&self, child: &ObservedChild, covered: Hashes) {
        let mut state = lock(&self.state);
        if let Some(Slot { row: known, epoch }) = state.objects.get(&child.key)
            && known.uid == child.uid
            && known.entry.hash() == child.entry.hash()
        {
            let (mut known, epoch) = (ObservedChild::clone(known), *epoch);
            known.entry = known.entry.verified(covered);
            state.objects.insert(known, epoch);
        }
    }

    /// Every object that `uid` controls, ordered by key.
    pub(crate) fn owned_by(&self, uid: &str) -> Vec<Arc<ObservedChild>> {
        let state = lock(&self.state);
        let mut owned: Vec<_> = state.objects.with_uid(uid).cloned().collect();
        owned.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        owned
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Arc<ObservedChild>> {
        lock(&self.state).objects.get(key).map(|slot| Arc::clone(&slot.row))
    }
}

#[cfg(test)]
mod tests;
