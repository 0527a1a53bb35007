//! Existing objects of one owned kind, shared by all controllers: a few hashes and the raw status each.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kubewright_core::hash::DesiredHash;
use kubewright_core::observed::ObservedChild;
use kubewright_core::{KindInfo, ObjectKey};

/// One owned kind.
#[derive(Debug)]
pub(crate) struct ChildCache {
    pub(crate) kind: KindInfo,
    pub(crate) optional: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    served: bool,
    children: HashMap<ObjectKey, Arc<ObservedChild>>,
    owned: HashMap<Box<str>, BTreeSet<ObjectKey>>,
    /// What is being written now.
    writing: HashMap<ObjectKey, Writing>,
}

/// A write whose answer may come later than the event of a deletion that followed it.
#[derive(Debug, Default)]
struct Writing {
    /// How many writes there are at once.
    count: usize,
    /// The object was gone as of this version.
    gone: u64,
}

/// UIDs of owners that an event concerns.
pub(crate) type Owners = Vec<Box<str>>;

impl State {
    fn insert(&mut self, child: ObservedChild) {
        let before = self.children.get(&child.key).and_then(|b| b.controller.clone());
        if let Some(owner) = before.filter(|b| Some(b) != child.controller.as_ref()) {
            self.disown(&owner.uid, &child.key);
        }
        if let Some(owner) = &child.controller {
            self.owned.entry(owner.uid.clone()).or_default().insert(child.key.clone());
        }
        self.children.insert(child.key.clone(), Arc::new(child));
    }

    /// A write ended; gives the version as of which the object was gone meanwhile, 0 when it was not.
    fn end_write(&mut self, key: &ObjectKey) -> u64 {
        let Some(writing) = self.writing.get_mut(key) else { return 0 };
        writing.count -= 1;
        let gone = writing.gone;
        if writing.count == 0 {
            self.writing.remove(key);
        }
        gone
    }

    /// The object is gone as of this version; an answer to come may be older than that.
    fn gone(&mut self, key: &ObjectKey, version: u64) {
        if let Some(writing) = self.writing.get_mut(key) {
            writing.gone = writing.gone.max(version);
        }
    }

    fn remove(&mut self, key: &ObjectKey) -> Option<Arc<ObservedChild>> {
        let child = self.children.remove(key)?;
        if let Some(owner) = &child.controller {
            self.disown(&owner.uid, key);
        }
        Some(child)
    }

    fn disown(&mut self, owner: &str, key: &ObjectKey) {
        if let Some(keys) = self.owned.get_mut(owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.owned.remove(owner);
            }
        }
    }
}

fn owner(child: &ObservedChild) -> Option<Box<str>> {
    child.controller.as_ref().map(|c| c.uid.clone())
}

