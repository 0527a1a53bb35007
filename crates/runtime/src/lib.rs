//! The engine of kubewright: caches, queue, reconcile loop, health and metrics.
//!
//! It knows no operator: it runs any [`Registry`] of `kubewright-core`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use kubewright_core::Registry;

/// How to reach the API server.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// A kubeconfig file; `None` for `$KUBECONFIG`, `~/.kube/config`, or the Pod's service account.
    pub kubeconfig: Option<PathBuf>,
    /// A context in it; `None` for its current one.
    pub context: Option<String>,
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespaces to work in; empty for all.
    pub namespaces: Vec<String>,
    /// How many resources are worked on at once, at least 1.
    pub workers: usize,
    /// Where /livez, /readyz and /metrics listen; `None` for nowhere.
    pub listen: Option<SocketAddr>,
    /// How long running reconciles may take after a signal to stop.
    pub shutdown_deadline: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { namespaces: Vec::new(), workers: 16, listen: None, shutdown_deadline: Duration::from_secs(20) }
    }
}

/// Why the engine could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {}

/// Runs all operators of `registry` until `stop` resolves and running reconciles have ended.
///
/// # Errors
/// [`RunError`].
pub async fn run(registry: Registry, connect: Connect, settings: Settings, stop: impl Future<Output = ()> + Send) -> Result<(), RunError> {
    let _ = (registry, connect, settings);
    stop.await;
    Ok(())
}
