//! Wires a registry to a cluster: connects, opens one watch per kind, starts workers, ends in
//! order.

use std::collections::BTreeMap;
use std::sync::Arc;

use kubewright_core::kind::OwnedKind;
use kubewright_core::{KindInfo, Registry};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::brake::Brake;
use crate::cache::children::{ChildCache, Pools};
use crate::engine::{Engine, Running};
use crate::error::RunError;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::settings::{Connect, Settings};
use crate::{http, transport, watches};

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
    let config = connect.config().await?;
    let server = config.cluster_url.to_string();
    let transport = transport::transport(config).map_err(|e| RunError::Client(Box::new(e)))?;
    let metrics = Metrics::new();
    let api = Api::new(transport, registry.name(), Arc::clone(&metrics));
    api.version()
        .await
        .map_err(|source| RunError::Unreachable { server: server.clone(), source })?;
    let listener = match settings.listen {
        Some(address) => Some(http::listen(address).await?),
        None => None,
    };
    let (events, send_events) = Events::new(api.clone());
    let (controllers, caches) = running(&registry);
    let brake = Brake::new(settings.deletions_per_minute);
    let engine = Engine::new(api, settings.shard, controllers, events, metrics, brake);
    tracing::info!(%server, manager = registry.name(), "connected");
    if let Some(shard) = settings.shard {
        tracing::info!(%shard, "one of several: another process must run for each of the others");
    }

    let mut background = JoinSet::new();
    background.spawn(send_events);
    if let Some(listener) = listener {
        background.spawn(http::serve(listener, Arc::clone(&engine)));
    }
    watches::open(&engine, &settings, &caches, &mut background);
    let timer = Arc::clone(&engine);
    background.spawn(async move { timer.keep_time().await });
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
        Err(_) => Err(RunError::Shutdown {
            running: engine.running_now(),
            seconds: settings.shutdown_deadline.as_secs(),
        }),
    }
}

/// Resolves when a task panicked that must run as long as the process: without it the operator
/// would be blind.
async fn ended_badly(background: &mut JoinSet<()>) {
    while let Some(ended) = background.join_next().await {
        if ended.is_err_and(|e| e.is_panic()) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// The controllers, and one cache per owned kind for all of them.
pub(crate) fn running(registry: &Registry) -> (Vec<Running>, Vec<Arc<ChildCache>>) {
    let pools = Arc::<Pools>::default();
    let mut caches: BTreeMap<KindInfo, Arc<ChildCache>> = BTreeMap::new();
    let declared = registry.controllers().iter().flat_map(|c| c.owns());
    // A kind that one controller cannot do without is not optional.
    let mut optional: BTreeMap<KindInfo, bool> = BTreeMap::new();
    for OwnedKind { info, optional: o, .. } in declared {
        optional.entry(info).and_modify(|all| *all &= o).or_insert(o);
    }
    let controllers = registry.controllers().iter().map(|controller| {
        let children = controller.owns().into_iter().map(|owned| {
            let optional = optional.get(&owned.info).copied().unwrap_or(owned.optional);
            let cache = caches.entry(owned.info.clone()).or_insert_with(|| {
                Arc::new(ChildCache::new(owned.info, optional, Arc::clone(&pools)))
            });
            Arc::clone(cache)
        });
        Running::new(Arc::clone(controller), children.collect())
    });
    let controllers = controllers.collect();
    (controllers, caches.into_values().collect())
}

#[cfg(test)]
mod tests;
