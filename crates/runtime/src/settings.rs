//! What a caller chooses: how to connect and how to run.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kubewright_core::Shard;

use crate::error::RunError;

/// How to reach the API server.
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// A kubeconfig file; `None` for `$KUBECONFIG`, `~/.kube/config`, or the Pod's service
    /// account.
    pub kubeconfig: Option<PathBuf>,
    /// A context in it; `None` for its current one.
    pub context: Option<String>,
}

impl Connect {
    /// What is written there: the API server's address, certificates, credentials, the namespace of
    /// the context.
    ///
    /// Nothing is tried again: the queue decides about retries and counts every failure, and a
    /// person at a terminal does not want to wait for an answer that is known.
    ///
    /// # Errors
    /// [`RunError::Config`]: there is none, or it cannot be read.
    pub async fn config(self) -> Result<kube::Config, RunError> {
        // Without one provider chosen, the first connection would panic.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = KubeConfigOptions { context: self.context, ..KubeConfigOptions::default() };
        let mut config = match self.kubeconfig {
            Some(path) => {
                let file =
                    Kubeconfig::read_from(path).map_err(|e| RunError::Config(Box::new(e)))?;
                kube::Config::from_custom_kubeconfig(file, &options)
                    .await
                    .map_err(|e| RunError::Config(Box::new(e)))?
            }
            None if options.context.is_some() => kube::Config::from_kubeconfig(&options)
                .await
                .map_err(|e| RunError::Config(Box::new(e)))?,
            None => kube::Config::infer().await.map_err(|e| RunError::Config(Box::new(e)))?,
        };
        config.default_retry = false;
        Ok(config)
    }
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
    /// How often everything is looked at again although nothing happened; `None` and zero for
    /// never.
    ///
    /// No event is missed without it: watches that break are opened where they ended, or
    /// everything is listed anew. It costs no request for what is as it should be, because the
    /// caches are compared, not the cluster; it is for operators whose `build` depends on
    /// something that nobody watches.
    pub resync: Option<Duration>,
    /// Which part of all resources this process has; `None` for all of them. Any `Some` makes
    /// children carry the label [`SHARD`](kubewright_core::labels::SHARD).
    pub shard: Option<Shard>,
    /// How many resources may be deleted in a minute because they had their time
    /// ([`Children::retire`](kubewright_core::Children::retire)); the others wait. In the first
    /// minute they are spread over that minute. Zero deletes none.
    pub deletions_per_minute: u32,
}

/// Workers at once. Measured on two cores: with 4, 8 and 16 an API server gets as much done, and
/// each connection costs both sides a handshake and memory. Where a write takes 10 ms, as to an
/// etcd on disks, 8 are some 400 resources a second.
const DEFAULT_WORKERS: usize = 8;
/// Enough for what expires day by day; few enough that somebody who made a mistake can still stop
/// it.
const DEFAULT_DELETIONS: u32 = 30;
/// Kubernetes gives a Pod 30 seconds to stop; this leaves room for the rest.
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
            deletions_per_minute: DEFAULT_DELETIONS,
        }
    }
}
