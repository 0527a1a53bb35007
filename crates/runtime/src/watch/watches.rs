//! Which collections are watched, and which caches each of them feeds.
//!
//! Resources, owned children and looked-up objects need watches. Watches of the same collection are
//! merged into one that feeds all of them. An optional kind is watched while its definition exists.

use std::sync::Arc;

use kubewright_core::internals::shard::Shard;
use kubewright_core::kind::ReadKind;
use kubewright_core::kstatus::has_status;
use tokio::sync::watch::channel;
use tokio::task::JoinSet;

use super::children::Children;
use super::collection::Collection;
use super::definition::{Definition, definition_of};
use super::feed::{Feed, Store};
use super::gate::Gate;
use super::reads::Reads;
use super::reflector::{Event, Sink, run as reflect};
use super::resources::Resources;
use super::shards::{ShardBy, Sharded, child_selector};
use crate::cache::children::ChildCache;
use crate::engine::{ControllerState, Engine};
use crate::error::ApiError;
use crate::settings::Settings;
use crate::write::api::Form;

/// A collection, and the sinks that its events feed.
struct Watch {
    collection: Collection,
    /// The controllers that need it.
    controllers: Vec<usize>,
    optional: bool,
    sinks: Vec<Box<dyn Sink>>,
}

/// Opens all watches.
pub(crate) fn open(
    engine: &Arc<Engine>,
    settings: &Settings,
    caches: &[Arc<ChildCache>],
    tasks: &mut JoinSet<()>,
) {
    if !settings.namespaces.is_empty() {
        engine.reads.limit();
    }
    let watches = merge(all(engine, settings, caches));
    let gate = Arc::new(Gate::default());
    let (optional, required): (Vec<_>, Vec<_>) = watches.into_iter().partition(|w| w.optional);
    for Watch { collection, mut sinks, .. } in required {
        let (api, gate) = (engine.api.clone(), Arc::clone(&gate));
        tasks.spawn(async move { reflect(&api, &gate, &collection, &mut sinks).await });
    }
    for watches in group_by_kind(optional) {
        open_while_defined(engine, &gate, watches, tasks);
    }
}

/// Merges watches of the same collection. The merged watch has the full form if any needs it, and
/// is optional only if all are.
fn merge(watches: Vec<Watch>) -> Vec<Watch> {
    let mut merged: Vec<Watch> = Vec::with_capacity(watches.len());
    for watch in watches {
        match merged.iter_mut().find(|w| w.collection.has_objects_of(&watch.collection)) {
            Some(other) => {
                if watch.collection.form == Form::Full {
                    other.collection.form = Form::Full;
                }
                other.optional &= watch.optional;
                other.controllers.extend(watch.controllers);
                other.sinks.extend(watch.sinks);
            }
            None => merged.push(watch),
        }
    }
    merged
}

fn group_by_kind(watches: Vec<Watch>) -> Vec<Vec<Watch>> {
    let mut groups: Vec<Vec<Watch>> = Vec::new();
    for watch in watches {
        match groups.iter_mut().find(|g| g[0].collection.kind == watch.collection.kind) {
            Some(group) => group.push(watch),
            None => groups.push(vec![watch]),
        }
    }
    groups
}

fn all(engine: &Arc<Engine>, settings: &Settings, caches: &[Arc<ChildCache>]) -> Vec<Watch> {
    let mut watches = Vec::new();
    for (index, state) in engine.controllers.iter().enumerate() {
        let shard = settings.shard.map(Shard::selector);
        let collection = Collection { shard, ..Collection::new(state.kind.clone(), Form::Full) };
        for collection in in_namespaces(settings, collection) {
            let store = Resources(index);
            watches.push(watch(
                engine,
                collection,
                vec![index],
                false,
                store,
                Some(ShardBy::Itself),
            ));
        }
    }
    for cache in caches {
        let controllers = controllers(engine, |state| state.child_cache(&cache.kind).is_some());
        let form = if has_status(&cache.kind) { Form::Full } else { Form::Metadata };
        let labels = Some(child_selector(engine.manager, settings.shard));
        let collection = Collection { labels, ..Collection::new(cache.kind.clone(), form) };
        for collection in in_namespaces(settings, collection) {
            let (store, controllers) = (Children::new(Arc::clone(cache)), controllers.clone());
            let by = Some(ShardBy::Owner);
            watches.push(watch(engine, collection, controllers, cache.optional, store, by));
        }
    }
    for read in read_kinds(engine) {
        let controllers = controllers(engine, |state| {
            state.controller.reads().iter().any(|r| r.type_id == read.type_id)
        });
        let form = if read.metadata_only { Form::Metadata } else { Form::Full };
        let labels = read.selector();
        let collection = Collection { labels, ..Collection::new(read.info.clone(), form) };
        for collection in in_namespaces(settings, collection) {
            let (store, controllers) =
                (Reads::new(read.clone(), &engine.controllers), controllers.clone());
            watches.push(watch(engine, collection, controllers, read.optional, store, None));
        }
    }
    watches
}

