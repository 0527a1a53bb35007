//! Settings of the caller: how to connect and how to run.

use std::error::Error as _;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use kube::config::{InferConfigError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kubewright_core::internals::shard::Shard;

use crate::error::RunError;

/// How to reach the API server.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// A kubeconfig file; `None` for `$KUBECONFIG`, `~/.kube/config`, or the service account of the
    /// Pod.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig; `None` for its current context.
    pub context: Option<String>,
}

impl Connect {
    /// Reads the address of the API server, certificates, credentials and the namespace of the
    /// context.
    ///
    /// The HTTP client does not retry: the queue decides about retries and counts every failure.
    ///
    /// # Errors
    /// [`RunError::NoCluster`] if there is no configuration, [`RunError::Config`] if it cannot be
    /// read.
    pub async fn config(self) -> Result<kube::Config, RunError> {
        // The first connection panics if no crypto provider is chosen.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unreadable = |error: KubeconfigError| RunError::Config(Box::new(error));
        let options = KubeConfigOptions { context: self.context, ..KubeConfigOptions::default() };
        let mut config = match self.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(unreadable)?;
                kube::Config::from_custom_kubeconfig(file, &options).await.map_err(unreadable)?
            }
            None if options.context.is_some() => {
                kube::Config::from_kubeconfig(&options).await.map_err(unreadable)?
            }
            None => kube::Config::infer().await.map_err(not_inferred)?,
        };
        config.default_retry = false;
        Ok(config)
    }
}

fn not_inferred(error: InferConfigError) -> RunError {
    match error.source().and_then(|source| source.downcast_ref()) {
        Some(KubeconfigError::ReadConfig(cause, path)) if cause.kind() == ErrorKind::NotFound => {
            let is_set = std::env::var_os("KUBECONFIG").is_some_and(|paths| !paths.is_empty());
            let origin = if is_set { " (from $KUBECONFIG)" } else { "" };
            RunError::NoCluster { path: path.clone(), origin }
        }
        _ => RunError::Config(Box::new(error)),
    }
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespaces to watch; empty for all.
    pub namespaces: Vec<String>,
    /// The number of resources reconciled at once, at least 1.
    pub workers: usize,
    /// The address of /livez, /readyz and /metrics; `None` for no server.
    pub listen: Option<SocketAddr>,
    /// How long running reconciles may take after a signal to stop.
    pub shutdown_deadline: Duration,
    /// How often every resource is reconciled without a change; `None` and zero for never.
    ///
    /// Events are never missed without a resync. It sends no request for what is in sync, because
    /// it compares caches. It is for operators whose `build` depends on something unwatched.
    pub resync: Option<Duration>,
    /// The share of all resources that this process reconciles; `None` for all. With any `Some`,
    /// children carry the label [`SHARD`](kubewright_core::labels::SHARD).
    pub shard: Option<Shard>,
    /// Maximum number of expired resources deleted per minute, evenly spread; zero for none.
    pub expirations_per_minute: u32,
}

/// Measured on two cores: 4, 8 and 16 workers have the same throughput. With writes of 10 ms, as on
/// etcd with disks, 8 workers reconcile about 400 resources per second.
const DEFAULT_WORKERS: usize = 8;
/// Enough for daily expiry, and few enough that a person can stop a mistake.
const DEFAULT_EXPIRATIONS: u32 = 30;
/// Kubernetes gives a Pod 30 seconds to stop; the rest is a reserve.
const DEFAULT_SHUTDOWN: Duration = Duration::from_secs(20);

impl Default for Settings {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            workers: DEFAULT_WORKERS,
            listen: None,
            shutdown_deadline: DEFAULT_SHUTDOWN,
            resync: None,
            shard: None,
            expirations_per_minute: DEFAULT_EXPIRATIONS,
        }
    }
}
