//! From the flags and the environment to the address and the credentials of a cluster.

use std::env;
use std::io::ErrorKind;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kubewright_core::internals::causes::with_causes;

use crate::args::ClusterArgs;
use crate::error::Error;

/// Reads the kubeconfig: the file of the flag, the files of `$KUBECONFIG`, or `~/.kube/config`.
/// Without flags, the last choice inside a Pod is its service account.
pub(crate) async fn read_config(args: &ClusterArgs) -> Result<Config, Error> {
    // Without a default provider, the first TLS connection would panic.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let has_flag = args.kubeconfig.is_some() || args.context.is_some();
    let mut config = match (read_kubeconfig(args).await, Config::incluster()) {
        (Ok(config), _) => config,
        (Err(_), Ok(config)) if !has_flag => config,
        (Err(error), _) => return Err(Error::NoCluster(describe(&error, args))),
    };
    // A person at a terminal does not want to wait for the same answer several times.
    config.default_retry = false;
    Ok(config)
}

async fn read_kubeconfig(args: &ClusterArgs) -> Result<Config, KubeconfigError> {
    let options = KubeConfigOptions { context: args.context.clone(), ..Default::default() };
    match &args.kubeconfig {
        Some(path) => Config::from_custom_kubeconfig(Kubeconfig::read_from(path)?, &options).await,
        None => Config::from_kubeconfig(&options).await,
    }
}

/// Which files were read, what is wrong, and what to do.
fn describe(error: &KubeconfigError, args: &ClusterArgs) -> String {
    let (files, origin) = match (&args.kubeconfig, env::var_os("KUBECONFIG")) {
        (Some(path), _) => (path.display().to_string(), " (from --kubeconfig)"),
        (None, Some(paths)) if !paths.is_empty() => {
            (paths.display().to_string(), " (from $KUBECONFIG)")
        }
        (None, _) => ("~/.kube/config".to_owned(), ""),
    };
    match error {
        KubeconfigError::ReadConfig(source, path) if source.kind() == ErrorKind::NotFound => {
            let has_flag = args.kubeconfig.is_some() || args.context.is_some();
            let not_in_pod = if has_flag { "" } else { ", and this is not a Pod" };
            format!(
                "{}{origin} does not exist{not_in_pod}. Pass --kubeconfig FILE, or set $KUBECONFIG \
                 to a file that exists.",
                path.display()
            )
        }
        other => format!(
            "{files}{origin} cannot be used: {}. Check --kubeconfig, --context and $KUBECONFIG.",
            with_causes(other)
        ),
    }
}
