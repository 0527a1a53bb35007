//! Wires a registry to a cluster: connects, opens one watch per kind, starts workers, ends in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kubewright_core::health::has_status;
use kubewright_core::kind::{OwnedKind, ReadKind};
use kubewright_core::{KindInfo, Registry, Shard};
use tokio::task::JoinSet;

use crate::api::{Api, Form};
use crate::cache::children::{ChildCache, Pools};
use crate::engine::{Engine, Running};
use crate::error::RunError;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::reflector::{Collection, Sink, run as reflect};
use crate::settings::{Connect, Settings};
use crate::shards::{By, Sharded, children_of};
use crate::sinks::{Children, Definition, Feed, Parents, Reads, definition_of};
use crate::{http, sync};

/// Runs all operators of `registry` until `stop` resolves and running reconciles have ended.
///
/// # Errors
/// [`RunError`]: no configuration, nobody answers, the port is taken, or reconciles did not end in time.
pub async fn run(
    registry: Registry,
    connect: Connect,
    settings: Settings,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    registry.check()?;
    let config = configure(connect).await?;
    let server = config.cluster_url.to_string();
    let client = kube::Client::try_from(config).map_err(|e| RunError::Client(Box::new(e)))?;
    let metrics = Metrics::new();
    let api = Api::new(client, registry.name(), Arc::clone(&metrics));
    api.version().await.map_err(|source| RunError::Unreachable { server: server.clone(), source })?;
    let listener = match settings.listen {
        Some(address) => Some(http::listen(address).await?),
        None => None,
    };
    let (events, send_events) = Events::new(api.clone());
    let (controllers, caches) = running(&registry);
    let engine = Engine::new(api, settings.shard, controllers, events, metrics);
    tracing::info!(%server, manager = registry.name(), "connected");
    if let Some(shard) = settings.shard {
        tracing::info!(%shard, "one of several: another process must run for each of the others");
    }

    let mut background = JoinSet::new();
    background.spawn(send_events);
    if let Some(listener) = listener {
        background.spawn(http::serve(listener, Arc::clone(&engine)));
    }
    Watches { engine: &engine, settings: &settings, tasks: &mut background }.open(&caches);
    for controller in 0..engine.controllers.len() {
        let engine = Arc::clone(&engine);
        background.spawn(async move {
            engine.sync.wait(controller).await;
            engine.start(controller);
            if let Some(period) = settings.resync {
                engine.resync(controller, period).await;
            }
        });
    }
    let mut workers = JoinSet::new();
    for _ in 0..settings.workers.max(1) {
        workers.spawn(Arc::clone(&engine).work());
    }
    let ended_early = tokio::select! {
        () = stop => false,
        () = ended_badly(&mut background) => true,
    };
    let busy = engine.close();
    tracing::info!(busy, "stopping");
    let ended = tokio::time::timeout(settings.shutdown_deadline, workers.join_all()).await;
    background.shutdown().await;
    match ended {
        Ok(_) if ended_early => Err(RunError::Defect),
        Ok(_) => Ok(()),
        Err(_) => Err(RunError::Shutdown { running: engine.running_now(), seconds: settings.shutdown_deadline.as_secs() }),
    }
}

/// Resolves when a task panicked that must run as long as the process: without it the operator would be blind.
async fn ended_badly(background: &mut JoinSet<()>) {
    while let Some(ended) = background.join_next().await {
        if ended.is_err_and(|e| e.is_panic()) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

async fn configure(connect: Connect) -> Result<kube::Config, RunError> {
    // Without one provider chosen, the first connection would panic.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = KubeConfigOptions { context: connect.context, ..KubeConfigOptions::default() };
    let mut config = match connect.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).map_err(|e| RunError::Config(Box::new(e)))?;
            kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|e| RunError::Config(Box::new(e)))?
        }
        None if options.context.is_some() => {
            kube::Config::from_kubeconfig(&options).await.map_err(|e| RunError::Config(Box::new(e)))?
        }
        None => kube::Config::infer().await.map_err(|e| RunError::Config(Box::new(e)))?,
    };
    // The queue decides about retries, and counts every failure.
    config.default_retry = false;
    Ok(config)
}

/// The controllers, and one cache per owned kind for all of them.
fn running(registry: &Registry) -> (Vec<Running>, Vec<Arc<ChildCache>>) {
    let pools = Arc::<Pools>::default();
    let mut caches: BTreeMap<KindInfo, Arc<ChildCache>> = BTreeMap::new();
    let declared = registry.controllers().iter().flat_map(|c| c.owns());
    // A kind that one controller cannot do without is not optional.
    let mut optional: BTreeMap<KindInfo, bool> = BTreeMap::new();
    for OwnedKind { info, optional: o } in declared {
        optional.entry(info).and_modify(|all| *all &= o).or_insert(o);
    }
    let controllers = registry.controllers().iter().map(|controller| {
        let children = controller.owns().into_iter().map(|owned| {
            let optional = optional.get(&owned.info).copied().unwrap_or(owned.optional);
            let cache = caches
                .entry(owned.info.clone())
                .or_insert_with(|| Arc::new(ChildCache::new(owned.info, optional, Arc::clone(&pools))));
            Arc::clone(cache)
        });
        Running::new(Arc::clone(controller), children.collect())
    });
    let controllers = controllers.collect();
    (controllers, caches.into_values().collect())
}

/// Opens the watches.
struct Watches<'a> {
    engine: &'a Arc<Engine>,
    settings: &'a Settings,
    tasks: &'a mut JoinSet<()>,
}

