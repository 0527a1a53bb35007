//! Why a command fails.

use std::path::PathBuf;

use operator_api::preview::UnreadablePolicy;

/// Why `preview policy check` fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckError {
    #[error("cannot read {}", .0.display())]
    File(PathBuf, #[source] std::io::Error),
    #[error("{}: {source}", .path.display())]
    Yaml { path: PathBuf, source: kubewright::manifests::yaml::ReadError },
    #[error("{} has no PreviewPolicy", .0.display())]
    NoPolicy(PathBuf),
    #[error("{} has a PreviewPolicy that cannot be read", .path.display())]
    Policy { path: PathBuf, source: kubewright::serde_json::Error },
    #[error("PreviewPolicy {name} cannot be read: {source}")]
    Unreadable { name: String, source: UnreadablePolicy },
    #[error("cannot start: {0}")]
    Start(#[source] std::io::Error),
    #[error("cannot read the {kind} of the cluster; connect as `kubectl get` does")]
    Read { kind: &'static str, source: Box<kube::Error> },
}
