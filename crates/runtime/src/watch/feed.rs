//! From the events of one collection to a cache. [`Feed`] is what all caches have in common; a
//! [`Store`] decides what is kept of an object and which resources it concerns.
//!
//! An object that cannot be decoded is reported, for every kind in the same way, until it can be
//! decoded again or is gone. It never stops the others.

use std::collections::HashMap;
use std::sync::Arc;

use kubewright_core::internals::owner::Owner;
use kubewright_core::observed::{DecodeError, decode_identity};
use kubewright_core::{ObjectKey, reason};

use super::collection::Collection;
use super::reflector::{Event, Sink};
use super::sync::{State, Token};
use crate::cache::table::Epoch;
use crate::engine::Engine;
use crate::error::ApiError;

/// A kind that was served counts as absent after this many failures in a row, which take some
/// seconds: one of several API servers may be behind.
const MAX_NOT_FOUND: u32 = 5;

/// The longest part of an error that a condition and an Event quote, in bytes.
const MAX_ERROR: usize = 512;

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
        match version {
            Ok(version) => {
                self.newest_version = self.newest_version.max(version);
                Some(version)
            }
            Err(error) => {
                self.count_unreadable(&error.to_string());
                None
            }
        }
    }

    fn count_unreadable(&self, error: &str) {
        let Self { engine, collection, .. } = self;
        engine.metrics.undecodable(&collection.kind.kind);
        tracing::error!(%collection, error, "skipped an object that cannot be decoded");
    }
}

/// An object that exists and cannot be decoded.
pub(super) struct Unreadable<'a> {
    pub(super) key: ObjectKey,
    pub(super) uid: Box<str>,
    pub(super) json: &'a [u8],
    /// Why, the effect, and what to do.
    pub(super) note: String,
}

/// What happens to the objects of one collection.
pub(super) trait Store: Send {
    /// Whether builds look the objects up.
    fn is_read(&self) -> bool {
        false
    }
    /// A list starts.
    fn list_started(&mut self) {}
    /// Handles the current state of an object, and returns its version.
    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError>;
    /// Handles the last state of a deleted object, and returns its version.
    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError>;
    /// The list is complete as of this version.
    fn listed(&mut self, source: &Source, version: u64);
    /// What it means that this object cannot be decoded, for a person.
    fn effect(&self, _: &Source, _: &ObjectKey) -> &'static str {
        "the operator skips it"
    }
    /// Reports an object that cannot be decoded.
    fn unreadable(&mut self, source: &Source, object: Unreadable<'_>) {
        let Unreadable { key, uid, note, .. } = object;
        let about = Owner { kind: source.collection.kind.clone(), key, uid: uid.into() };
        source.engine.events.warn(&about, reason::UNREADABLE, &note);
    }
    /// An object that could not be decoded can be decoded again, or is gone.
    fn readable_or_gone(&mut self, _: &Source, _: &ObjectKey) {}
    /// The API of a kind that is not optional is served again.
    fn served_again(&mut self, _: &Source) {}
    /// The API is not served. Returns whether the kind is optional.
    fn not_served(&mut self, _: &Source) -> bool {
        false
    }
}