impl Watches<'_> {
    fn open(&mut self, caches: &[Arc<ChildCache>]) {
        for controller in 0..self.engine.controllers.len() {
            self.parents(controller);
        }
        for cache in caches {
            self.children(cache);
        }
        let mut opened: Vec<std::any::TypeId> = Vec::new();
        let reads: Vec<ReadKind> = self.engine.controllers.iter().flat_map(|c| c.controller.reads()).collect();
        for read in &reads {
            if !opened.contains(&read.type_id) {
                opened.push(read.type_id);
                // A kind that one controller cannot do without is not optional.
                let optional = reads.iter().filter(|r| r.type_id == read.type_id).all(|r| r.optional);
                self.reads(&ReadKind { optional, ..read.clone() });
            }
        }
    }

    fn spawn(&mut self, collection: Collection, mut sink: impl Sink + 'static) {
        let api = self.engine.api.clone();
        self.tasks.spawn(async move { reflect(&api, &collection, &mut sink).await });
    }

    /// One collection for all namespaces, or one for each that was asked for.
    fn scopes(&self, kind: &KindInfo) -> Vec<Option<String>> {
        if self.settings.namespaces.is_empty() || !kind.namespaced {
            return vec![None];
        }
        self.settings.namespaces.iter().cloned().map(Some).collect()
    }

    fn parents(&mut self, controller: usize) {
        let kind = self.engine.running(controller).kind.clone();
        for namespace in self.scopes(&kind) {
            let shard = self.settings.shard.map(Shard::selector);
            let collection = Collection { kind: kind.clone(), namespace, labels: None, fields: None, shard, form: Form::Full };
            let token = self.engine.sync.register(collection.to_string(), vec![controller], false);
            let sink = Feed::new(Arc::clone(self.engine), collection.clone(), token, Parents(controller));
            let sink = Sharded { sink, shard: self.settings.shard, by: By::Itself };
            self.spawn(collection, sink);
        }
    }

    fn children(&mut self, cache: &Arc<ChildCache>) {
        let owning = |(index, running): (usize, &Running)| running.child_cache(&cache.kind).map(|_| index);
        let controllers: Vec<usize> = self.engine.controllers.iter().enumerate().filter_map(owning).collect();
        let ours = children_of(self.engine.manager, self.settings.shard);
        let form = if has_status(&cache.kind) { Form::Full } else { Form::Metadata };
        let mut watches = Vec::new();
        for namespace in self.scopes(&cache.kind) {
            let labels = Some(ours.clone());
            let collection = Collection { kind: cache.kind.clone(), namespace, labels, fields: None, shard: None, form };
            let token = self.engine.sync.register(collection.to_string(), controllers.clone(), cache.optional);
            let store = Children(Arc::clone(cache));
            let sink = Feed::new(Arc::clone(self.engine), collection.clone(), token.clone(), store);
            let sink = Sharded { sink, shard: self.settings.shard, by: By::Owner };
            if cache.optional {
                watches.push((collection, sink, token));
            } else {
                self.spawn(collection, sink);
            }
        }
        if !watches.is_empty() {
            self.while_defined(&cache.kind.clone(), &controllers, watches);
        }
    }

    fn reads(&mut self, read: &ReadKind) {
        let reading = |(index, running): (usize, &Running)| {
            running.controller.reads().iter().any(|r| r.type_id == read.type_id).then_some(index)
        };
        let controllers: Vec<usize> = self.engine.controllers.iter().enumerate().filter_map(reading).collect();
        let form = if read.metadata_only { Form::Metadata } else { Form::Full };
        let mut watches = Vec::new();
        for namespace in self.scopes(&read.info) {
            let collection = Collection { kind: read.info.clone(), namespace, labels: None, fields: None, shard: None, form };
            let token = self.engine.sync.register(collection.to_string(), controllers.clone(), read.optional);
            let store = Reads::new(read.clone());
            let sink = Feed::new(Arc::clone(self.engine), collection.clone(), token.clone(), store);
            if read.optional {
                watches.push((collection, sink, token));
            } else {
                self.spawn(collection, sink);
            }
        }
        if !watches.is_empty() {
            self.while_defined(&read.info, &controllers, watches);
        }
    }

    /// Watches an optional kind while its definition exists; watching the definition costs no request while nothing happens.
    fn while_defined<S: Sink + 'static>(
        &mut self,
        kind: &KindInfo,
        controllers: &[usize],
        watches: Vec<(Collection, S, sync::Token)>,
    ) {
        let definition = definition_of(kind);
        let token = self.engine.sync.register(format!("the definition of {}", kind.resource()), controllers.to_vec(), false);
        let (present, mut is_present) = tokio::sync::watch::channel(None);
        let sink = Feed::new(Arc::clone(self.engine), definition.clone(), token, Definition::new(present));
        self.spawn(definition, sink);
        let api = self.engine.api.clone();
        self.tasks.spawn(async move {
            let mut watches = watches;
            loop {
                let now = *is_present.borrow_and_update();
                let changed = is_present.changed();
                match now {
                    Some(true) => {
                        let all = watches.iter_mut().map(|(collection, sink, _)| reflect(&api, collection, sink));
                        tokio::select! {
                            _ = futures::future::join_all(all) => return,
                            changed = changed => if changed.is_err() { return },
                        }
                    }
                    Some(false) => {
                        for (_, sink, _) in &mut watches {
                            sink.failed(&crate::error::ApiError::not_served());
                        }
                        if changed.await.is_err() {
                            return;
                        }
                    }
                    None => {
                        if changed.await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
    }
}
