//! Existing objects of one owned kind, shared by all controllers: a few hashes and the raw status
//! each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use kubewright_core::observed::{ControllerRef, Covered, Entry, ObservedChild};
use kubewright_core::{KindInfo, ObjectKey, hash};
use serde_json::value::RawValue;

use super::pool::Pool;
use super::{Epoch, key_hash};

/// What children of all kinds have in common.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    /// Entries of managedFields that were not compared yet.
    entries: Pool<RawValue>,
    /// Owners.
    owners: Pool<ControllerRef>,
}

/// One owned kind.
#[derive(Debug)]
pub(crate) struct ChildCache {
    pub(crate) kind: KindInfo,
    pub(crate) optional: bool,
    pools: Arc<Pools>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    served: bool,
    /// By key.
    children: HashTable<Slot>,
    /// The same objects by their owner's UID.
    owned: HashTable<Arc<ObservedChild>>,
    /// What is being written now.
    writing: HashMap<ObjectKey, Writing>,
}

#[derive(Debug)]
struct Slot {
    child: Arc<ObservedChild>,
    /// The last list that it was seen in or after.
    epoch: Epoch,
}

/// A write whose answer may come later than its own event, or than the event of a deletion that
/// followed it.
#[derive(Debug, Default)]
struct Writing {
    /// How many writes there are at once.
    count: usize,
    /// The UID of the owner for whom the last of them is.
    by: Box<str>,
    /// The object was gone as of this version.
    gone: u64,
    /// The last version that an event showed and of which its owner, who writes, was not told yet.
    untold: u64,
}

/// What events told while a write was under way: versions, 0 for none.
#[derive(Default)]
struct Meanwhile {
    gone: u64,
    untold: u64,
}

/// A write that is under way. Dropped, it came to nothing, for whatever reason.
#[derive(Debug)]
pub(crate) struct Write<'a> {
    cache: &'a ChildCache,
    key: &'a ObjectKey,
    is_on: bool,
}

impl Write<'_> {
    /// The answer: by definition as we want it. `false` when it is not the last word: the object
    /// changed again already, or is gone, and its owner was not told.
    #[must_use]
    pub(crate) fn taken(mut self, child: ObservedChild, of: Covered) -> bool {
        self.is_on = false;
        self.cache.written(child, of)
    }

    /// There is no answer. `false` when the object changed meanwhile, and its owner was not told.
    #[must_use]
    pub(crate) fn failed(mut self) -> bool {
        self.is_on = false;
        self.cache.state().end_write(self.key).untold == 0
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        if self.is_on {
            self.cache.state().end_write(self.key);
        }
    }
}

/// UIDs of owners that an event concerns.
pub(crate) type Owners = Vec<Box<str>>;

fn hash_of(child: &ObservedChild) -> u64 {
    key_hash(&child.key.namespace, &child.key.name)
}

/// Hash of the owner's UID; what nobody owns is not in the index.
fn owner_hash(child: &ObservedChild) -> u64 {
    child.controller.as_ref().map_or(0, |by| hash::of(by.uid.as_bytes()))
}

impl State {
    fn get(&self, key: &ObjectKey) -> Option<&Arc<ObservedChild>> {
        self.children
            .find(key_hash(&key.namespace, &key.name), |slot| slot.child.key == *key)
            .map(|slot| &slot.child)
    }

    fn insert(&mut self, child: ObservedChild, epoch: Epoch) {
        self.remove(&child.key);
        let child = Arc::new(child);
        if child.controller.is_some() {
            self.owned
                .insert_unique(owner_hash(&child), Arc::clone(&child), |child| owner_hash(child));
        }
        self.children
            .insert_unique(hash_of(&child), Slot { child, epoch }, |slot| hash_of(&slot.child));
    }

