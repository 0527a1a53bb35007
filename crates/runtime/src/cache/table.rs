//! A table of cached objects with two indexes: by key, and by a UID.
//!
//! Each object has the epoch of the last list that showed it, so that a complete list shows which
//! objects are gone.

use std::sync::{Arc, LazyLock};

use hashbrown::HashTable;
use kubewright_core::ObjectKey;
use kubewright_core::internals::hash;

/// The number of a list of a collection, counted from 1. An object with an older epoch was not in
/// the last list.
pub(crate) type Epoch = u32;

/// A random seed: an attacker cannot choose names that collide.
static SEED: LazyLock<u64> = LazyLock::new(|| fastrand::u64(..));

/// An object in a table.
pub(super) trait Row {
    /// Its namespace and name.
    fn name(&self) -> (&str, &str);
    /// The UID of the second index; `None` if the object is not in it.
    fn indexed_uid(&self) -> Option<&str>;
    fn version(&self) -> u64;
    /// Whether a list of the collection shows it.
    fn is_listed(&self) -> bool {
        true
    }
}

/// The row of one object.
pub(super) struct Slot<T> {
    pub(super) row: Arc<T>,
    /// The list during or after which it was last seen.
    pub(super) epoch: Epoch,
}

/// A table of objects.
pub(super) struct Table<T> {
    by_key: HashTable<Slot<T>>,
    by_uid: HashTable<Arc<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { by_key: HashTable::new(), by_uid: HashTable::new() }
    }
}

fn name_hash((namespace, name): (&str, &str)) -> u64 {
    hash::seeded(name.as_bytes(), hash::seeded(namespace.as_bytes(), *SEED))
}

fn uid_hash<T: Row>(row: &Arc<T>) -> u64 {
    row.indexed_uid().map_or(0, |uid| hash::of(uid.as_bytes()))
}

impl<T: Row> Table<T> {
    pub(super) fn get(&self, key: &ObjectKey) -> Option<&Slot<T>> {
        let name = (&*key.namespace, &*key.name);
        self.by_key.find(name_hash(name), |slot| slot.row.name() == name)
    }

    /// Records that a list showed an object.
    pub(super) fn mark_seen(&mut self, key: &ObjectKey, epoch: Epoch) {
        let name = (&*key.namespace, &*key.name);
        if let Some(slot) = self.by_key.find_mut(name_hash(name), |slot| slot.row.name() == name) {
            slot.epoch = epoch;
        }
    }

    /// Inserts an object, and replaces another one with its key.
    pub(super) fn insert(&mut self, row: T, epoch: Epoch) {
        let row = Arc::new(row);
        self.remove_name(row.name());
        if row.indexed_uid().is_some() {
            self.by_uid.insert_unique(uid_hash(&row), Arc::clone(&row), uid_hash);
        }
        let hash = name_hash(row.name());
        self.by_key.insert_unique(hash, Slot { row, epoch }, |slot| name_hash(slot.row.name()));
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) -> Option<Arc<T>> {
        self.remove_name((&key.namespace, &key.name))
    }

    fn remove_name(&mut self, name: (&str, &str)) -> Option<Arc<T>> {
        let found = self.by_key.find_entry(name_hash(name), |slot| slot.row.name() == name);
        let (Slot { row, .. }, _) = found.ok()?.remove();
        let by_uid = self.by_uid.find_entry(uid_hash(&row), |other| Arc::ptr_eq(other, &row));
        if let Ok(entry) = by_uid {
            entry.remove();
        }
        Some(row)
    }

    /// The objects with this UID in the second index.
    pub(super) fn with_uid<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a Arc<T>> {
        let rows = self.by_uid.iter_hash(hash::of(uid.as_bytes()));
        rows.filter(move |row| row.indexed_uid() == Some(uid))
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Arc<T>> {
        self.by_key.iter().map(|slot| &slot.row)
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Removes and returns the objects of a namespace, or of all, that the list `epoch` did not
    /// show. An object that is newer than the `version` of the list stays.
    pub(super) fn remove_missing(
        &mut self,
        namespace: Option<&str>,
        epoch: Epoch,
        version: u64,
    ) -> Vec<Arc<T>> {
        let is_missing = |slot: &&Slot<T>| {
            slot.epoch != epoch
                && slot.row.is_listed()
                && slot.row.version() <= version
                && namespace.is_none_or(|n| slot.row.name().0 == n)
        };
        let missing = self.by_key.iter().filter(is_missing);
        let missing: Vec<_> = missing.map(|slot| Arc::clone(&slot.row)).collect();
        for row in &missing {
            self.remove_name(row.name());
        }
        missing
    }
}
