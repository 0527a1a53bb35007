//! From a kubeconfig to requests: what kubectl connects with connects here.
//!
//! - `environment`: variables; `files`: which kubeconfig is read; `context`: from its context to an
//!   address and credentials; `proxy`: which proxy leads to the cluster
//! - `client`: sends requests; `token`: the token of a file; `renewal`: new credentials after the
//!   API server rejected the old ones; `transport`: all of that
//!
//! The types are those of kube. The rules are those of client-go where kube has others: files of
//! `$KUBECONFIG` that do not exist, proxies of the environment, tokens of files and of plugins.

mod client;
mod context;
mod environment;
mod error;
mod files;
mod proxy;
mod renewal;
mod token;
pub mod transport;

use std::path::PathBuf;

use kube::Config;

use environment::{Environment, POD};
pub use error::{ConnectError, Files, Origin};

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
    /// context. Sends no request and runs no plugin.
    ///
    /// The client does not retry: the caller decides about retries and counts every failure.
    ///
    /// # Errors
    /// [`ConnectError::NoCluster`] if there is no configuration, [`ConnectError::Unusable`] if
    /// there is one that cannot be used.
    pub fn config(self) -> Result<Config, ConnectError> {
        // The first connection panics if no crypto provider is chosen.
        let _ = rustls::crypto::ring::default_provider().install_default();
        self.config_in(&|name| std::env::var_os(name))
    }

    fn config_in(self, environment: Environment<'_>) -> Result<Config, ConnectError> {
        let files = files::choose(self.kubeconfig, environment);
        let has_flag = files.origin == Origin::Flag || self.context.is_some();
        let kubeconfig = files::read(&files)?;
        // As in client-go, an empty file is like no file.
        let pod = (!has_flag && kubeconfig.as_ref().is_none_or(files::is_empty))
            .then(|| in_pod(environment));
        let mut config = match (pod, kubeconfig) {
            (Some(Ok(config)), _) => config,
            (_, Some(kubeconfig)) => {
                context::config(&kubeconfig, self.context.as_deref(), environment)
                    .map_err(|problem| ConnectError::Unusable { files, problem })?
            }
            (pod, None) => {
                return Err(ConnectError::NoCluster { files, pod: pod.and_then(Result::err) });
            }
        };
        config.default_retry = false;
        Ok(config)
    }
}

/// The service account of this Pod, or why there is none. The API server is in the same network,
/// so a proxy of the environment is not used.
fn in_pod(environment: Environment<'_>) -> Result<Config, String> {
    if environment(POD).is_none() {
        return Err("this is not a Pod".to_owned());
    }
    Config::incluster().map_err(|error| {
        format!("the ServiceAccount of this Pod cannot be used ({})", error::with_causes(&error))
    })
}

#[cfg(test)]
mod tests;