    fn remove(&mut self, key: &ObjectKey) -> Option<Arc<ObservedChild>> {
        let found = self
            .children
            .find_entry(key_hash(&key.namespace, &key.name), |slot| slot.child.key == *key);
        let (Slot { child, .. }, _) = found.ok()?.remove();
        if let Ok(entry) =
            self.owned.find_entry(owner_hash(&child), |owned| Arc::ptr_eq(owned, &child))
        {
            entry.remove();
        }
        Some(child)
    }

    /// A write ended; gives what happened meanwhile.
    fn end_write(&mut self, key: &ObjectKey) -> Meanwhile {
        let Some(writing) = self.writing.get_mut(key) else { return Meanwhile::default() };
        writing.count -= 1;
        let meanwhile =
            Meanwhile { gone: writing.gone, untold: std::mem::take(&mut writing.untold) };
        if writing.count == 0 {
            self.writing.remove(key);
        }
        meanwhile
    }

    /// An event of a write comes while its answer is on its way: nothing new, unless the answer is
    /// of an older version. Whether the only one whom it concerns will see to that.
    fn is_seen_to(&mut self, child: &ObservedChild, owners: &Owners) -> bool {
        let Some(writing) = self.writing.get_mut(&child.key) else { return false };
        let is_writer =
            writing.count == 1 && matches!(&owners[..], [owner] if *owner == writing.by);
        if is_writer {
            writing.untold = writing.untold.max(child.resource_version);
        }
        is_writer
    }

    /// The object is gone as of this version; an answer to come may be older than that.
    fn gone(&mut self, key: &ObjectKey, version: u64) {
        if let Some(writing) = self.writing.get_mut(key) {
            writing.gone = writing.gone.max(version);
        }
    }
}

fn owner(child: &ObservedChild) -> Option<Box<str>> {
    child.controller.as_ref().map(|c| c.uid.clone())
}

impl Pools {
    /// The same child, sharing what others have too.
    fn share(&self, child: &mut ObservedChild) {
        if let Entry::Unverified { hash, fields } = &mut child.entry {
            *fields = self.entries.shared(*hash, Arc::clone(fields), |a, b| a.get() == b.get());
        }
        if let Some(by) = &mut child.controller {
            *by = self.owners.shared(hash::of(by.uid.as_bytes()), Arc::clone(by), |a, b| a == b);
        }
    }
}

