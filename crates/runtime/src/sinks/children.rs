//! Objects of one owned kind.

use std::sync::Arc;

use kubewright_core::observed::{DecodeError, decode, decode_identity};

use super::{Source, Store};
use crate::cache::children::{ChildCache, Owners};

pub(crate) struct Children(pub(crate) Arc<ChildCache>);

fn wake(source: &Source, owners: &Owners) {
    for uid in owners {
        source.engine.wake_owner(uid);
    }
}

impl Store for Children {
    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let child = decode(json, source.engine.manager)?;
        let version = child.resource_version;
        wake(source, &self.0.observe(child, source.epoch));
        Ok(version)
    }

    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let (key, _, version) = decode_identity(json)?;
        wake(source, &self.0.forget(&key, version));
        Ok(version)
    }

    fn listed(&mut self, source: &Source, version: u64) {
        wake(source, &self.0.listed(source.namespace(), source.epoch, version));
        if self.0.serve(true) && self.0.optional {
            tracing::info!("{} is served now", self.0.kind.resource());
            source.engine.sweep_owners_of(&self.0.kind);
        }
    }

    fn absent(&mut self, source: &Source) -> bool {
        if self.0.optional && self.0.serve(false) {
            source.engine.sweep_owners_of(&self.0.kind);
        }
        self.0.optional
    }
}
