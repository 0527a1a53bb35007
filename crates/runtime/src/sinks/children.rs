//! Objects of one owned kind.

use std::sync::Arc;

use kubewright_core::observed::{DecodeError, ObservedChild, decode, decode_identity};

use super::{Source, Store};
use crate::cache::children::{ChildCache, Owners};

pub(crate) struct Children {
    cache: Arc<ChildCache>,
    /// What the list that is coming in shows in an older version than the one that is known:
    /// nearly always nothing.
    older: Option<Vec<ObservedChild>>,
}

impl Children {
    pub(crate) fn new(cache: Arc<ChildCache>) -> Self {
        Self { cache, older: None }
    }
}

fn wake(source: &Source, owners: &Owners) {
    for uid in owners {
        source.engine.wake_owner(uid);
    }
}

impl Store for Children {
    fn listing(&mut self) {
        self.older = Some(Vec::new());
    }

    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let child = decode(json, source.engine.manager)?;
        let version = child.resource_version;
        match (self.cache.observe(child, source.epoch), &mut self.older) {
            (Ok(owners), _) => wake(source, &owners),
            (Err(child), Some(older)) => older.push(*child),
            (Err(_), None) => {}
        }
        Ok(version)
    }

    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let (key, _, version) = decode_identity(json)?;
        wake(source, &self.cache.forget(&key, version));
        Ok(version)
    }

    fn listed(&mut self, source: &Source, version: u64) {
        // What was known in a version that the list must contain, and does not, is of another time.
        let until = if source.set_back { u64::MAX } else { version };
        for child in self.older.take().unwrap_or_default() {
            wake(source, &self.cache.set_back(child, source.epoch, until));
        }
        wake(source, &self.cache.listed(source.namespace(), source.epoch, until));
        if self.cache.serve(true) && self.cache.optional {
            tracing::info!("{} is served now", self.cache.kind.resource());
            // Only now: who runs because of it finds it in both.
            source.engine.serve(&self.cache.kind, true);
        }
    }

    fn absent(&mut self, source: &Source) -> bool {
        if self.cache.optional && self.cache.serve(false) {
            source.engine.serve(&self.cache.kind, false);
        }
        self.cache.optional
    }
}
