//! The state file of a cluster (`clusters/NAME/state.json`), with which another process continues.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::ports::Ports;
use super::spec::Spec;
use crate::assets::Assets;
use crate::home::{Home, HomeError, write_private};

/// The progress of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Phase {
    /// Its creation has begun. If no process holds the lock, it was interrupted, and the files are
    /// removed.
    Creating,
    /// The cluster was ready once, so that its data is kept.
    Created,
}

/// Everything about a cluster that its processes do not show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) spec: Spec,
    pub(super) ports: Ports,
    pub(super) assets: Assets,
    /// Kubeconfigs of the user that contain the cluster.
    pub(super) exported: BTreeSet<PathBuf>,
}

impl State {
    /// Reads the state of `name`; `None` if the cluster does not exist.
    pub(super) fn load(home: &Home, name: &str) -> Result<Option<Self>, Error> {
        let path = path(home, name);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(HomeError::at(&path))?,
        };
        let state = serde_json::from_slice(&text)
            .map_err(|error| Error::State { path, detail: error.to_string() })?;
        Ok(Some(state))
    }

    /// Writes the state.
    pub(super) fn save(&self, home: &Home) -> Result<(), Error> {
        let path = path(home, &self.spec.name);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Error::State { path: path.clone(), detail: error.to_string() })?;
        Ok(write_private(&path, &text)?)
    }
}

/// The names of all clusters, also of unfinished ones.
pub(super) fn names(home: &Home) -> Vec<String> {
    let folders = fs::read_dir(home.clusters()).into_iter().flatten().flatten();
    let mut names: Vec<String> = folders
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// The ports of all clusters except `except`.
pub(super) fn taken_ports(home: &Home, except: &str) -> BTreeSet<u16> {
    names(home)
        .iter()
        .filter(|name| *name != except)
        // A cluster without a valid state file uses its ports only while it runs, and then they are
        // not free.
        .filter_map(|name| State::load(home, name).ok().flatten())
        .flat_map(|state| state.ports.to_array())
        .collect()
}

fn path(home: &Home, name: &str) -> PathBuf {
    home.cluster(name).join("state.json")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn state(name: &str) -> State {
        State {
            phase: Phase::Created,
            spec: Spec::new(name),
            ports: Ports::choose(name, &BTreeSet::new()).unwrap(),
            assets: Assets::default(),
            exported: BTreeSet::from([PathBuf::from("/home/me/.kube/config")]),
        }
    }

    #[test]
    fn a_written_state_is_read_back_unchanged() {
        let scratch = Scratch::new();
        let home = Home::at(scratch.path()).unwrap();
        assert_eq!(State::load(&home, "a").unwrap(), None);
        let state = state("a");
        state.save(&home).unwrap();
        assert_eq!(State::load(&home, "a").unwrap(), Some(state));
        assert_eq!(names(&home), ["a"]);
    }

    #[test]
    fn ports_of_stopped_clusters_are_taken() {
        let scratch = Scratch::new();
        let home = Home::at(scratch.path()).unwrap();
        let state = state("a");
        state.save(&home).unwrap();
        assert_eq!(taken_ports(&home, "b"), BTreeSet::from(state.ports.to_array()));
        assert!(taken_ports(&home, "a").is_empty());
    }

    #[test]
    fn the_error_for_an_invalid_state_file_names_the_remedy() {
        let scratch = Scratch::new();
        let home = Home::at(scratch.path()).unwrap();
        write_private(&path(&home, "a"), b"{}").unwrap();
        let text = State::load(&home, "a").unwrap_err().to_string();
        assert!(text.contains("remove the cluster"), "{text}");
    }
}