impl ChildCache {
    pub(crate) fn new(kind: KindInfo, optional: bool) -> Self {
        Self { kind, optional, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the API of this kind is there.
    pub(crate) fn is_served(&self) -> bool {
        self.state().served
    }

    /// Records whether the API of this kind is there; all objects go with it. `true` when that is news.
    pub(crate) fn serve(&self, served: bool) -> bool {
        let mut state = self.state();
        if !served {
            state.children.clear();
            state.owned.clear();
        }
        std::mem::replace(&mut state.served, served) != served
    }

    /// An event says what an object is like now.
    pub(crate) fn observe(&self, mut child: ObservedChild) -> Owners {
        let mut state = self.state();
        let mut owners = Owners::new();
        if let Some(before) = state.children.get(&child.key).cloned() {
            // Older than our own last write: never act on it.
            if before.resource_version > child.resource_version {
                return owners;
            }
            child.inherit(&before);
            if child.differs(&before) {
                owners.extend(owner(&before).into_iter().chain(owner(&child)));
                owners.dedup();
            }
        } else {
            owners.extend(owner(&child));
        }
        state.insert(child);
        owners
    }

    /// An event says that an object is gone, or left the selection, at this version.
    pub(crate) fn forget(&self, key: &ObjectKey, version: u64) -> Owners {
        let mut state = self.state();
        state.gone(key, version);
        match state.children.get(key) {
            Some(child) if child.resource_version <= version => state.remove(key).and_then(|c| owner(&c)).into_iter().collect(),
            _ => Owners::new(),
        }
    }

    /// A list as of `version` is complete: what it did not contain is gone.
    pub(crate) fn listed(&self, namespace: Option<&str>, seen: &HashSet<ObjectKey>, version: u64) -> Owners {
        let mut state = self.state();
        let in_scope = |key: &ObjectKey| namespace.is_none() || key.namespace() == namespace;
        for (_, writing) in state.writing.iter_mut().filter(|(key, _)| in_scope(key) && !seen.contains(key)) {
            writing.gone = writing.gone.max(version);
        }
        let gone: Vec<ObjectKey> = state
            .children
            .iter()
            .filter(|(key, child)| in_scope(key) && !seen.contains(key) && child.resource_version <= version)
            .map(|(key, _)| key.clone())
            .collect();
        gone.iter().filter_map(|key| state.remove(key)).filter_map(|child| owner(&child)).collect()
    }

    /// A write of this object begins; [`written`](Self::written) or [`not_written`](Self::not_written) ends it.
    pub(crate) fn writes(&self, key: &ObjectKey) {
        self.state().writing.entry(key.clone()).or_default().count += 1;
    }

    /// The write came to nothing.
    pub(crate) fn not_written(&self, key: &ObjectKey) {
        self.state().end_write(key);
    }

    /// The answer to our own write: by definition as we want it. `false` when the object is gone again already.
    #[must_use]
    pub(crate) fn written(&self, mut child: ObservedChild, desired: DesiredHash) -> bool {
        let mut state = self.state();
        if state.end_write(&child.key) >= child.resource_version {
            return false;
        }
        child.entry = child.entry.verified(desired);
        if let Some(before) = state.children.get(&child.key) {
            if before.resource_version > child.resource_version {
                return true;
            }
            // Answers carry metadata alone; the status is what the watch said last.
            if child.status.is_none() && before.uid == child.uid {
                child.status.clone_from(&before.status);
            }
        }
        state.insert(child);
        true
    }

    /// A comparison found that this version of an object is as we want it: its entry's bytes are not needed any more.
    pub(crate) fn learned(&self, child: &ObservedChild, desired: DesiredHash) {
        let mut state = self.state();
        if let Some(slot) = state.children.get_mut(&child.key)
            && slot.uid == child.uid
            && slot.entry.hash() == child.entry.hash()
        {
            let mut known = ObservedChild::clone(slot);
            known.entry = known.entry.verified(desired);
            *slot = Arc::new(known);
        }
    }

    /// Every object that `uid` controls.
    pub(crate) fn owned_by(&self, uid: &str) -> Vec<Arc<ObservedChild>> {
        let state = self.state();
        let keys = state.owned.get(uid).into_iter().flatten();
        keys.filter_map(|key| state.children.get(key)).cloned().collect()
    }

    /// One object.
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Arc<ObservedChild>> {
        self.state().children.get(key).cloned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::borrow::Cow;

    use kubewright_core::observed::{ControllerRef, Entry};

    use super::*;

    fn cache() -> ChildCache {
        let text = Cow::Borrowed;
        let kind = KindInfo { group: text("apps"), version: text("v1"), kind: text("D"), plural: text("ds"), namespaced: true };
        ChildCache::new(kind, false)
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
            controller: Some(ControllerRef { kind: "E".into(), name: "e".into(), uid: owner.into() }),
            desired_hash: Some(DesiredHash(7)),
            entry: Entry::Unverified { hash: entry, fields: serde_json::value::to_raw_value(&0).unwrap() },
            status: None,
        }
    }

    #[test]
    fn a_new_object_concerns_its_owner_and_the_same_again_nobody() {
        let cache = cache();
        assert_eq!(cache.observe(child(1, "o", 1)), vec!["o".into()]);
        assert_eq!(cache.observe(child(2, "o", 1)), Owners::new());
        assert_eq!(cache.observe(child(3, "o", 2)), vec!["o".into()]);
    }

    #[test]
    fn an_event_older_than_our_write_is_not_believed() {
        let cache = cache();
        assert!(cache.written(child(9, "o", 2), DesiredHash(7)));
        assert!(cache.observe(child(8, "o", 1)).is_empty());
        assert_eq!(cache.get(&key()).unwrap().resource_version, 9);
        assert!(cache.forget(&key(), 8).is_empty());
        assert!(cache.get(&key()).is_some());
        assert!(cache.listed(None, &HashSet::new(), 8).is_empty());
        assert_eq!(cache.listed(None, &HashSet::new(), 10), vec!["o".into()]);
    }

    #[test]
    fn an_answer_that_comes_after_the_end_of_its_object_is_not_believed() {
        let cache = cache();
        cache.writes(&key());
        cache.forget(&key(), 8);
        assert!(!cache.written(child(7, "o", 1), DesiredHash(7)), "written, deleted, answered");
        assert!(cache.get(&key()).is_none());

        cache.writes(&key());
        cache.listed(None, &HashSet::new(), 8);
        assert!(cache.written(child(9, "o", 1), DesiredHash(7)), "deleted, written, answered");
        assert!(cache.get(&key()).is_some());

        cache.writes(&key());
        cache.not_written(&key());
        assert!(cache.state().writing.is_empty());
    }

    #[test]
    fn what_was_verified_stays_so_while_the_entry_is_the_same() {
        let cache = cache();
        assert!(cache.written(child(5, "o", 2), DesiredHash(7)));
        cache.observe(child(6, "o", 2));
        assert!(matches!(cache.get(&key()).unwrap().entry, Entry::Verified { desired: DesiredHash(7), .. }));
        cache.observe(child(7, "o", 3));
        assert!(matches!(cache.get(&key()).unwrap().entry, Entry::Unverified { .. }));
    }

    #[test]
    fn an_object_that_changes_hands_concerns_both_owners() {
        let cache = cache();
        cache.observe(child(1, "one", 1));
        assert_eq!(cache.observe(child(2, "two", 1)), vec!["one".into(), "two".into()]);
        assert!(cache.owned_by("one").is_empty());
        assert_eq!(cache.owned_by("two").len(), 1);
    }

    #[test]
    fn a_list_of_one_namespace_says_nothing_about_another() {
        let cache = cache();
        cache.observe(child(1, "o", 1));
        assert!(cache.listed(Some("other"), &HashSet::new(), 99).is_empty());
        assert!(cache.get(&key()).is_some());
    }
}