impl ChildCache {
    pub(crate) fn new(kind: KindInfo, optional: bool, pools: Arc<Pools>) -> Self {
        Self { kind, optional, pools, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the API of this kind is there.
    pub(crate) fn is_served(&self) -> bool {
        self.state().served
    }

    /// Records whether the API of this kind is there; all objects go with it. `true` when that is
    /// news.
    pub(crate) fn serve(&self, served: bool) -> bool {
        let mut state = self.state();
        if !served {
            state.children = HashTable::new();
            state.owned = HashTable::new();
        }
        std::mem::replace(&mut state.served, served) != served
    }

    /// An event says what an object is like now; `epoch` is the last list that began.
    ///
    /// # Errors
    /// Gives the object back where a newer version is known.
    pub(crate) fn observe(
        &self,
        mut child: ObservedChild,
        epoch: Epoch,
    ) -> Result<Owners, Box<ObservedChild>> {
        self.pools.share(&mut child);
        let mut state = self.state();
        let mut owners = Owners::new();
        let known = state.children.find(hash_of(&child), |slot| slot.child.key == child.key);
        if let Some(Slot { child: before, .. }) = known {
            // Older than our own last write: never act on it.
            if before.resource_version > child.resource_version {
                return Err(child.into());
            }
            child.inherit(before);
            if child.differs(before) {
                owners.extend(owner(before).into_iter().chain(owner(&child)));
                owners.dedup();
            }
        } else {
            owners.extend(owner(&child));
        }
        if state.is_seen_to(&child, &owners) {
            owners.clear();
        }
        state.insert(child, epoch);
        Ok(owners)
    }

    /// The list that began with `epoch` is complete as of `version`, and shows this in an older
    /// version than the one that is known. Was that not a write of ours since, the cluster was
    /// restored from a backup: then it is as it is shown.
    pub(crate) fn set_back(&self, child: ObservedChild, epoch: Epoch, version: u64) -> Owners {
        let mut state = self.state();
        let is_of_another_time = |slot: &&Slot| {
            slot.child.key == child.key
                && slot.epoch != epoch
                && slot.child.resource_version <= version
        };
        let known = state.children.find(hash_of(&child), |slot| is_of_another_time(&slot));
        let Some(before) = known.map(|slot| owner(&slot.child)) else { return Owners::new() };
        let mut owners: Owners = before.into_iter().chain(owner(&child)).collect();
        owners.dedup();
        state.insert(child, epoch);
        owners
    }

    /// An event says that an object is gone, or left the selection, at this version.
    pub(crate) fn forget(&self, key: &ObjectKey, version: u64) -> Owners {
        let mut state = self.state();
        state.gone(key, version);
        match state.get(key) {
            Some(child) if child.resource_version <= version => {
                state.remove(key).and_then(|c| owner(&c)).into_iter().collect()
            }
            _ => Owners::new(),
        }
    }

    /// The list that began with `epoch` is complete as of `version`: what it did not contain is
    /// gone.
    pub(crate) fn listed(&self, namespace: Option<&str>, epoch: Epoch, version: u64) -> Owners {
        let mut state = self.state();
        let in_scope = |key: &ObjectKey| namespace.is_none() || key.namespace() == namespace;
        let missing = |slot: &Slot| {
            in_scope(&slot.child.key)
                && slot.epoch != epoch
                && slot.child.resource_version <= version
        };
        let gone: Vec<ObjectKey> = state
            .children
            .iter()
            .filter(|slot| missing(slot))
            .map(|slot| slot.child.key.clone())
            .collect();
        let State { children, writing, .. } = &mut *state;
        for (key, writing) in writing.iter_mut().filter(|(key, _)| in_scope(key)) {
            let listed =
                children.find(key_hash(&key.namespace, &key.name), |slot| slot.child.key == *key);
            if listed.is_none_or(|slot| slot.epoch != epoch) {
                writing.gone = writing.gone.max(version);
            }
        }
        gone.iter().filter_map(|key| state.remove(key)).filter_map(|child| owner(&child)).collect()
    }

    /// A write of this object begins, for the owner with the UID `by`.
    pub(crate) fn writes<'a>(&'a self, key: &'a ObjectKey, by: &str) -> Write<'a> {
        {
            let mut state = self.state();
            let writing = state.writing.entry(key.clone()).or_default();
            writing.count += 1;
            writing.by = by.into();
        }
        Write { cache: self, key, is_on: true }
    }

    fn written(&self, mut child: ObservedChild, of: Covered) -> bool {
        child.entry = child.entry.verified(of);
        self.pools.share(&mut child);
        let mut state = self.state();
        let Meanwhile { gone, untold } = state.end_write(&child.key);
        if gone >= child.resource_version {
            return false;
        }
        let is_last_word = untold <= child.resource_version;
        let mut epoch = Epoch::default();
        if let Some(before) =
            state.children.find(hash_of(&child), |slot| slot.child.key == child.key)
        {
            if before.child.resource_version > child.resource_version {
                return is_last_word;
            }
            epoch = before.epoch;
            // Answers carry metadata alone; the status is what the watch said last.
            if child.status.is_none() && before.child.uid == child.uid {
                child.status.clone_from(&before.child.status);
            }
        }
        state.insert(child, epoch);
        is_last_word
    }

    /// A comparison found that this version of an object is as we want it: its entry's bytes are
    /// not needed any more.
    pub(crate) fn learned(&self, child: &ObservedChild, of: Covered) {
        let mut state = self.state();
        let found = state.children.find(hash_of(child), |slot| slot.child.key == child.key);
        if let Some(Slot { child: known, epoch }) = found
            && known.uid == child.uid
            && known.entry.hash() == child.entry.hash()
        {
            let mut known = ObservedChild::clone(known);
            known.entry = known.entry.verified(of);
            let epoch = *epoch;
            state.insert(known, epoch);
        }
    }

    /// Every object that `uid` controls, in the order of their keys.
    pub(crate) fn owned_by(&self, uid: &str) -> Vec<Arc<ObservedChild>> {
        let state = self.state();
        let owned = state
            .owned
            .iter_hash(hash::of(uid.as_bytes()))
            .filter(|child| child.is_controlled_by(uid));
        let mut owned: Vec<_> = owned.cloned().collect();
        owned.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        owned
    }

    /// One object.
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Arc<ObservedChild>> {
        self.state().get(key).cloned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::testing::config_map;

    /// What an entry was found to cover.
    fn covered() -> Covered {
        Covered::by(&config_map("web"))
    }

    fn cache() -> ChildCache {
        let text = Cow::Borrowed;
        let kind = KindInfo {
            group: text("apps"),
            version: text("v1"),
            kind: text("D"),
            plural: text("ds"),
            namespaced: true,
        };
        ChildCache::new(kind, false, Arc::default())
    }

    fn key() -> ObjectKey {
        ObjectKey::new("ns", "web")
    }

    fn child(version: u64, owner: &str, entry: u64) -> ObservedChild {
        ObservedChild {
            key: key(),
            uid: "u".into(),
            resource_version: version,
            generation: None,
            deleting: false,
            controller: Some(
                ControllerRef { kind: "E".into(), name: "e".into(), uid: owner.into() }.into(),
            ),
            desired_hash: Some(covered().hash),
            entry: Entry::Unverified {
                hash: entry,
                fields: serde_json::value::to_raw_value(&0).unwrap().into(),
            },
            status: None,
        }
    }

    #[test]
    fn a_new_object_concerns_its_owner_and_the_same_again_nobody() {
        let cache = cache();
        assert_eq!(cache.observe(child(1, "o", 1), 1).unwrap(), vec!["o".into()]);
        assert_eq!(cache.observe(child(2, "o", 1), 1).unwrap(), Owners::new());
        assert_eq!(cache.observe(child(3, "o", 2), 1).unwrap(), vec!["o".into()]);
    }

    #[test]
    fn an_event_older_than_our_write_is_not_believed() {
        let cache = cache();
        assert!(cache.written(child(9, "o", 2), covered()));
        assert!(cache.observe(child(8, "o", 1), 1).is_err());
        assert_eq!(cache.get(&key()).unwrap().resource_version, 9);
        assert!(cache.forget(&key(), 8).is_empty());
        assert!(cache.get(&key()).is_some());
        assert!(cache.listed(None, 2, 8).is_empty());
        assert_eq!(cache.listed(None, 2, 10), vec!["o".into()]);
    }

    #[test]
    fn an_answer_that_comes_after_the_end_of_its_object_is_not_believed() {
        let (cache, key) = (cache(), key());
        let write = cache.writes(&key, "o");
        cache.forget(&key, 8);
        assert!(!write.taken(child(7, "o", 1), covered()), "written, deleted, answered");
        assert!(cache.get(&key).is_none());

        let write = cache.writes(&key, "o");
        cache.listed(None, 2, 8);
        assert!(write.taken(child(9, "o", 1), covered()), "deleted, written, answered");
        assert!(cache.get(&key).is_some());
    }

    #[test]
    fn the_event_of_a_write_that_comes_before_its_answer_wakes_nobody() {
        let (cache, key) = (cache(), key());
        let write = cache.writes(&key, "o");
        assert!(cache.observe(child(7, "o", 1), 1).unwrap().is_empty(), "who writes will know");
        assert!(write.taken(child(7, "o", 1), covered()), "it was that write");

        let write = cache.writes(&key, "o");
        assert!(cache.observe(child(8, "o", 2), 1).unwrap().is_empty());
        assert!(write.taken(child(9, "o", 3), covered()), "the answer is newer");

        let write = cache.writes(&key, "o");
        assert!(cache.observe(child(10, "o", 4), 1).unwrap().is_empty());
        assert!(cache.observe(child(11, "o", 5), 1).unwrap().is_empty());
        assert!(!write.taken(child(10, "o", 4), covered()), "somebody wrote after us");
        assert_eq!(cache.get(&key).unwrap().resource_version, 11);

        let write = cache.writes(&key, "o");
        assert!(cache.observe(child(12, "o", 6), 1).unwrap().is_empty());
        assert!(!write.failed(), "it was not us");
        assert!(cache.writes(&key, "o").failed(), "nothing happened");
    }

    #[test]
    fn an_event_wakes_whoever_does_not_write() {
        let (cache, key) = (cache(), key());
        let write = cache.writes(&key, "other");
        assert_eq!(cache.observe(child(7, "o", 1), 1).unwrap(), vec!["o".into()]);
        assert_eq!(
            cache.observe(child(8, "other", 1), 1).unwrap(),
            vec!["o".into(), "other".into()],
            "it changed hands"
        );
        let another = cache.writes(&key, "other");
        assert_eq!(
            cache.observe(child(9, "other", 2), 1).unwrap(),
            vec!["other".into()],
            "who of the two is not clear"
        );
        assert!(another.failed() && write.failed());
        assert_eq!(
            cache.observe(child(10, "other", 3), 1).unwrap(),
            vec!["other".into()],
            "nobody writes"
        );
    }

    #[test]
    fn nothing_is_left_of_a_write_that_came_to_nothing() {
        let (cache, key) = (cache(), key());
        drop(cache.writes(&key, "o"));
        assert!(cache.state().writing.is_empty());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _write = cache.writes(&key, "o");
            panic!("in the middle of it");
        }));
        assert!(panicked.is_err() && cache.state().writing.is_empty());
    }

