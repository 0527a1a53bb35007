//! Runs a registry against a cluster: connects, opens one watch per kind, starts workers, and stops
//! in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kubewright_core::{KindInfo, Registry};
use tokio::task::JoinSet;

use crate::cache::children::{ChildCache, Pools};
use crate::engine::{ControllerState, Engine};
use crate::error::{ApiError, RunError};
use crate::http;
use crate::metrics::Metrics;
use crate::settings::{Connect, Settings};
use crate::watch::watches;
use crate::work::worker;
use crate::write::api::Api;
use crate::write::events::Events;
use crate::write::limiter::{Rate, RateLimiter};
use crate::write::transport;

/// How long a process that stops still sends the Events that wait.
const SEND_EVENTS: Duration = Duration::from_secs(2);

/// Runs all operators of `registry` until `stop` resolves and the running reconciles have ended.
///
/// # Errors
/// [`RunError`]: there is no configuration, the API server does not answer, the port is in use, or
/// reconciles did not end in time.
pub async fn run(
    registry: Registry,
    connect: Connect,
    settings: Settings,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    registry.check()?;
    let config = connect.config()?;
    let server = config.cluster_url.to_string();
    let transport = transport::transport(config).map_err(|e| RunError::Client(Box::new(e)))?;
    let metrics = Metrics::new();
    let api = Api::new(transport, registry.name(), Arc::clone(&metrics));
    api.version().await.map_err(|error| no_version(server.clone(), error))?;
    let listener = match settings.listen {
        Some(address) => Some(http::listen(address).await?),
        None => None,
    };
    let (events, send_events) = Events::new(api.clone());
    let (controllers, caches) = controllers(&registry, settings.rollouts());
    let limiter = RateLimiter::new(settings.expirations());
    let engine = Engine::new(api, settings.shard, controllers, events, metrics, limiter);
    tracing::info!(%server, manager = registry.name(), "connected");
    if let Some(shard) = settings.shard {
        tracing::info!(%shard, "reconciling one shard; run one process for each other shard");
    }

    let mut sending = tokio::spawn(send_events);
    let mut background = JoinSet::new();
    if let Some(listener) = listener {
        background.spawn(http::serve(listener, Arc::clone(&engine)));
    }
    watches::open(&engine, &settings, &caches, &mut background);
    start_controllers(&engine, &settings, &mut background);
    let mut workers = JoinSet::new();
    for _ in 0..settings.workers.max(1) {
        workers.spawn(worker::work(Arc::clone(&engine)));
    }
    let has_panicked = tokio::select! {
        () = stop => false,
        () = panicked(&mut background) => true,
    };
    engine.queue.close();
    tracing::info!(running = engine.queue.running(), "stopping");
    let ended = tokio::time::timeout(settings.shutdown_deadline, workers.join_all()).await;
    background.shutdown().await;
    engine.events.close();
    // Waiting Events would be lost: the status says already that the warnings were sent.
    if tokio::time::timeout(SEND_EVENTS, &mut sending).await.is_err() {
        tracing::warn!("some Events were not sent before the process stopped");
        sending.abort();
    }
    match ended {
        Ok(_) if has_panicked => Err(RunError::Defect),
        Ok(_) => Ok(()),
        Err(_) => Err(RunError::Shutdown {
            running: engine.queue.running(),
            seconds: settings.shutdown_deadline.as_secs(),
        }),
    }
}

/// The first request failed: is the API server away, or does it reject this user?
fn no_version(server: String, error: ApiError) -> RunError {
    match error {
        ApiError::Status(failure) => RunError::Rejected { server, message: failure.message },
        error => RunError::Unreachable { server, source: Box::new(error) },
    }
}

/// Starts each controller when its caches are filled, and the timer for all of them.
fn start_controllers(engine: &Arc<Engine>, settings: &Settings, background: &mut JoinSet<()>) {
    let timer = Arc::clone(engine);
    background.spawn(async move { timer.watch_deadlines().await });
    for controller in 0..engine.controllers.len() {
        let (engine, resync) = (Arc::clone(engine), settings.resync);
        background.spawn(async move {
            engine.sync.wait(controller).await;
            engine.start(controller);
            engine.resync(controller, resync.unwrap_or_default()).await;
        });
    }
}

/// Resolves when a background task panicked: without it the caches would become stale.
async fn panicked(background: &mut JoinSet<()>) {
    while let Some(ended) = background.join_next().await {
        if ended.is_err_and(|e| e.is_panic()) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// The controllers, and one cache for each owned kind that all of them share.
pub(crate) fn controllers(
    registry: &Registry,
    rollouts: Rate,
) -> (Vec<ControllerState>, Vec<Arc<ChildCache>>) {
    let owned = || registry.controllers().iter().flat_map(|controller| controller.owns());
    // A kind is optional only if all controllers declare it so.
    let is_optional =
        |kind: &KindInfo| owned().filter(|o| o.info == *kind).all(|owned| owned.optional);
    let pools = Arc::<Pools>::default();
    let caches: BTreeMap<KindInfo, Arc<ChildCache>> = owned()
        .map(|owned| {
            let optional = is_optional(&owned.info);
            let cache = ChildCache::new(owned.info.clone(), optional, Arc::clone(&pools));
            (owned.info, Arc::new(cache))
        })
        .collect();
    let controllers = registry.controllers().iter().map(|controller| {
        let children = controller.owns().into_iter();
        let children = children.filter_map(|owned| caches.get(&owned.info).cloned());
        ControllerState::new(Arc::clone(controller), children.collect(), rollouts)
    });
    (controllers.collect(), caches.into_values().collect())
}

#[cfg(test)]
mod tests;
