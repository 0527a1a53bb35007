//! Objects that are looked up.

use std::collections::HashSet;
use std::sync::Arc;

use kubewright_core::ObjectKey;
use kubewright_core::kind::{AnyObject, ReadKind};
use kubewright_core::observed::{DecodeError, decode_identity};

use super::{Source, Store};
use crate::queue::{Priority, WorkKey};

pub(crate) struct Reads {
    read: ReadKind,
    /// Keys of a list that is coming in.
    seen: Option<HashSet<ObjectKey>>,
}

impl Reads {
    pub(crate) fn new(read: ReadKind) -> Self {
        Self { read, seen: None }
    }
}

fn wake(source: &Source, who: HashSet<WorkKey>) {
    for key in who {
        source.engine.enqueue(key, Priority::Change);
    }
}

impl Store for Reads {
    fn listing(&mut self) {
        self.seen = Some(HashSet::new());
    }

    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let (key, _, version) = decode_identity(json)?;
        // Even one that cannot be decoded exists: it must not count as deleted.
        if let Some(seen) = &mut self.seen {
            seen.insert(key);
        }
        let object: Arc<dyn AnyObject> = (self.read.decode)(json)?;
        wake(source, source.engine.reads.observe(self.read.type_id, &object));
        Ok(version)
    }

    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let (key, _, version) = decode_identity(json)?;
        wake(source, source.engine.reads.forget(self.read.type_id, &key));
        Ok(version)
    }

    fn listed(&mut self, source: &Source, _: u64) {
        let seen = self.seen.take().unwrap_or_default();
        wake(source, source.engine.reads.listed(self.read.type_id, source.namespace(), &seen));
    }

    fn absent(&mut self, source: &Source) -> bool {
        if self.read.optional {
            wake(source, source.engine.reads.listed(self.read.type_id, source.namespace(), &HashSet::new()));
        }
        self.read.optional
    }
}
