//! Which collections are watched, and what each of them feeds: one watch for everything that wants
//! the same objects.
//!
//! Resources, owned children and what is looked up become [`Watch`]es; those of one collection are
//! merged into one, whose events go to all. An optional kind is watched while its definition
//! exists.

use std::any::TypeId;
use std::sync::Arc;

use kubewright_core::health::has_status;
use kubewright_core::kind::ReadKind;
use kubewright_core::{KindInfo, Shard};
use tokio::task::JoinSet;

use crate::api::Form;
use crate::cache::children::ChildCache;
use crate::engine::{Engine, Running};
use crate::error::ApiError;
use crate::reflector::{Collection, Sink, run as reflect};
use crate::settings::Settings;
use crate::shards::{By, Sharded, children_of};
use crate::sinks::{Children, Definition, Feed, Parents, Reads, Shared, Store, definition_of};

/// A collection, and what its events feed.
struct Watch {
    collection: Collection,
    /// The controllers that need it.
    controllers: Vec<usize>,
    /// Its kind may be absent.
    optional: bool,
    sink: Shared,
}

/// Opens all watches.
pub(crate) fn open(
    engine: &Arc<Engine>,
    settings: &Settings,
    caches: &[Arc<ChildCache>],
    tasks: &mut JoinSet<()>,
) {
    let plan = Plan { engine, settings };
    let (optional, needed): (Vec<Watch>, Vec<Watch>) =
        merged(plan.all(caches)).into_iter().partition(|watch| watch.optional);
    for Watch { collection, mut sink, .. } in needed {
        let api = engine.api.clone();
        tasks.spawn(async move { reflect(&api, &collection, &mut sink).await });
    }
    for of_one_kind in by_kind(optional) {
        while_defined(engine, of_one_kind, tasks);
    }
}

/// One watch for each collection. Whoever needs the whole objects decides for all, and so does who
/// needs the kind to be there.
fn merged(watches: Vec<Watch>) -> Vec<Watch> {
    let mut merged: Vec<Watch> = Vec::with_capacity(watches.len());
    for watch in watches {
        match merged.iter_mut().find(|other| other.collection.is_same_as(&watch.collection)) {
            Some(other) => {
                if watch.collection.form == Form::Full {
                    other.collection.form = Form::Full;
                }
                other.optional &= watch.optional;
                other.controllers.extend(watch.controllers);
                other.sink.extend(watch.sink);
            }
            None => merged.push(watch),
        }
    }
    merged
}

fn by_kind(watches: Vec<Watch>) -> Vec<Vec<Watch>> {
    let mut kinds: Vec<Vec<Watch>> = Vec::new();
    for watch in watches {
        match kinds
            .iter_mut()
            .find(|of| of.iter().any(|other| other.collection.kind == watch.collection.kind))
        {
            Some(of) => of.push(watch),
            None => kinds.push(vec![watch]),
        }
    }
    kinds
}

/// What is to be watched.
struct Plan<'a> {
    engine: &'a Arc<Engine>,
    settings: &'a Settings,
}

impl Plan<'_> {
    fn all(&self, caches: &[Arc<ChildCache>]) -> Vec<Watch> {
        let parents =
            (0..self.engine.controllers.len()).flat_map(|controller| self.parents(controller));
        let children = caches.iter().flat_map(|cache| self.children(cache));
        let reads = read_kinds(self.engine).into_iter().flat_map(|read| self.reads(&read));
        parents.chain(children).chain(reads).collect()
    }

    /// One collection for all namespaces, or one for each that was asked for.
    fn scopes(&self, kind: &KindInfo) -> Vec<Option<String>> {
        if self.settings.namespaces.is_empty() || !kind.namespaced {
            return vec![None];
        }
        self.settings.namespaces.iter().cloned().map(Some).collect()
    }

    fn watch(
        &self,
        collection: Collection,
        controllers: Vec<usize>,
        optional: bool,
        store: impl Store + 'static,
        by: Option<By>,
    ) -> Watch {
        let token =
            self.engine.sync.register(collection.to_string(), controllers.clone(), optional);
        let feed = Feed::new(Arc::clone(self.engine), collection.clone(), token, store);
        let sink: Box<dyn Sink> = match (self.settings.shard, by) {
            (Some(shard), Some(by)) => Box::new(Sharded { sink: feed, shard, by }),
            _ => Box::new(feed),
        };
        Watch { collection, controllers, optional, sink: Shared::of(sink) }
    }

    fn parents(&self, controller: usize) -> Vec<Watch> {
        let kind = &self.engine.running(controller).kind;
        let shard = self.settings.shard.map(Shard::selector);
        let watch = |namespace| {
            let (kind, shard) = (kind.clone(), shard.clone());
            let collection =
                Collection { kind, namespace, labels: None, fields: None, shard, form: Form::Full };
            self.watch(collection, vec![controller], false, Parents(controller), Some(By::Itself))
        };
        self.scopes(kind).into_iter().map(watch).collect()
    }

    fn children(&self, cache: &Arc<ChildCache>) -> Vec<Watch> {
        let controllers =
            controllers(self.engine, |running| running.child_cache(&cache.kind).is_some());
        let labels = Some(children_of(self.engine.manager, self.settings.shard));
        let form = if has_status(&cache.kind) { Form::Full } else { Form::Metadata };
        let watch = |namespace| {
            let (kind, labels) = (cache.kind.clone(), labels.clone());
            let collection =
                Collection { kind, namespace, labels, fields: None, shard: None, form };
            self.watch(
                collection,
                controllers.clone(),
                cache.optional,
                Children::new(Arc::clone(cache)),
                Some(By::Owner),
            )
        };
        self.scopes(&cache.kind).into_iter().map(watch).collect()
    }

    fn reads(&self, read: &ReadKind) -> Vec<Watch> {
        let controllers = controllers(self.engine, |running| {
            running.controller.reads().iter().any(|r| r.type_id == read.type_id)
        });
        let form = if read.metadata_only { Form::Metadata } else { Form::Full };
        let watch = |namespace| {
            let (kind, labels) = (read.info.clone(), read.selector());
            let collection =
                Collection { kind, namespace, labels, fields: None, shard: None, form };
            self.watch(
                collection,
                controllers.clone(),
                read.optional,
                Reads::new(read.clone()),
                None,
            )
        };
        self.scopes(&read.info).into_iter().map(watch).collect()
    }
}

