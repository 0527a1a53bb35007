//! The custom resources of one controller, typed.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;
use kubewright_core::kind::AnyObject;
use kubewright_core::time::Changed;
use kubewright_core::{ObjectKey, Timestamp, hash};

use super::{Epoch, key_hash};

/// Twice no second of any moment.
const UNKNOWN: i64 = i64::MIN;

/// One custom resource.
#[derive(Debug)]
pub(crate) struct Parent {
    pub(crate) object: Arc<dyn AnyObject>,
    pub(crate) version: u64,
    /// When its spec was last changed: twice the second, and 1 for an edit after that; [`UNKNOWN`]
    /// where nothing says so.
    changed_at: i64,
    /// Hash of what its status tells already: of the report, or of all that it was made from; 0
    /// while that is not known.
    settled: AtomicU64,
}

impl Parent {
    pub(crate) fn new(object: Arc<dyn AnyObject>, version: u64) -> Self {
        Self { object, version, changed_at: UNKNOWN, settled: AtomicU64::new(0) }
    }

    /// The same, last changed then.
    pub(crate) fn changed(self, changed: Changed) -> Self {
        let at = changed.at.map_or(UNKNOWN, |at| at.as_second() << 1);
        Self { changed_at: at | i64::from(changed.is_unrecorded), ..self }
    }

    /// Whether there was an edit that no time tells of.
    pub(crate) fn is_unrecorded(&self) -> bool {
        self.changed_at & 1 == 1
    }

    /// When its spec was last changed.
    pub(crate) fn changed_at(&self) -> Option<Timestamp> {
        // No moment is as long ago.
        Timestamp::from_second(self.changed_at >> 1).ok()
    }

    /// Whether nothing but the status can be different in the other one. The generation counts
    /// changes of the spec.
    fn is_but_for_its_status(&self, other: &Self) -> bool {
        let (a, b) = (self.object.meta(), other.object.meta());
        a.uid == b.uid
            && a.generation.is_some()
            && a.generation == b.generation
            && a.labels == b.labels
            && a.annotations == b.annotations
            && a.finalizers == b.finalizers
            && a.owner_references == b.owner_references
            && a.deletion_timestamp == b.deletion_timestamp
    }

    pub(crate) fn uid(&self) -> &str {
        self.object.meta().uid.as_deref().unwrap_or_default()
    }

    pub(crate) fn is_deleting(&self) -> bool {
        self.object.meta().deletion_timestamp.is_some()
    }

    pub(crate) fn generation(&self) -> Option<i64> {
        self.object.meta().generation
    }

    /// Whether its status is known to tell this.
    pub(crate) fn tells(&self, told: u64) -> bool {
        self.settled.load(Ordering::Relaxed) == told
    }

    /// Its status tells this; 0 for what is not known.
    pub(crate) fn settle(&self, told: u64) {
        self.settled.store(told, Ordering::Relaxed);
    }

    /// Adds to `hasher` all that a status can depend on. The generation stands for the spec;
    /// without one there is nothing that does.
    pub(crate) fn add_to(&self, hasher: &mut impl Hasher) -> Option<()> {
        let meta = self.object.meta();
        (meta.generation?, &meta.labels, &meta.annotations, &meta.finalizers).hash(hasher);
        Some(())
    }

    fn key(&self) -> (&str, &str) {
        let meta = self.object.meta();
        (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
    }

    fn is(&self, key: &ObjectKey) -> bool {
        self.key() == (&*key.namespace, &*key.name)
    }

    fn hash(&self) -> u64 {
        let (namespace, name) = self.key();
        key_hash(namespace, name)
    }

    fn uid_hash(&self) -> u64 {
        hash::of(self.uid().as_bytes())
    }
}

/// What we wrote with exactly the version that an event shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// Hash of the report that it tells.
    pub(crate) report: u64,
    /// Whether the status is exactly what we wrote.
    pub(crate) is_all: bool,
}

/// What an event did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// There is something to reconcile.
    pub(crate) work: bool,
    /// The UID of a resource that is gone.
    pub(crate) gone: Option<Box<str>>,
    /// It is older than what was known: the cluster was restored from a backup.
    pub(crate) set_back: bool,
}

/// All custom resources of one controller.
#[derive(Debug, Default)]
pub(crate) struct ParentCache(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    by_key: HashTable<Slot>,
    /// For the owner references of children.
    by_uid: HashTable<Arc<Parent>>,
}

#[derive(Debug)]
struct Slot {
    parent: Arc<Parent>,
    /// The last list that it was seen in or after.
    epoch: Epoch,
}

