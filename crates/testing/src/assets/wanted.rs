//! Which binaries, in which version, a control plane needs.

use super::binary::{Binary, KUBERNETES, Project};
use super::version::Version;

/// What a control plane needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The Kubernetes version; etcd and kwok come in the versions that are pinned here.
    pub kubernetes: Version,
    /// Which binaries.
    pub binaries: Vec<Binary>,
}

impl Default for Wanted {
    /// All binaries, in the pinned version.
    fn default() -> Self {
        Self { kubernetes: KUBERNETES, binaries: Binary::ALL.to_vec() }
    }
}

impl Wanted {
    /// The version of `binary` that is wanted.
    pub fn version(&self, binary: Binary) -> Version {
        match binary.project() {
            Project::Kubernetes => self.kubernetes,
            other => other.pinned(),
        }
    }
}
