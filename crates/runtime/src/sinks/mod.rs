//! From watch events to caches to the queue. [`Feed`] is what all kinds of caches have in common; each has a [`Store`] that
//! says what is kept of an object, and whom it concerns.

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
    /// An object as it was when it was deleted, or left the selection; gives the version at which that was.
    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError>;
    /// The list is complete, as of this version.
    fn listed(&mut self, source: &Source, version: u64);
    /// The API is not served; `true` when that is nothing to complain about.
    fn absent(&mut self, _: &Source) -> bool {
        false
    }
}

/// A collection that feeds a store.
pub(crate) struct Feed<S> {
    source: Source,
    store: S,
}

impl<S: Store> Feed<S> {
    pub(crate) fn new(engine: Arc<Engine>, collection: Collection, token: Token, store: S) -> Self {
        Self { source: Source { engine, collection, token, epoch: Epoch::default() }, store }
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
        self.store.listing();
    }

    fn upsert(&mut self, json: &[u8]) -> Option<u64> {
        let version = self.store.upsert(&self.source, json);
        self.decoded(version)
    }

    fn delete(&mut self, json: &[u8]) -> Option<u64> {
        let version = self.store.delete(&self.source, json);
        self.decoded(version)
    }

    fn listed(&mut self, version: u64) {
        self.store.listed(&self.source, version);
        self.source.token.set(State::Synced);
    }

    fn opened(&mut self) {
        self.source.token.set(State::Synced);
    }

    fn panicked(&mut self) {
        let Source { engine, collection, .. } = &self.source;
        engine.metrics.undecodable(&collection.kind.kind);
        tracing::error!(%collection, "decoding an object panicked; it is not worked on");
    }

    fn failed(&mut self, error: &ApiError) {
        if error.is_not_found() && self.store.absent(&self.source) {
            self.source.token.set(State::NotServed);
            return;
        }
        let Source { engine, collection, token, .. } = &self.source;
        let kind = &collection.kind;
        engine.metrics.watch_failed(&kind.kind);
        let state = if error.is_not_found() { State::NotServed } else { State::Failing(error.to_string()) };
        if token.set(state) {
            match error.code() {
                Some(404) => tracing::warn!(
                    "{} is not served by this cluster: install its CustomResourceDefinition {}",
                    kind.api_version() + " " + &kind.kind,
                    kind.resource()
                ),
                Some(401 | 403) => tracing::error!("not allowed to watch {collection}: {error}; apply the generated RBAC"),
                _ => tracing::warn!("cannot watch {collection}, trying again: {error}"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