impl State {
    fn insert(&mut self, parent: Parent, epoch: Epoch) {
        let parent = Arc::new(parent);
        self.by_uid
            .insert_unique(parent.uid_hash(), Arc::clone(&parent), |parent| parent.uid_hash());
        self.by_key.insert_unique(parent.hash(), Slot { parent, epoch }, |slot| slot.parent.hash());
    }

    fn remove(&mut self, key: &ObjectKey) -> Option<Arc<Parent>> {
        let found =
            self.by_key.find_entry(key_hash(&key.namespace, &key.name), |slot| slot.parent.is(key));
        let (Slot { parent, .. }, _) = found.ok()?.remove();
        if let Ok(entry) =
            self.by_uid.find_entry(parent.uid_hash(), |other| Arc::ptr_eq(other, &parent))
        {
            entry.remove();
        }
        Some(parent)
    }

    fn slot(&self, key: &ObjectKey) -> Option<&Slot> {
        self.by_key.find(key_hash(&key.namespace, &key.name), |slot| slot.parent.is(key))
    }

    fn see(&mut self, key: &ObjectKey, epoch: Epoch) {
        if let Some(slot) =
            self.by_key.find_mut(key_hash(&key.namespace, &key.name), |slot| slot.parent.is(key))
        {
            slot.epoch = epoch;
        }
    }
}

impl ParentCache {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event says what a resource is like now; `epoch` is the last list that began. `told` is
    /// what we wrote with exactly this version, if we did: then there is nothing to do, unless
    /// something else is news too.
    pub(crate) fn observe(&self, parent: Parent, told: Option<Told>, epoch: Epoch) -> Effect {
        let key = ObjectKey::of(parent.object.meta());
        let mut state = self.lock();
        let slot = state.slot(&key);
        let same = slot.filter(|slot| slot.parent.uid() == parent.uid());
        // Watches alone write here, in order: what a new list brings is how it is, even where it is
        // older.
        let set_back =
            same.is_some_and(|slot| slot.parent.version > parent.version && slot.epoch != epoch);
        if same.is_some_and(|slot| slot.parent.version >= parent.version) && !set_back {
            state.see(&key, epoch);
            return Effect::default();
        }
        let gone =
            slot.map(|slot| slot.parent.uid()).filter(|uid| *uid != parent.uid()).map(Into::into);
        if let Some(Told { report, .. }) = told {
            // Whatever else is in it, this is.
            parent.settle(report);
        }
        let nothing_else = |told: Told| {
            told.is_all && same.is_some_and(|slot| slot.parent.is_but_for_its_status(&parent))
        };
        let work = !told.is_some_and(nothing_else);
        state.remove(&key);
        state.insert(parent, epoch);
        Effect { work, gone, set_back }
    }

    /// An event says that a resource is gone.
    pub(crate) fn forget(&self, key: &ObjectKey, uid: &str) -> Option<Box<str>> {
        let mut state = self.lock();
        let same = state.slot(key).is_some_and(|slot| slot.parent.uid() == uid);
        if same { state.remove(key).map(|p| p.uid().into()) } else { None }
    }

