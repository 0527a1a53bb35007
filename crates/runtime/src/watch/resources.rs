//! The store of the custom resources of one controller.

use std::sync::Arc;

use kubewright_core::ObjectKey;
use kubewright_core::controller::Controller;
use kubewright_core::internals::own_status::{OwnStatus, own_status};
use kubewright_core::kind::AnyObject;
use kubewright_core::observed::{DecodeError, decode_identity};
use serde::Deserialize;
use serde_json::Value;

use super::feed::{Source, Store, Unreadable};
use crate::cache::resources::{OwnWrite, Resource};
use crate::cache::unreadable::UnreadableResource;
use crate::key::WorkKey;
use crate::work::schedule::Priority;

/// The custom resources of one controller, by its index.
pub(super) struct Resources(pub(super) usize);

/// What is left of a resource that cannot be decoded.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Rest {
    metadata: RestOfMetadata,
    status: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RestOfMetadata {
    generation: Option<i64>,
}

impl Store for Resources {
    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let engine = &source.engine;
        let state = engine.controller(self.0);
        let controller = &*state.controller;
        let OwnStatus { json: own, foreign, has_status } = own_status(json, engine.manager)?;
        let object = controller
            .decode(&own)
            .or_else(|error| decode_without_status(&own, controller).ok_or(error))?;
        let (key, version) = (ObjectKey::of(object.meta()), version_of(&*object, json)?);
        let own = state.written_statuses.at(&key, version).map(|(inputs, written)| OwnWrite {
            inputs,
            // The event may also show a status that somebody else wrote.
            is_unchanged: foreign.is_empty()
                && controller.status(&*object).is_ok_and(|shown| shown == *written),
        });
        engine.owner_exists(object.meta().uid.as_deref().unwrap_or_default());
        let resource = Resource::new(object, version);
        let resource = if has_status { resource.with_status(foreign) } else { resource };
        let effect = state.resources.observe(resource, own, source.epoch);
        if effect.is_set_back {
            tracing::warn!(resource = %key, version, "restored from a backup");
            state.written_statuses.forget(&key);
        }
        // After the cache: a reader finds the last written status in one of the two.
        state.written_statuses.caught_up(&key, version);
        let work = WorkKey { controller: self.0, key };
        if let Some(uid) = effect.deleted {
            engine.owner_deleted(&work, &uid);
            engine.events.forget(&uid);
        }
        if effect.is_work {
            engine.enqueue(work, Priority::Change);
        }
        Ok(version)
    }

    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let (key, uid, version) = decode_identity(json)?;
        if source.engine.controller(self.0).resources.remove(&key, &uid) {
            source.engine.resource_deleted(&WorkKey { controller: self.0, key }, &uid);
        }
        Ok(version)
    }

    fn effect(&self, _: &Source, _: &ObjectKey) -> &'static str {
        "its objects stay as they are, and nothing is done for it"
    }

    /// The resource exists, so its children stay. The cached state is obsolete, so nothing is done
    /// for it until it can be decoded again.
    fn unreadable(&mut self, source: &Source, object: Unreadable<'_>) {
        let (engine, state) = (&source.engine, source.engine.controller(self.0));
        let Unreadable { key, uid, json, note } = object;
        let work = WorkKey { controller: self.0, key: key.clone() };
        if state.resources.remove(&key, &uid) {
            engine.resource_unreadable(&work, &uid);
        }
        // What another client wrote to the status must not become ours.
        let own = own_status(json, engine.manager).map(|own| own.json).unwrap_or_default();
        let Rest { metadata, status } = serde_json::from_slice(&own).unwrap_or_default();
        let generation = metadata.generation;
        let resource = UnreadableResource { uid: uid.into(), generation, status, message: note };
        state.unreadable.insert(key, resource);
        engine.enqueue(work, Priority::Change);
    }

    fn readable_or_gone(&mut self, source: &Source, key: &ObjectKey) {
        let state = source.engine.controller(self.0);
        state.unreadable.remove(key);
        if state.resources.get(key).is_none() {
            source.engine.forget(&WorkKey { controller: self.0, key: key.clone() });
        }
    }

    fn listed(&mut self, source: &Source, _: u64) {
        let state = source.engine.controller(self.0);
        if source.is_set_back {
            state.written_statuses.clear();
        }
        for (key, uid) in state.resources.complete_list(source.namespace(), source.epoch) {
            source.engine.resource_deleted(&WorkKey { controller: self.0, key }, &uid);
        }
    }
}

/// The version of an object that was decoded from `json`.
fn version_of(object: &dyn AnyObject, json: &[u8]) -> Result<u64, DecodeError> {
    match object.meta().resource_version.as_deref().map(str::parse) {
        Some(Ok(version)) => Ok(version),
        // Returns a precise error.
        _ => decode_identity(json).map(|(.., version)| version),
    }
}

/// The resource without its status: an older operator may have written another form of status, and
/// this one writes it again anyway.
fn decode_without_status(json: &[u8], controller: &dyn Controller) -> Option<Arc<dyn AnyObject>> {
    let mut value: serde_json::Value = serde_json::from_slice(json).ok()?;
    value.as_object_mut()?.remove("status")?;
    controller.decode(value.to_string().as_bytes()).ok()
}
