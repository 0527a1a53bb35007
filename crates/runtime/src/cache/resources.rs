//! The custom resources of one controller, typed.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kubewright_core::ObjectKey;
use kubewright_core::internals::own_status::ForeignPart;
use kubewright_core::kind::AnyObject;

use super::table::{Epoch, Row, Table};
use crate::memory::lock;

/// One custom resource.
pub(crate) struct Resource {
    pub(crate) object: Arc<dyn AnyObject>,
    pub(crate) version: u64,
    /// Whether there is a status, also of another client: then the resource is not new.
    pub(crate) has_status: bool,
    /// What another client wrote to the status; `object` does not have it.
    pub(crate) foreign_status: Vec<ForeignPart>,
    /// The hash of the inputs that the status of this version was made from; 0 if unknown.
    status_inputs: AtomicU64,
}

impl Resource {
    pub(crate) fn new(object: Arc<dyn AnyObject>, version: u64) -> Self {
        let (has_status, foreign_status) = (false, Vec::new());
        Self { object, version, has_status, foreign_status, status_inputs: AtomicU64::new(0) }
    }

    /// The same resource with a status, to which others wrote this.
    pub(crate) fn with_status(self, foreign_status: Vec<ForeignPart>) -> Self {
        Self { has_status: true, foreign_status, ..self }
    }

    /// The same version of the resource with a status that we wrote afterwards.
    pub(crate) fn with_written(&self, object: Arc<dyn AnyObject>) -> Self {
        Self::new(object, self.version).with_status(self.foreign_status.clone())
    }

    /// Whether only the status can differ between the two. The generation counts changes of the
    /// spec.
    fn equals_without_status(&self, other: &Self) -> bool {
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

    /// Whether the status of this version is known to be made from these inputs.
    pub(crate) fn has_status_of(&self, inputs: u64) -> bool {
        self.status_inputs.load(Ordering::Relaxed) == inputs
    }

    /// Records what the status of this version is made from; 0 for unknown.
    pub(crate) fn record_status_of(&self, inputs: u64) {
        self.status_inputs.store(inputs, Ordering::Relaxed);
    }

    /// Adds to `hasher` everything of the resource that a status can depend on. The generation
    /// stands for the spec; `None` without one.
    pub(crate) fn add_to(&self, hasher: &mut impl Hasher) -> Option<()> {
        let meta = self.object.meta();
        (meta.generation?, &meta.labels, &meta.annotations, &meta.finalizers).hash(hasher);
        Some(())
    }

    fn key(&self) -> ObjectKey {
        ObjectKey::of(self.object.meta())
    }
}

impl Row for Resource {
    fn name(&self) -> (&str, &str) {
        let meta = self.object.meta();
        (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
    }

    fn indexed_uid(&self) -> Option<&str> {
        Some(self.uid())
    }

    fn version(&self) -> u64 {
        self.version
    }
}

/// Our write that created exactly the version of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnWrite {
    /// The hash of the inputs of the written status.
    pub(crate) inputs: u64,
    /// Whether the status is exactly the written one.
    pub(crate) is_unchanged: bool,
}

/// The effect of an event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    /// Whether the resource must be reconciled.
    pub(crate) is_work: bool,
    /// The UID of a resource that is gone.
    pub(crate) deleted: Option<Box<str>>,
    /// Whether the event is older than the cache: the cluster was restored from a backup.
    pub(crate) is_set_back: bool,
}

/// All custom resources of one controller.
#[derive(Default)]
pub(crate) struct ResourceCache(Mutex<Table<Resource>>);

impl ResourceCache {
    /// Handles an event that shows a resource; `epoch` is the last list that began. `own` is our
    /// write that created this version: then there is no work unless something else changed too.
    pub(crate) fn observe(
        &self,
        resource: Resource,
        own: Option<OwnWrite>,
        epoch: Epoch,
    ) -> Effect {
        let key = resource.key();
        let mut table = lock(&self.0);
        let slot = table.get(&key);
        let same = slot.filter(|slot| slot.row.uid() == resource.uid());
        // Only watches write here, in order: a new list is right even where it is older.
        let is_set_back =
            same.is_some_and(|s| s.row.version > resource.version && s.epoch != epoch);
        if same.is_some_and(|s| s.row.version >= resource.version) && !is_set_back {
            table.mark_seen(&key, epoch);
            return Effect::default();
        }
        let deleted = slot.map(|slot| slot.row.uid()).filter(|uid| *uid != resource.uid());
        let deleted = deleted.map(Into::into);
        if let Some(own) = own {
            // The event may contain more changes, but it contains this status.
            resource.record_status_of(own.inputs);
        }
        let is_only_our_status = own.is_some_and(|own| own.is_unchanged)
            && same.is_some_and(|slot| slot.row.equals_without_status(&resource));
        table.insert(resource, epoch);
        Effect { is_work: !is_only_our_status, deleted, is_set_back }
    }

    /// Removes the resource with this key and UID. Returns whether it was cached.
    pub(crate) fn remove(&self, key: &ObjectKey, uid: &str) -> bool {
        let mut table = lock(&self.0);
        let is_cached = table.get(key).is_some_and(|slot| slot.row.uid() == uid);
        is_cached && table.remove(key).is_some()
    }

    /// Completes the list that began with `epoch`: removes and returns what it lacks.
    pub(crate) fn complete_list(
        &self,
        namespace: Option<&str>,
        epoch: Epoch,
    ) -> Vec<(ObjectKey, Box<str>)> {
        let missing = lock(&self.0).remove_missing(namespace, epoch, u64::MAX).into_iter();
        missing.map(|resource| (resource.key(), resource.uid().into())).collect()
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Arc<Resource>> {
        lock(&self.0).get(key).map(|slot| Arc::clone(&slot.row))
    }

    /// The key of the resource with this UID.
    pub(crate) fn key_of(&self, uid: &str) -> Option<ObjectKey> {
        lock(&self.0).with_uid(uid).next().map(|resource| resource.key())
    }

    pub(crate) fn keys(&self) -> Vec<ObjectKey> {
        lock(&self.0).rows().map(|resource| resource.key()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}

#[cfg(test)]
mod tests;
