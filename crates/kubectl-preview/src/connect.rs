//! From the flags and the environment to the address and the credentials of a cluster.

use std::env;
use std::io::ErrorKind;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::args::ClusterArgs;
use crate::error::Error;

/// What to do without a cluster.
const HELP: &str = "Pass --kubeconfig FILE, or start a cluster with `cargo xtask cluster up`.";

/// Reads the kubeconfig: the file of the flag, `$KUBECONFIG`, or `~/.kube/config`. Inside a Pod,
/// its service account is the last choice.
pub(crate) async fn read_config(args: &ClusterArgs) -> Result<Config, Error> {
    // Without a default provider, the first TLS connection would panic.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = match read_kubeconfig(args).await {
        Ok(config) => config,
        Err(error) => in_cluster(args)
            .ok_or_else(|| Error::NoCluster(describe(&error, args.kubeconfig.is_some())))?,
    };
    // A person at a terminal does not want to wait for the same answer several times.
    config.default_retry = false;
    Ok(config)
}

async fn read_kubeconfig(args: &ClusterArgs) -> Result<Config, KubeconfigError> {
    let kubeconfig = match &args.kubeconfig {
        Some(path) => Kubeconfig::read_from(path)?,
        None => Kubeconfig::read()?,
    };
    let options = KubeConfigOptions { context: args.context.clone(), ..Default::default() };
    Config::from_custom_kubeconfig(kubeconfig, &options).await
}

/// The service account of the Pod, if no flag asks for something else.
fn in_cluster(args: &ClusterArgs) -> Option<Config> {
    if args.kubeconfig.is_some() || args.context.is_some() {
        return None;
    }
    Config::incluster().ok()
}

fn describe(error: &KubeconfigError, from_flag: bool) -> String {
    let (origin, not_in_pod) = match env::var_os("KUBECONFIG") {
        _ if from_flag => (" (from --kubeconfig)", ""),
        Some(value) if !value.is_empty() => (" (from $KUBECONFIG)", ", and this is not a Pod"),
        _ => ("", ", and this is not a Pod"),
    };
    match error {
        KubeconfigError::ReadConfig(source, path) => {
            let path = path.display();
            let problem = match source.kind() {
                ErrorKind::NotFound => "does not exist".to_owned(),
                _ => format!("cannot be read: {source}"),
            };
            format!("{path}{origin} {problem}{not_in_pod}. {HELP}")
        }
        KubeconfigError::LoadContext(name) => format!(
            "the kubeconfig{origin} has no context {name}. \
             `kubectl config get-contexts` lists its contexts."
        ),
        KubeconfigError::CurrentContextNotSet => {
            format!("the kubeconfig{origin} has no current context. Pass --context NAME.")
        }
        other => format!("the kubeconfig{origin} cannot be used: {other}."),
    }
}
