//! The store of objects that builds look up. `lost` decides about objects whose definition goes.
//!
//! An object that cannot be decoded keeps its last state. An Event reports that: the author of, for
//! example, a limit may believe that it is applied.

use std::collections::HashSet;
use std::sync::Arc;

use kubewright_core::ObjectKey;
use kubewright_core::internals::own_status::own_status;
use kubewright_core::kind::ReadKind;
use kubewright_core::observed::{DecodeError, decode_identity};

use super::feed::{Source, Store};
use super::lost;
use crate::engine::ControllerState;
use crate::key::WorkKey;
use crate::work::schedule::Priority;

/// The objects of one read kind.
pub(super) struct Reads {
    read: ReadKind,
    /// Whether objects that are deleted with their definition stay in effect.
    is_lasting: bool,
    /// During a list: its keys.
    seen: Option<HashSet<ObjectKey>>,
}

impl Reads {
    /// The absence of an optional kind means that there are no objects. A controller that looks up
    /// its own resources knows of them already when they are deleted.
    pub(super) fn new(read: ReadKind, controllers: &[ControllerState]) -> Self {
        let reads_itself = |state: &ControllerState| {
            let reads = state.controller.reads();
            state.kind == read.info && reads.iter().any(|other| other.type_id == read.type_id)
        };
        let is_lasting =
            !read.optional && !read.info.is_built_in() && !controllers.iter().any(reads_itself);
        Self { read, is_lasting, seen: None }
    }

    fn complete_list(&self, source: &Source, seen: &HashSet<ObjectKey>) {
        let missing = source.engine.reads.missing(self.read.type_id, source.namespace(), seen);
        for key in missing {
            self.remove(source, key);
        }
    }

    fn remove(&self, source: &Source, key: ObjectKey) {
        let engine = &source.engine;
        if !self.is_lasting {
            return wake(source, engine.reads.remove(self.read.type_id, &key));
        }
        let Some(object) = engine.reads.find(self.read.type_id, &key) else { return };
        let (engine, read) = (Arc::clone(engine), self.read.clone());
        tokio::spawn(async move { lost::remove(&engine, &read, &key, object).await });
    }
}

fn wake(source: &Source, readers: HashSet<WorkKey>) {
    for key in readers {
        source.engine.enqueue(key, Priority::Change);
    }
}

impl Store for Reads {
    fn is_read(&self) -> bool {
        true
    }

    fn list_started(&mut self) {
        self.seen = Some(HashSet::new());
    }

    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let (key, _, version) = decode_identity(json)?;
        // Also before a failure to decode: the object exists.
        if let Some(seen) = &mut self.seen {
            seen.insert(key);
        }
        // The status of our own resources counts only as far as we wrote it.
        let is_ours = source.engine.controllers.iter().any(|c| c.kind == self.read.info);
        let own = if is_ours { own_status(json, source.engine.manager)?.json } else { json.into() };
        let object = (self.read.decode)(&own)?;
        wake(source, source.engine.reads.observe(self.read.type_id, &object));
        Ok(version)
    }

    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let (key, _, version) = decode_identity(json)?;
        self.remove(source, key);
        Ok(version)
    }

    fn effect(&self, source: &Source, key: &ObjectKey) -> &'static str {
        if source.engine.reads.has(self.read.type_id, key) {
            "its last readable state stays in effect"
        } else {
            "it has no effect"
        }
    }

    fn listed(&mut self, source: &Source, _: u64) {
        let seen = self.seen.take().unwrap_or_default();
        self.complete_list(source, &seen);
    }

    fn served_again(&mut self, source: &Source) {
        source.engine.sweep_readers(self.read.type_id);
    }

    fn not_served(&mut self, source: &Source) -> bool {
        if self.read.optional {
            self.complete_list(source, &HashSet::new());
        }
        self.read.optional
    }
}
