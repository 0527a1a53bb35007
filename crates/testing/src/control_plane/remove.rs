//! Removes a cluster, also one that is damaged.

use super::error::Error;
use super::state::State;
use super::{kubeconfig, kwokctl, processes};
use crate::assets::Binary;
use crate::home::{Home, remove_folder};

/// Removes the cluster from exported kubeconfigs. A file that cannot be changed does not prevent
/// the removal.
pub(super) fn kubeconfig_entries(home: &Home, name: &str) {
    let Ok(Some(state)) = State::load(home, name) else { return };
    let Some(kubectl) = state.assets.path(Binary::Kubectl) else { return };
    for target in &state.exported {
        if let Err(error) = kubeconfig::remove_entry(kubectl, target, name) {
            tracing::warn!(%error, file = %target.display(), "cannot remove a kubeconfig entry");
        }
    }
}

/// Ends all processes of a cluster and removes its files.
pub(super) fn files(home: &Home, name: &str) -> Result<(), Error> {
    processes::kill(home, name)?;
    let state = State::load(home, name).ok().flatten();
    if let Some(folder) = state.and_then(|state| kwokctl::etcd_folder(&state.spec)) {
        remove_folder(&folder)?;
    }
    remove_folder(&home.kwok_cluster(name))?;
    Ok(remove_folder(&home.cluster(name))?)
}