    /// The list that began with `epoch` is complete: what it did not contain is gone.
    pub(crate) fn listed(
        &self,
        namespace: Option<&str>,
        epoch: Epoch,
    ) -> Vec<(ObjectKey, Box<str>)> {
        let mut state = self.lock();
        let missing = |slot: &&Slot| {
            slot.epoch != epoch && namespace.is_none_or(|n| slot.parent.key().0 == n)
        };
        let gone: Vec<_> = state
            .by_key
            .iter()
            .filter(missing)
            .map(|slot| ObjectKey::of(slot.parent.object.meta()))
            .collect();
        gone.into_iter()
            .filter_map(|key| state.remove(&key).map(|p| (key, p.uid().into())))
            .collect()
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Arc<Parent>> {
        self.lock().slot(key).map(|slot| Arc::clone(&slot.parent))
    }

    /// The key of the resource with this UID.
    pub(crate) fn with_uid(&self, uid: &str) -> Option<ObjectKey> {
        let state = self.lock();
        let found = state.by_uid.find(hash::of(uid.as_bytes()), |parent| parent.uid() == uid);
        found.map(|parent| ObjectKey::of(parent.object.meta()))
    }

    pub(crate) fn keys(&self) -> Vec<ObjectKey> {
        self.lock().by_key.iter().map(|slot| ObjectKey::of(slot.parent.object.meta())).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().by_key.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn parent(name: &str, uid: &str, version: u64) -> Parent {
        let mut object = ConfigMap::default();
        object.metadata.namespace = Some("ns".to_owned());
        object.metadata.name = Some(name.to_owned());
        object.metadata.uid = Some(uid.to_owned());
        Parent::new(Arc::new(object), version)
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    #[test]
    fn an_older_or_equal_version_is_no_news_and_another_uid_replaces() {
        let cache = ParentCache::default();
        assert_eq!(
            cache.observe(parent("a", "u1", 5), None, 1),
            Effect { work: true, ..Effect::default() }
        );
        assert_eq!(cache.observe(parent("a", "u1", 5), None, 1), Effect::default());
        assert_eq!(cache.observe(parent("a", "u1", 4), None, 1), Effect::default());
        assert_eq!(
            cache.observe(parent("a", "u2", 3), None, 1),
            Effect { work: true, gone: Some("u1".into()), set_back: false }
        );
        assert_eq!((cache.with_uid("u1"), cache.with_uid("u2")), (None, Some(key("a"))));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn a_list_forgets_what_it_did_not_contain() {
        let cache = ParentCache::default();
        for name in ["a", "b", "c"] {
            cache.observe(parent(name, name, 1), None, 1);
        }
        cache.observe(parent("a", "a", 1), None, 2);
        cache.observe(parent("b", "b", 2), None, 2);
        assert!(cache.listed(Some("elsewhere"), 2).is_empty());
        assert_eq!(cache.listed(None, 2), [(key("c"), "c".into())]);
        assert_eq!(cache.with_uid("c"), None);
        assert_eq!(cache.keys().len(), 2);
    }

    #[test]
    fn only_the_resource_with_that_uid_is_forgotten() {
        let cache = ParentCache::default();
        cache.observe(parent("a", "u2", 2), None, 1);
        assert_eq!(cache.forget(&key("a"), "u1"), None);
        assert_eq!(cache.forget(&key("a"), "u2"), Some("u2".into()));
        assert!(cache.get(&key("a")).is_none());
    }

    #[test]
    fn what_a_status_tells_is_remembered_for_one_version() {
        let cache = ParentCache::default();
        cache.observe(parent("a", "u", 1), None, 1);
        let first = cache.get(&key("a")).unwrap();
        assert!(!first.tells(7));
        first.settle(7);
        assert!(cache.get(&key("a")).unwrap().tells(7));
        cache.observe(parent("a", "u", 2), None, 1);
        assert!(!cache.get(&key("a")).unwrap().tells(7));
    }

    #[test]
    fn the_event_of_our_own_status_is_no_work_and_anything_else_in_it_is() {
        let with = |version, change: fn(&mut ConfigMap)| {
            let mut object = ConfigMap::default();
            object.metadata.namespace = Some("ns".to_owned());
            object.metadata.name = Some("a".to_owned());
            object.metadata.uid = Some("u".to_owned());
            object.metadata.generation = Some(1);
            change(&mut object);
            Parent::new(Arc::new(object), version)
        };
        let told = |is_all| Some(Told { report: 7, is_all });
        let cache = ParentCache::default();
        cache.observe(with(1, |_| ()), None, 1);
        assert_eq!(cache.observe(with(2, |_| ()), told(true), 1), Effect::default());
        assert!(cache.get(&key("a")).unwrap().tells(7));
        assert!(
            cache.observe(with(3, |_| ()), told(false), 1).work,
            "somebody else's status is in it"
        );
        assert!(cache.get(&key("a")).unwrap().tells(7), "and ours");
        let changes: [fn(&mut ConfigMap); 3] = [
            |object| object.metadata.generation = Some(2),
            |object| object.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into()),
            |object| object.metadata.annotations = Some([("a".to_owned(), "b".to_owned())].into()),
        ];
        for change in changes {
            let cache = ParentCache::default();
            cache.observe(with(1, |_| ()), None, 1);
            assert!(cache.observe(with(2, change), told(true), 1).work);
        }
        let cache = ParentCache::default();
        assert!(
            cache.observe(with(1, |_| ()), told(true), 1).work,
            "nobody knows what it was before"
        );
    }

    #[test]
    fn a_new_list_is_believed_also_where_it_is_older() {
        let cache = ParentCache::default();
        cache.observe(parent("a", "u", 1000), None, 1);
        assert_eq!(
            cache.observe(parent("a", "u", 999), None, 1),
            Effect::default(),
            "that is an old event"
        );
        assert_eq!(
            cache.observe(parent("a", "u", 500), None, 2),
            Effect { work: true, gone: None, set_back: true }
        );
        assert_eq!(cache.get(&key("a")).unwrap().version, 500);
    }
}
