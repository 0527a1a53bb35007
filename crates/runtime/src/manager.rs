//! Runs a registry against a cluster: connects, opens one watch per kind, starts workers, and stops
//! in order.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
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
use crate::watch::{unwatched, watches};
use crate::work::worker;
use crate::write::api::Api;
use crate::write::events::Events;
use crate::write::limiter::{Rate, RateLimiter};
use crate::write::transport;

/// How long a process that stops still sends the Events that wait.
const SEND_EVENTS: Duration = Duration::from_secs(1);

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
    registry.check_namespaces(&settings.namespaces)?;
    let mut stop = std::pin::pin!(stop);
    // Nothing runs yet: a start that hangs ends at once.
    let (api, server) = tokio::select! {
        biased;
        () = &mut stop => {
            tracing::info!("stopped during the start");
            return Ok(());
        }
        api = connect_api(registry.name(), connect) => api?,
    };
    let listener = settings.listen.map(http::listen).transpose()?;
    let (events, send_events) = Events::new(api.clone());
    let (controllers, caches) = controllers(&registry, settings.rollouts());
    let limiter = RateLimiter::new(settings.expirations());
    let metrics = api.metrics();
    let engine = Engine::new(api, settings.shard, controllers, events, metrics, limiter);
    tracing::info!(%server, manager = registry.name(), "connected");
    if let Some(shard) = settings.shard {
        tracing::info!(%shard, "reconciling one shard; run one process for each other shard");
    }

    let mut sending = tokio::spawn(send_events);
    let mut background = JoinSet::new();
    let _health = match listener.zip(settings.listen) {
        Some((listener, address)) => {
            Some(serve_health(listener, address, &engine, &mut background)?)
        }
        None => None,
    };
    watches::open(&engine, &settings, &caches, &mut background);
    start_controllers(&engine, &settings, &mut background);
    let workers = worker::start(&engine, settings.workers);
    let has_panicked = tokio::select! {
        () = stop => false,
        () = panicked(&mut background) => true,
    };
    engine.queue.close();
    tracing::info!(running = engine.queue.running(), "stopping");
    let ended = tokio::time::timeout(settings.shutdown_deadline, worker::join(workers)).await;
    background.shutdown().await;
    engine.events.close();
    // Waiting Events would be lost: the status says already that the warnings were sent.
    if tokio::time::timeout(SEND_EVENTS, &mut sending).await.is_err() {
        tracing::warn!("some Events were not sent before the process stopped");
        sending.abort();
    }
    match ended {
        Ok(()) if has_panicked => Err(RunError::Defect),
        Ok(()) => Ok(()),
        Err(_) => Err(RunError::Shutdown {
            running: engine.queue.running(),
            seconds: settings.shutdown_deadline.as_secs(),
        }),
    }
}

/// Connects to the API server. Returns its address too.
async fn connect_api(manager: &'static str, connect: Connect) -> Result<(Api, String), RunError> {
    let config = connect.config()?;
    let server = config.cluster_url.to_string();
    // A program that prints a token may hang. It must not block the thread that waits for the stop.
    let transport = tokio::task::spawn_blocking(|| transport::transport(config));
    let transport = transport.await.map_err(|_| RunError::Defect)?;
    let transport = transport.map_err(|e| RunError::Client(Box::new(e)))?;
    let api = Api::new(transport, manager, Metrics::new());
    api.version().await.map_err(|error| no_version(server.clone(), error))?;
    Ok((api, server))
}

/// Starts the server of health and metrics, and the task that shows that the engine works.
fn serve_health(
    listener: TcpListener,
    address: SocketAddr,
    engine: &Arc<Engine>,
    background: &mut JoinSet<()>,
) -> Result<http::Server, RunError> {
    let pulse = Arc::<http::Pulse>::default();
    let health = http::start(listener, Arc::clone(engine), Arc::clone(&pulse));
    background.spawn(async move { pulse.beat().await });
    health.map_err(|source| RunError::Listen { address, source })
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
        let (engine, settings) = (Arc::clone(engine), settings.clone());
        background.spawn(async move {
            engine.sync.wait(controller).await;
            engine.start(controller);
            unwatched::find(&engine, &settings, controller).await;
            engine.resync(controller, settings.resync.unwrap_or_default()).await;
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
