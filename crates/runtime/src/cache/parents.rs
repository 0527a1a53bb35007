//! The custom resources of one controller, typed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kubewright_core::ObjectKey;
use kubewright_core::kind::AnyObject;

/// One custom resource.
#[derive(Clone, Debug)]
pub(crate) struct Parent {
    pub(crate) object: Arc<dyn AnyObject>,
    pub(crate) uid: Box<str>,
    pub(crate) version: u64,
}

impl Parent {
    pub(crate) fn is_deleting(&self) -> bool {
        self.object.meta().deletion_timestamp.is_some()
    }

    pub(crate) fn generation(&self) -> Option<i64> {
        self.object.meta().generation
    }
}

/// What an event did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// There is something to reconcile.
    pub(crate) work: bool,
    /// The UID of a resource that is gone.
    pub(crate) gone: Option<Box<str>>,
}

/// All custom resources of one controller.
#[derive(Debug, Default)]
pub(crate) struct ParentCache(Mutex<HashMap<ObjectKey, Parent>>);

impl ParentCache {
    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectKey, Parent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event says what a resource is like now.
    pub(crate) fn observe(&self, parent: Parent) -> Effect {
        let key = ObjectKey::of(parent.object.meta());
        let mut parents = self.lock();
        let before = parents.get(&key);
        if before.is_some_and(|b| b.uid == parent.uid && b.version >= parent.version) {
            return Effect::default();
        }
        let gone = before.filter(|b| b.uid != parent.uid).map(|b| b.uid.clone());
        parents.insert(key, parent);
        Effect { work: true, gone }
    }

    /// An event says that a resource is gone.
    pub(crate) fn forget(&self, key: &ObjectKey, uid: &str) -> Option<Box<str>> {
        let mut parents = self.lock();
        let same = parents.get(key).is_some_and(|p| &*p.uid == uid);
        if same { parents.remove(key).map(|p| p.uid) } else { None }
    }

    /// A list is complete: what it did not contain is gone.
    pub(crate) fn listed(&self, namespace: Option<&str>, seen: &HashSet<ObjectKey>) -> Vec<(ObjectKey, Box<str>)> {
        let mut parents = self.lock();
        let in_scope = |key: &ObjectKey| namespace.is_none() || key.namespace() == namespace;
        let gone: Vec<ObjectKey> = parents.keys().filter(|k| in_scope(k) && !seen.contains(k)).cloned().collect();
        gone.into_iter().filter_map(|key| parents.remove(&key).map(|p| (key, p.uid))).collect()
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Parent> {
        self.lock().get(key).cloned()
    }

    pub(crate) fn keys(&self) -> Vec<ObjectKey> {
        self.lock().keys().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}
