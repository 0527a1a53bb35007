//! Objects that are looked up. One that cannot be read counts as it was known last, or not at all
//! where it never was; it is told in the log and in an Event about it, because whoever wrote it may
//! take it for heeded: a limit, for instance.

use std::collections::HashSet;
use std::sync::Arc;

use kubewright_core::ObjectKey;
use kubewright_core::children::Owner;
use kubewright_core::kind::{AnyObject, ReadKind};
use kubewright_core::observed::{DecodeError, decode_identity};

use super::{Source, Store};
use crate::events::UNREADABLE;
use crate::queue::{Priority, WorkKey};

pub(crate) struct Reads {
    read: ReadKind,
    /// Keys of a list that is coming in.
    seen: Option<HashSet<ObjectKey>>,
    /// The UIDs of those that cannot be read.
    unreadable: HashSet<Box<str>>,
}

impl Reads {
    pub(crate) fn new(read: ReadKind) -> Self {
        Self { read, seen: None, unreadable: HashSet::new() }
    }

    /// Tells whoever looks at the object that it cannot be read, and what that means.
    fn tell_unreadable(
        &mut self,
        source: &Source,
        key: ObjectKey,
        uid: Box<str>,
        error: &serde_json::Error,
    ) {
        let means = if source.engine.reads.knows(self.read.type_id, &key) {
            "what it said before counts until it can be"
        } else {
            "nothing of it counts until it can be"
        };
        let note = format!(
            "this operator cannot read it: {error}; {means}. Is another version of its definition installed?"
        );
        tracing::error!(collection = %source.collection, object = %key, note, "what is looked up cannot be read");
        self.unreadable.insert(uid.clone());
        let about = Owner { kind: self.read.info.clone(), key, uid: uid.into() };
        source.engine.events.warn(&about, UNREADABLE, &note);
    }

    /// It is readable again, or gone: the same trouble would be news.
    fn is_fine(&mut self, source: &Source, uid: &str) {
        if self.unreadable.remove(uid) {
            source.engine.events.clear(uid);
        }
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
        let (key, uid, version) = decode_identity(json)?;
        // Even one that cannot be decoded exists: it must not count as deleted.
        if let Some(seen) = &mut self.seen {
            seen.insert(key.clone());
        }
        let object: Arc<dyn AnyObject> = match (self.read.decode)(json) {
            Ok(object) => object,
            Err(error) => {
                self.tell_unreadable(source, key, uid, &error);
                return Err(error.into());
            }
        };
        self.is_fine(source, &uid);
        wake(source, source.engine.reads.observe(self.read.type_id, &object));
        Ok(version)
    }

    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let (key, uid, version) = decode_identity(json)?;
        self.is_fine(source, &uid);
        wake(source, source.engine.reads.forget(self.read.type_id, &key));
        Ok(version)
    }

    fn listed(&mut self, source: &Source, _: u64) {
        let seen = self.seen.take().unwrap_or_default();
        wake(source, source.engine.reads.listed(self.read.type_id, source.namespace(), &seen));
    }

    fn absent(&mut self, source: &Source) -> bool {
        if self.read.optional {
            wake(
                source,
                source.engine.reads.listed(self.read.type_id, source.namespace(), &HashSet::new()),
            );
        }
        self.read.optional
    }
}
