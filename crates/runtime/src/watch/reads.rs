//! The store of objects that builds look up.
//!
//! An object that cannot be decoded keeps its last state. An Event reports that: the author of, for
//! example, a limit may believe that it is applied.

use std::collections::HashSet;

use kubewright_core::ObjectKey;
use kubewright_core::internals::own_status::own_status;
use kubewright_core::kind::ReadKind;
use kubewright_core::observed::{DecodeError, decode_identity};

use super::feed::{Source, Store};
use crate::key::WorkKey;
use crate::work::schedule::Priority;

/// The objects of one read kind.
pub(super) struct Reads {
    read: ReadKind,
    /// During a list: its keys.
    seen: Option<HashSet<ObjectKey>>,
}

impl Reads {
    pub(super) fn new(read: ReadKind) -> Self {
        Self { read, seen: None }
    }

    fn complete_list(&self, source: &Source, seen: &HashSet<ObjectKey>) {
        let reads = &source.engine.reads;
        wake(source, reads.complete_list(self.read.type_id, source.namespace(), seen));
    }
}

fn wake(source: &Source, readers: HashSet<WorkKey>) {
    for key in readers {
        source.engine.enqueue(key, Priority::Change);
    }
}

impl Store for Reads {
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
        wake(source, source.engine.reads.remove(self.read.type_id, &key));
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

    fn not_served(&mut self, source: &Source) -> bool {
        if self.read.optional {
            self.complete_list(source, &HashSet::new());
        }
        self.read.optional
    }
}