fn controllers(engine: &Engine, concerned: impl Fn(&Running) -> bool) -> Vec<usize> {
    engine
        .controllers
        .iter()
        .enumerate()
        .filter(|(_, running)| concerned(running))
        .map(|(index, _)| index)
        .collect()
}

/// What all controllers look up, each type once. A kind that one controller cannot do without is
/// not optional.
pub(crate) fn read_kinds(engine: &Engine) -> Vec<ReadKind> {
    let mut kinds: Vec<(TypeId, ReadKind)> = Vec::new();
    for read in engine.controllers.iter().flat_map(|running| running.controller.reads()) {
        match kinds.iter_mut().find(|(type_id, _)| *type_id == read.type_id) {
            Some((_, known)) => known.optional &= read.optional,
            None => kinds.push((read.type_id, read)),
        }
    }
    kinds.into_iter().map(|(_, read)| read).collect()
}

/// Watches an optional kind while its definition exists; watching the definition costs no request
/// while nothing happens.
fn while_defined(engine: &Arc<Engine>, mut watches: Vec<Watch>, tasks: &mut JoinSet<()>) {
    let Some(kind) = watches.first().map(|watch| watch.collection.kind.clone()) else { return };
    let controllers = watches.iter().flat_map(|watch| watch.controllers.iter().copied()).collect();
    let definition = definition_of(&kind);
    let token =
        engine.sync.register(format!("the definition of {}", kind.resource()), controllers, false);
    let (present, mut is_present) = tokio::sync::watch::channel(None);
    let mut feed =
        Feed::new(Arc::clone(engine), definition.clone(), token, Definition::new(present));
    let api = engine.api.clone();
    tasks.spawn(async move { reflect(&api, &definition, &mut feed).await });
    let api = engine.api.clone();
    tasks.spawn(async move {
        loop {
            let now = *is_present.borrow_and_update();
            let changed = is_present.changed();
            if now == Some(false) {
                for watch in &mut watches {
                    watch.sink.failed(&ApiError::NotServed);
                }
            }
            // While it is there, or nobody knows, nothing but news of its definition ends this
            // round.
            let served = async {
                if now == Some(true) {
                    let all = watches
                        .iter_mut()
                        .map(|watch| reflect(&api, &watch.collection, &mut watch.sink));
                    futures::future::join_all(all).await;
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
mod tests {
    use kubewright_core::KindInfo;

    use super::*;

    fn watch(
        kind: &str,
        labels: Option<&str>,
        form: Form,
        optional: bool,
        controller: usize,
    ) -> Watch {
        let names = |name: &str| std::borrow::Cow::Owned(name.to_owned());
        let kind = KindInfo {
            group: names(""),
            version: names("v1"),
            kind: names(kind),
            plural: names("plural"),
            namespaced: true,
        };
        let labels = labels.map(str::to_owned);
        let collection =
            Collection { kind, namespace: None, labels, fields: None, shard: None, form };
        Watch { collection, controllers: vec![controller], optional, sink: Shared::default() }
    }

    #[test]
    fn one_watch_feeds_all_who_want_the_same_objects() {
        let all = merged(vec![
            watch("A", None, Form::Metadata, true, 0),
            watch("A", None, Form::Full, false, 1),
            watch("A", Some("ours"), Form::Metadata, false, 0),
            watch("B", None, Form::Metadata, true, 0),
        ]);
        let facts: Vec<_> = all
            .iter()
            .map(|w| (&*w.collection.kind.kind, w.collection.form, w.optional, &w.controllers[..]))
            .collect();
        assert_eq!(
            facts,
            [
                ("A", Form::Full, false, &[0, 1][..]),
                ("A", Form::Metadata, false, &[0][..]),
                ("B", Form::Metadata, true, &[0][..]),
            ]
        );
    }

    #[test]
    fn an_optional_kind_is_looked_for_once() {
        let kinds = by_kind(vec![
            watch("A", None, Form::Full, true, 0),
            watch("B", None, Form::Full, true, 0),
            watch("A", Some("ours"), Form::Full, true, 1),
        ]);
        assert_eq!(kinds.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    }
}
