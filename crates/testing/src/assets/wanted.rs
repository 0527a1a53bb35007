//! The binaries and versions that a control plane needs.

use super::binary::{Binary, KUBERNETES, Project};
use super::version::Version;

/// The binaries that a control plane needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The Kubernetes version. This crate pins the versions of etcd and kwok.
    pub kubernetes: Version,
    /// The binaries.
    pub binaries: Vec<Binary>,
}

impl Default for Wanted {
    /// All binaries in the pinned version.
    fn default() -> Self {
        Self { kubernetes: KUBERNETES, binaries: Binary::ALL.to_vec() }
    }
}

impl Wanted {
    /// The wanted version of `binary`.
    pub fn version(&self, binary: Binary) -> Version {
        match binary.project() {
            Project::Kubernetes => self.kubernetes,
            other => other.pinned(),
        }
    }
}
