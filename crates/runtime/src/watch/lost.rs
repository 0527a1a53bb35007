//! Objects that are deleted together with their definition.
//!
//! The deletion of a `CustomResourceDefinition` deletes all its objects. For a kind that builds
//! look up, this is a loss of knowledge and not a decision about each object. So the last state of
//! such objects stays in effect. It ends when an object of the same name appears, or with the
//! process.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubewright_core::kind::{AnyObject, ReadKind};
use kubewright_core::{KindInfo, ObjectKey};
use serde::Deserialize;

use crate::engine::Engine;
use crate::error::ApiError;
use crate::work::backoff::Backoff;
use crate::work::schedule::Priority;

/// The first and the longest delay between two tries to read a definition.
const DELAYS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));

/// Removes this object, which was deleted, from the cache, unless its definition was deleted with
/// it. The caller finds the object in the cache before anything else can replace it there.
pub(super) async fn remove(
    engine: &Engine,
    read: &ReadKind,
    key: &ObjectKey,
    object: Arc<dyn AnyObject>,
) {
    if is_lost(engine, &read.info, object.meta()).await {
        tracing::warn!(
            "{} {key} was deleted together with its definition; its last state stays in effect \
             until an object of this name exists again, or this process restarts",
            read.info
        );
        return;
    }
    let uid = |meta: &ObjectMeta| meta.uid.clone();
    let now = engine.reads.find(read.type_id, key);
    // A new object of this name may exist by now.
    if now.is_some_and(|now| uid(now.meta()) == uid(object.meta())) {
        for reader in engine.reads.remove(read.type_id, key) {
            engine.enqueue(reader, Priority::Change);
        }
    }
}

/// Whether the definition of a deleted object is being deleted, is gone, or is newer than the
/// object.
async fn is_lost(engine: &Engine, kind: &KindInfo, object: &ObjectMeta) -> bool {
    let (first, max) = DELAYS;
    let mut backoff = Backoff::new(first, max);
    loop {
        match definition(engine, kind).await {
            Ok(Some(definition)) => {
                return definition.deletion_timestamp.is_some()
                    || definition.creation_timestamp > object.creation_timestamp;
            }
            Ok(None) => return true,
            Err(error) => {
                tracing::warn!("cannot read the definition of {kind}, trying again: {error}");
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}

/// The metadata of the definition of a kind, if it exists.
async fn definition(engine: &Engine, kind: &KindInfo) -> Result<Option<ObjectMeta>, ApiError> {
    #[derive(Deserialize)]
    struct Partial {
        metadata: ObjectMeta,
    }
    let key = ObjectKey::new("", kind.resource());
    match engine.api.get(&KindInfo::of::<CustomResourceDefinition>(), &key).await {
        Ok((json, _)) => {
            let Partial { metadata } =
                serde_json::from_slice(&json).map_err(|error| ApiError::Decode(error.into()))?;
            Ok(Some(metadata))
        }
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