/// A collection that feeds a store.
pub(super) struct Feed {
    source: Source,
    store: Box<dyn Store>,
    /// The objects that cannot be decoded: the UID, and the last list that showed the object.
    unreadable: HashMap<ObjectKey, (Box<str>, Epoch)>,
    /// How often in a row the API server answered that the API does not exist.
    not_found: u32,
    /// Whether the kind was served and has not been absent since.
    is_known: bool,
    /// Whether a kind that is not optional is not served.
    is_absent: bool,
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
        let (store, unreadable) = (Box::new(store), HashMap::new());
        Self { source, store, unreadable, not_found: 0, is_known: false, is_absent: false }
    }

    fn upsert(&mut self, json: &[u8]) -> Option<u64> {
        let version = self.store.upsert(&self.source, json);
        match &version {
            Ok(_) if self.unreadable.is_empty() => {}
            Ok(_) => self.end_unreadable(json, false),
            Err(DecodeError::Json(error)) => self.report_unreadable(json, &error.to_string()),
            Err(error) => self.report_unreadable(json, &error.to_string()),
        }
        self.source.decoded(version)
    }

    fn delete(&mut self, json: &[u8]) -> Option<u64> {
        let version = self.store.delete(&self.source, json);
        self.end_unreadable(json, true);
        self.source.decoded(version)
    }

    /// Reports an object that cannot be decoded, if at least its identity can be.
    fn report_unreadable(&mut self, json: &[u8], error: &str) {
        let Ok((key, uid, _)) = decode_identity(json) else { return };
        let effect = self.store.effect(&self.source, &key);
        // The error may quote a long value.
        let error = &error[..error.floor_char_boundary(MAX_ERROR)];
        let note = format!(
            "cannot read this object: {error}; {effect}. Fix the object, or install the matching \
             CustomResourceDefinition."
        );
        let before = self.unreadable.insert(key.clone(), (uid.clone(), self.source.epoch));
        if let Some((replaced, _)) = before.filter(|(before, _)| *before != uid) {
            self.source.engine.events.forget(&replaced);
        }
        self.store.unreadable(&self.source, Unreadable { key, uid, json, note });
    }

    /// An object can be decoded, or is gone.
    fn end_unreadable(&mut self, json: &[u8], is_gone: bool) {
        if self.unreadable.is_empty() {
            return;
        }
        if let Ok((key, ..)) = decode_identity(json) {
            self.forget_unreadable(&key, is_gone);
        }
    }

    fn forget_unreadable(&mut self, key: &ObjectKey, is_gone: bool) {
        let Some((uid, _)) = self.unreadable.remove(key) else { return };
        let events = &self.source.engine.events;
        if is_gone {
            events.forget(&uid);
        } else {
            events.clear(&uid);
        }
        self.store.readable_or_gone(&self.source, key);
    }

    /// Forgets the objects that a complete list did not show.
    fn forget_missing(&mut self, epoch: Epoch) {
        let missing = self.unreadable.iter().filter(|(_, (_, seen))| *seen != epoch);
        let missing: Vec<_> = missing.map(|(key, _)| key.clone()).collect();
        for key in missing {
            self.forget_unreadable(&key, true);
        }
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
        self.forget_missing(self.source.epoch);
        self.opened();
    }

    fn opened(&mut self) {
        (self.not_found, self.is_known) = (0, true);
        let was_absent = std::mem::take(&mut self.is_absent);
        self.source.token.set(State::Synced);
        if was_absent {
            self.store.served_again(&self.source);
        }
    }

    fn failed(&mut self, error: &ApiError) {
        self.not_found = if error.is_not_found() { self.not_found + 1 } else { 0 };
        let is_certain = !self.is_known
            || self.not_found >= MAX_NOT_FOUND
            || matches!(error, ApiError::NotServed);
        let is_absent = error.is_not_found() && is_certain;
        if is_absent && self.store.not_served(&self.source) {
            self.is_known = false;
            // No list has this number: all objects are gone.
            self.forget_missing(Epoch::MAX);
            self.source.token.set(State::NotServed);
            return;
        }
        let Source { engine, collection, token, .. } = &self.source;
        let kind = &collection.kind;
        engine.metrics.watch_failed(&kind.kind);
        self.is_absent |= is_absent;
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
            Event::Upsert(json) => return self.upsert(json),
            Event::Delete(json) => return self.delete(json),
            Event::Listed(version) => self.listed(version),
            Event::Opened => self.opened(),
            Event::Panicked(json) => {
                self.source.count_unreadable("a panic");
                if let Some(json) = json {
                    self.report_unreadable(json, "the operator panicked");
                }
            }
            Event::Failed(error) => self.failed(error),
        }
        None
    }
}

#[cfg(test)]
mod tests;