/// The same collection once for all namespaces, or once for each configured one.
pub(super) fn in_namespaces(settings: &Settings, collection: Collection) -> Vec<Collection> {
    if settings.namespaces.is_empty() || !collection.kind.namespaced {
        return vec![collection];
    }
    let namespaces = settings.namespaces.iter().cloned();
    namespaces.map(|n| Collection { namespace: Some(n), ..collection.clone() }).collect()
}

fn watch(
    engine: &Arc<Engine>,
    collection: Collection,
    controllers: Vec<usize>,
    optional: bool,
    store: impl Store + 'static,
    by: Option<ShardBy>,
) -> Watch {
    let (name, kind) = (collection.to_string(), collection.kind.kind.to_string());
    let token = engine.sync.register(name, kind, controllers.clone(), optional, store.is_read());
    let feed = Feed::new(Arc::clone(engine), collection.clone(), token, store);
    let sink: Box<dyn Sink> = match (engine.shard, by) {
        (Some(shard), Some(by)) => Box::new(Sharded { sink: feed, shard, by }),
        _ => Box::new(feed),
    };
    Watch { collection, controllers, optional, sinks: vec![sink] }
}

fn controllers(engine: &Engine, is_concerned: impl Fn(&ControllerState) -> bool) -> Vec<usize> {
    let controllers = engine.controllers.iter().enumerate();
    controllers.filter(|(_, state)| is_concerned(state)).map(|(index, _)| index).collect()
}

/// The types that all controllers look up, each once. A kind is optional only if all controllers
/// declare it so.
pub(crate) fn read_kinds(engine: &Engine) -> Vec<ReadKind> {
    let mut kinds: Vec<ReadKind> = Vec::new();
    for read in engine.controllers.iter().flat_map(|state| state.controller.reads()) {
        match kinds.iter_mut().find(|known| known.type_id == read.type_id) {
            Some(known) => known.optional &= read.optional,
            None => kinds.push(read),
        }
    }
    kinds
}

/// Watches an optional kind while its definition exists. The watch of the definition costs no
/// request while nothing changes.
fn open_while_defined(
    engine: &Arc<Engine>,
    gate: &Arc<Gate>,
    mut watches: Vec<Watch>,
    tasks: &mut JoinSet<()>,
) {
    let Some(kind) = watches.first().map(|watch| watch.collection.kind.clone()) else { return };
    let controllers = watches.iter().flat_map(|watch| watch.controllers.iter().copied()).collect();
    let definition = definition_of(&kind);
    let name = format!("the definition of {}", kind.resource());
    let crd = definition.kind.kind.to_string();
    let token = engine.sync.register(name, crd, controllers, false, false);
    let (sender, mut is_defined) = channel(None);
    let store = Definition::new(sender);
    let feed = Feed::new(Arc::clone(engine), definition.clone(), token, store);
    let mut sinks: [Box<dyn Sink>; 1] = [Box::new(feed)];
    let (api, own_gate) = (engine.api.clone(), Arc::clone(gate));
    tasks.spawn(async move { reflect(&api, &own_gate, &definition, &mut sinks).await });
    let (api, gate) = (engine.api.clone(), Arc::clone(gate));
    tasks.spawn(async move {
        loop {
            let now = *is_defined.borrow_and_update();
            let changed = is_defined.changed();
            if now == Some(false) {
                for sink in watches.iter_mut().flat_map(|watch| &mut watch.sinks) {
                    sink.handle(Event::Failed(&ApiError::NotServed));
                }
            }
            // Only a change of the definition ends this round.
            let served = async {
                if now == Some(true) {
                    let watches = watches.iter_mut();
                    let reflectors =
                        watches.map(|w| reflect(&api, &gate, &w.collection, &mut w.sinks));
                    futures::future::join_all(reflectors).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = served => {}
                changed = changed => if changed.is_err() { return },
            }
        }
    });
}

#[cfg(test)]
mod tests;
