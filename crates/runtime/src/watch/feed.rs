//! From the events of one collection to a cache. [`Feed`] is what all caches have in common; a
//! [`Store`] decides what is kept of an object and which resources it concerns.

use std::sync::Arc;

use kubewright_core::observed::DecodeError;

use super::collection::Collection;
use super::reflector::{Event, Sink};
use super::sync::{State, Token};
use crate::cache::table::Epoch;
use crate::engine::Engine;
use crate::error::ApiError;

/// A kind that was served counts as absent after this many failures in a row, which take some
/// seconds: one of several API servers may be behind.
const MAX_NOT_FOUND: u32 = 5;

/// What a store reads of the collection that feeds it.
pub(super) struct Source {
    pub(super) engine: Arc<Engine>,
    pub(super) collection: Collection,
    token: Token,
    /// The number of the current or last list.
    pub(super) epoch: Epoch,
    newest_version: u64,
    /// Whether the last list is older than events before it: the cluster was restored from a
    /// backup.
    pub(super) is_set_back: bool,
}

impl Source {
    pub(super) fn namespace(&self) -> Option<&str> {
        self.collection.namespace.as_deref()
    }

    /// Counts and logs a failure; otherwise returns the version.
    fn decoded(&mut self, version: Result<u64, DecodeError>) -> Option<u64> {
        let Self { engine, collection, .. } = self;
        match version {
            Ok(version) => {
                self.newest_version = self.newest_version.max(version);
                Some(version)
            }
            Err(error) => {
                engine.metrics.undecodable(&collection.kind.kind);
                tracing::error!(%collection, %error, "skipped an object that cannot be decoded");
                None
            }
        }
    }
}

/// What happens to the objects of one collection.
pub(super) trait Store: Send {
    /// A list starts.
    fn list_started(&mut self) {}
    /// Handles the current state of an object, and returns its version.
    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError>;
    /// Handles the last state of a deleted object, and returns its version.
    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError>;
    /// The list is complete as of this version.
    fn listed(&mut self, source: &Source, version: u64);
    /// The API is not served. Returns whether the kind is optional.
    fn not_served(&mut self, _: &Source) -> bool {
        false
    }
}

/// A collection that feeds a store.
pub(super) struct Feed {
    source: Source,
    store: Box<dyn Store>,
    /// How often in a row the API server answered that the API does not exist.
    not_found: u32,
    /// Whether the kind was served and has not been absent since.
    is_known: bool,
}

impl Feed {
    pub(super) fn new(
        engine: Arc<Engine>,
        collection: Collection,
        token: Token,
        store: impl Store + 'static,
    ) -> Self {
        let source = Source {
            engine,
            collection,
            token,
            epoch: Epoch::default(),
            newest_version: 0,
            is_set_back: false,
        };
        Self { source, store: Box::new(store), not_found: 0, is_known: false }
    }

    fn listed(&mut self, version: u64) {
        let Source { collection, newest_version, is_set_back, .. } = &mut self.source;
        *is_set_back = version < *newest_version;
        if *is_set_back {
            let message = "the API server returned an older state: it was restored from a backup";
            tracing::warn!(%collection, version, newest_version, message);
        }
        *newest_version = version;
        self.store.listed(&self.source, version);
        self.opened();
    }

    fn opened(&mut self) {
        (self.not_found, self.is_known) = (0, true);
        self.source.token.set(State::Synced);
    }

    fn failed(&mut self, error: &ApiError) {
        self.not_found = if error.is_not_found() { self.not_found + 1 } else { 0 };
        let is_certain = !self.is_known
            || self.not_found >= MAX_NOT_FOUND
            || matches!(error, ApiError::NotServed);
        let is_absent = error.is_not_found() && is_certain;
        if is_absent && self.store.not_served(&self.source) {
            self.is_known = false;
            self.source.token.set(State::NotServed);
            return;
        }
        let Source { engine, collection, token, .. } = &self.source;
        let kind = &collection.kind;
        engine.metrics.watch_failed(&kind.kind);
        let state = if is_absent { State::NotServed } else { State::Failing(error.to_string()) };
        if !token.set(state) {
            return;
        }
        if is_absent {
            let (version, definition) = (kind.api_version(), kind.resource());
            tracing::warn!(
                "{version} {} is not served; install the CustomResourceDefinition {definition}",
                kind.kind
            );
        } else if error.is_forbidden() {
            tracing::error!("not allowed to watch {collection}: {error}; apply the RBAC");
        } else {
            tracing::warn!("cannot watch {collection}, trying again: {error}");
        }
    }
}

impl Sink for Feed {
    fn handle(&mut self, event: Event<'_>) -> Option<u64> {
        match event {
            Event::ListStarted => {
                self.source.epoch += 1;
                self.not_found = 0;
                self.store.list_started();
            }
            Event::Upsert(json) => {
                let version = self.store.upsert(&self.source, json);
                return self.source.decoded(version);
            }
            Event::Delete(json) => {
                let version = self.store.delete(&self.source, json);
                return self.source.decoded(version);
            }
            Event::Listed(version) => self.listed(version),
            Event::Opened => self.opened(),
            Event::Panicked => {
                let Source { engine, collection, .. } = &self.source;
                engine.metrics.undecodable(&collection.kind.kind);
                tracing::error!(%collection, "skipped an object: decoding it panicked");
            }
            Event::Failed(error) => self.failed(error),
        }
        None
    }
}

#[cfg(test)]
mod tests;
