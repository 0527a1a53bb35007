//! A filter in front of a sink for processes that reconcile one shard of all resources.
//!
//! API servers with shard selectors send only our objects; others ignore the selector. Objects of
//! other shards never enter a cache.

use std::borrow::Cow;

use kubewright_core::internals::shard::Shard;
use kubewright_core::labels;
use serde::Deserialize;

use super::reflector::{Event, Sink};

/// Whose UID decides to which shard an object belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShardBy {
    /// The UID of the object.
    Itself,
    /// The UID of its controller. An object without a controller belongs to all shards.
    Owner,
}

/// A sink that receives only objects of its shard.
pub(super) struct Sharded<S> {
    pub(super) sink: S,
    pub(super) shard: Shard,
    pub(super) by: ShardBy,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(borrow, default)]
    owner_references: Vec<OwnerReference<'a>>,
}

#[derive(Deserialize)]
struct OwnerReference<'a> {
    #[serde(default)]
    controller: bool,
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
}

impl<S> Sharded<S> {
    /// Whether an object belongs to another shard. The sink reports objects that cannot be decoded.
    fn is_foreign(&self, json: &[u8]) -> bool {
        let Ok(Object { metadata }) = serde_json::from_slice::<Object<'_>>(json) else {
            return false;
        };
        let is_foreign = |uid: &str| !self.shard.contains(uid);
        match self.by {
            ShardBy::Itself => is_foreign(&metadata.uid),
            ShardBy::Owner => {
                metadata.owner_references.iter().any(|o| o.controller && is_foreign(&o.uid))
            }
        }
    }
}

impl<S: Sink> Sink for Sharded<S> {
    fn handle(&mut self, event: Event<'_>) -> Option<u64> {
        match event {
            Event::Upsert(json) if self.is_foreign(json) => match self.by {
                ShardBy::Itself => None,
                // It may have had an owner of this shard before.
                ShardBy::Owner => self.sink.handle(Event::Delete(json)),
            },
            event => self.sink.handle(event),
        }
    }
}

/// The label selector for the children of a program, or of one shard of it.
pub(super) fn child_selector(manager: &str, shard: Option<Shard>) -> String {
    let ours = format!("{}={}", labels::MANAGED_BY, kubewright_core::names::label_value(manager));
    match shard.and_then(Shard::children) {
        Some(buckets) => format!("{ours},{buckets}"),
        None => ours,
    }
}

#[cfg(test)]
mod tests;
