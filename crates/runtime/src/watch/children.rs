//! The store of the objects of one owned kind.

use std::sync::Arc;

use kubewright_core::observed::{DecodeError, ObservedChild, decode};

use super::feed::{Source, Store};
use crate::cache::children::{ChildCache, Owners};

/// The objects of one owned kind.
pub(super) struct Children {
    cache: Arc<ChildCache>,
    /// During a list: the objects that it shows in an older version than the cache. Nearly always
    /// empty.
    older: Option<Vec<ObservedChild>>,
}

impl Children {
    pub(super) fn new(cache: Arc<ChildCache>) -> Self {
        Self { cache, older: None }
    }
}

fn wake(source: &Source, owners: &Owners) {
    for uid in owners {
        source.engine.wake_owner(uid);
    }
}

impl Store for Children {
    fn list_started(&mut self) {
        self.older = Some(Vec::new());
    }

    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let child = decode(json, source.engine.managed_by())?;
        let version = child.resource_version;
        match (self.cache.observe(child, source.epoch), &mut self.older) {
            (Ok(owners), _) => wake(source, &owners),
            (Err(child), Some(older)) => older.push(*child),
            (Err(_), None) => {}
        }
        Ok(version)
    }

    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        // The event shows the last state with our label.
        let ObservedChild { key, resource_version: version, controller, deleting, .. } =
            decode(json, source.engine.managed_by())?;
        let has_owner =
            || controller.is_some_and(|owner| source.engine.owner(&owner.uid).is_some());
        let owners = if !deleting && has_owner() {
            self.cache.lose(&key, version)
        } else {
            self.cache.remove(&key, version)
        };
        wake(source, &owners);
        Ok(version)
    }

    fn listed(&mut self, source: &Source, version: u64) {
        // After a restore from a backup, cached versions prove nothing.
        let until = if source.is_set_back { u64::MAX } else { version };
        for child in self.older.take().unwrap_or_default() {
            wake(source, &self.cache.set_back(child, source.epoch, until));
        }
        wake(source, &self.cache.complete_list(source.namespace(), source.epoch, until));
        if self.cache.set_served(true) && self.cache.optional {
            tracing::info!("{} is served now", self.cache.kind.resource());
            // After the cache: a run that this wakes finds the kind served in both.
            source.engine.set_served(&self.cache.kind, true);
        }
    }

    fn not_served(&mut self, source: &Source) -> bool {
        if self.cache.optional && self.cache.set_served(false) {
            source.engine.set_served(&self.cache.kind, false);
        }
        self.cache.optional
    }
}