    #[test]
    fn a_list_that_shows_less_than_it_must_is_of_another_time_and_one_without_our_last_write_is_not()
     {
        let cache = cache();
        cache.observe(child(1000, "o", 1), 1).unwrap();
        let older = *cache.observe(child(500, "o", 2), 2).unwrap_err();
        assert_eq!(
            cache.set_back(older.clone(), 2, 999),
            Owners::new(),
            "1000 may be newer than that list"
        );
        assert_eq!(cache.get(&key()).unwrap().resource_version, 1000);
        assert_eq!(cache.set_back(older.clone(), 2, 1000), vec!["o".into()]);
        assert_eq!(cache.get(&key()).unwrap().resource_version, 500);

        let older = *cache.observe(child(400, "o", 1), 3).unwrap_err();
        cache.observe(child(501, "o", 2), 3).unwrap();
        assert_eq!(
            cache.set_back(older, 3, u64::MAX),
            Owners::new(),
            "the list showed a newer one, too"
        );
    }

    #[test]
    fn what_was_verified_stays_so_while_the_entry_is_the_same() {
        let cache = cache();
        assert!(cache.written(child(5, "o", 2), covered()));
        cache.observe(child(6, "o", 2), 1).unwrap();
        assert!(matches!(cache.get(&key()).unwrap().entry, Entry::Verified { .. }));
        cache.observe(child(7, "o", 3), 1).unwrap();
        assert!(matches!(cache.get(&key()).unwrap().entry, Entry::Unverified { .. }));
    }

    #[test]
    fn an_object_that_changes_hands_concerns_both_owners() {
        let cache = cache();
        cache.observe(child(1, "one", 1), 1).unwrap();
        assert_eq!(cache.observe(child(2, "two", 1), 1).unwrap(), vec!["one".into(), "two".into()]);
        assert!(cache.owned_by("one").is_empty());
        assert_eq!(cache.owned_by("two").len(), 1);
    }

    #[test]
    fn a_list_of_one_namespace_says_nothing_about_another() {
        let cache = cache();
        cache.observe(child(1, "o", 1), 1).unwrap();
        assert!(cache.listed(Some("other"), 2, 99).is_empty());
        assert!(cache.get(&key()).is_some());
    }
}
