//! Custom resources of one controller.

use std::sync::Arc;

use kubewright_core::ObjectKey;
use kubewright_core::kind::AnyObject;
use kubewright_core::observed::{DecodeError, decode_identity};
use kubewright_core::registry::Controller;
use kubewright_core::time::Changed;

use super::{Source, Store};
use crate::cache::parents::{Parent, Told};
use crate::queue::{Priority, WorkKey};

/// Index of the controller.
pub(crate) struct Parents(pub(crate) usize);

impl Parents {
    fn gone(&self, source: &Source, key: ObjectKey, uid: &str) {
        source.engine.parent_gone(&WorkKey { controller: self.0, key }, uid);
    }

    /// One that cannot be read exists: it must not count as deleted. But what is cached is not what
    /// exists any more, and nothing more is done for it until it can be read again.
    fn unreadable(&self, source: &Source, json: &[u8], error: serde_json::Error) -> DecodeError {
        match decode_identity(json) {
            Ok((key, uid, _)) => {
                let parents = &source.engine.running(self.0).parents;
                tracing::error!(resource = %key, "does not have the form of its kind; is another version of the CRD installed?");
                if parents.forget(&key, &uid).is_some() {
                    self.gone(source, key, &uid);
                }
                error.into()
            }
            Err(error) => error,
        }
    }
}

impl Store for Parents {
    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let engine = &source.engine;
        let running = engine.running(self.0);
        let decoded = running
            .controller
            .decode(json)
            .or_else(|error| without_status(json, &*running.controller).ok_or(error));
        let object = decoded.map_err(|error| self.unreadable(source, json, error))?;
        let (key, version) = (ObjectKey::of(object.meta()), version_of(&*object, json)?);
        let told = running.written.told(&key, version).map(|(report, ours)| Told {
            report,
            // Somebody else's status may have come with it, or the write made no version of its
            // own.
            is_all: running.controller.status(&*object).is_ok_and(|shown| shown == *ours),
        });
        // One that could not be read for a while is no former one.
        engine.is_back(object.meta().uid.as_deref().unwrap_or_default());
        let parent = Parent::new(object, version).changed(Changed::of(json));
        let effect = running.parents.observe(parent, told, source.epoch);
        if effect.set_back {
            tracing::warn!(resource = %key, version, "is older than before: the cluster was set back, and is believed");
            running.written.forget(&key);
        }
        // Only now: who looks for what we wrote last finds it in one of the two.
        running.written.caught_up(&key, version);
        let work = WorkKey { controller: self.0, key };
        if let Some(gone) = effect.gone {
            engine.owner_gone(&work, &gone);
        }
        if effect.work {
            engine.enqueue(work, Priority::Change);
        }
        Ok(version)
    }

    fn delete(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let (key, uid, version) = decode_identity(json)?;
        if source.engine.running(self.0).parents.forget(&key, &uid).is_some() {
            self.gone(source, key, &uid);
        }
        Ok(version)
    }

    fn listed(&mut self, source: &Source, _: u64) {
        if source.set_back {
            source.engine.running(self.0).written.set_back();
        }
        for (key, uid) in
            source.engine.running(self.0).parents.listed(source.namespace(), source.epoch)
        {
            self.gone(source, key, &uid);
        }
    }
}

/// The version of an object that was decoded from `json`.
fn version_of(object: &dyn AnyObject, json: &[u8]) -> Result<u64, DecodeError> {
    match object.meta().resource_version.as_deref().map(str::parse) {
        Some(Ok(version)) => Ok(version),
        // This tells what is wrong with it.
        _ => decode_identity(json).map(|(.., version)| version),
    }
}

/// The resource without its status: one that an older operator wrote may not have today's form, and
/// is written anew anyway.
fn without_status(json: &[u8], controller: &dyn Controller) -> Option<Arc<dyn AnyObject>> {
    let mut value: serde_json::Value = serde_json::from_slice(json).ok()?;
    value.as_object_mut()?.remove("status")?;
    controller.decode(value.to_string().as_bytes()).ok()
}
