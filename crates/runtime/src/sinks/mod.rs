//! From watch events to caches to the queue. [`Feed`] is what all kinds of caches have in common;
//! each has a [`Store`] that says what is kept of an object, and whom it concerns.

mod children;
mod definition;
mod parents;
mod reads;
mod shared;

use std::sync::Arc;

use kubewright_core::observed::DecodeError;

use crate::cache::Epoch;
use crate::engine::Engine;
use crate::error::ApiError;
use crate::reflector::{Collection, Sink};
use crate::sync::{State, Token};

pub(crate) use children::Children;
pub(crate) use definition::{Definition, definition_of};
pub(crate) use parents::Parents;
pub(crate) use reads::Reads;
pub(crate) use shared::Shared;

/// What a store needs to know of the collection that feeds it.
pub(crate) struct Source {
    pub(crate) engine: Arc<Engine>,
    pub(crate) collection: Collection,
    token: Token,
    /// Which list is coming in, or came in last.
    epoch: Epoch,
    /// The newest version that was shown.
    newest: u64,
    /// The list that is complete now is older than what was shown before: the cluster was restored
    /// from a backup.
    set_back: bool,
}

impl Source {
    fn namespace(&self) -> Option<&str> {
        self.collection.namespace.as_deref()
    }
}

/// What becomes of the objects of one collection.
pub(crate) trait Store: Send {
    /// A list begins.
    fn listing(&mut self) {}
    /// An object as it is now; gives its version.
    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError>;
    /// An object as it was when it was deleted, or left the selection; gives the version at which
    /// that was.
    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError>;
    /// The list is complete, as of this version.
    fn listed(&mut self, source: &Source, version: u64);
    /// The API is not served; `true` when that is nothing to complain about.
    fn absent(&mut self, _: &Source) -> bool {
        false
    }
}

/// So often in a row must a kind that was served be said not to be, until that is believed: some
/// seconds.
const CERTAIN: u32 = 5;

/// A collection that feeds a store.
pub(crate) struct Feed<S> {
    source: Source,
    store: S,
    /// How often in a row the API server said that there is no such API.
    missed: u32,
    /// It was in step, and was not absent since.
    is_known: bool,
}

impl<S: Store> Feed<S> {
    pub(crate) fn new(engine: Arc<Engine>, collection: Collection, token: Token, store: S) -> Self {
        let source = Source {
            engine,
            collection,
            token,
            epoch: Epoch::default(),
            newest: 0,
            set_back: false,
        };
        Self { source, store, missed: 0, is_known: false }
    }

    /// Notes the version of an event, where the object could be decoded.
    fn seen(&mut self, version: Result<u64, DecodeError>) -> Option<u64> {
        let version = self.decoded(version);
        self.source.newest = self.source.newest.max(version.unwrap_or_default());
        version
    }

    /// The version, where the object could be decoded.
    fn decoded(&self, version: Result<u64, DecodeError>) -> Option<u64> {
        let Source { engine, collection, .. } = &self.source;
        version
            .inspect_err(|error| {
                engine.metrics.undecodable(&collection.kind.kind);
                tracing::error!(%collection, %error, "an object could not be decoded and is not worked on");
            })
            .ok()
    }
}

impl<S: Store> Sink for Feed<S> {
    fn listing(&mut self) {
        self.source.epoch += 1;
        // Somebody answered.
        self.missed = 0;
        self.store.listing();
    }

    fn upsert(&mut self, json: &[u8]) -> Option<u64> {
        let version = self.store.upsert(&self.source, json);
        self.seen(version)
    }

    fn delete(&mut self, json: &[u8]) -> Option<u64> {
        let version = self.store.delete(&self.source, json);
        self.seen(version)
    }

    fn listed(&mut self, version: u64) {
        let Source { collection, newest, set_back, .. } = &mut self.source;
        *set_back = version < *newest;
        if *set_back {
            tracing::warn!(%collection, version, before = *newest, "the cluster was set back to an earlier state, and is believed");
        }
        *newest = version;
        self.store.listed(&self.source, version);
        self.opened();
    }

    fn opened(&mut self) {
        (self.missed, self.is_known) = (0, true);
        self.source.token.set(State::Synced);
    }

    fn panicked(&mut self) {
        let Source { engine, collection, .. } = &self.source;
        engine.metrics.undecodable(&collection.kind.kind);
        tracing::error!(%collection, "decoding an object panicked; it is not worked on");
    }

    fn failed(&mut self, error: &ApiError) {
        self.missed = if error.is_not_found() { self.missed + 1 } else { 0 };
        // One API server of several may not know a kind yet, or be about to stop; that its
        // definition is gone is certain.
        let is_certain =
            !self.is_known || self.missed >= CERTAIN || matches!(error, ApiError::NotServed);
        let is_absent = error.is_not_found() && is_certain;
        if is_absent && self.store.absent(&self.source) {
            self.is_known = false;
            self.source.token.set(State::NotServed);
            return;
        }
        let Source { engine, collection, token, .. } = &self.source;
        let kind = &collection.kind;
        engine.metrics.watch_failed(&kind.kind);
        let state = if is_absent { State::NotServed } else { State::Failing(error.to_string()) };
        if token.set(state) {
            match error.code() {
                Some(404) if is_absent => tracing::warn!(
                    "{} is not served by this cluster: install its CustomResourceDefinition {}",
                    kind.api_version() + " " + &kind.kind,
                    kind.resource()
                ),
                Some(401 | 403) => tracing::error!(
                    "not allowed to watch {collection}: {error}; apply the generated RBAC"
                ),
                _ => tracing::warn!("cannot watch {collection}, trying again: {error}"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
