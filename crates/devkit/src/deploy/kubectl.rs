//! Provides kubectl for machines without a suitable one.

use kubewright_testing::assets::{Assets, Binary, Environment, KUBERNETES, Wanted};
use kubewright_testing::progress;

use crate::cluster::{self, ClusterError};

/// The kubectl of the local control plane, downloaded or built if it is missing.
pub(super) fn provide() -> Result<String, ClusterError> {
    let wanted = Wanted { kubernetes: KUBERNETES, binaries: vec![Binary::Kubectl] };
    let home = cluster::home()?;
    let assets =
        Assets::locate(&Environment::from_process(), &home, &wanted, progress::detect().as_ref());
    Ok(assets?
        .path(Binary::Kubectl)
        .map_or_else(|| "kubectl".to_owned(), |path| path.to_string_lossy().into_owned()))
}
