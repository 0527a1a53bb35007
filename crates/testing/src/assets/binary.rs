//! The binaries of a control plane, and the versions that this crate pins.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::version::Version;

/// One of the programs of the local control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binary {
    /// The store of the API server.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// Garbage collection, namespaces, Deployments, service accounts.
    KubeControllerManager,
    /// Assigns pods to nodes.
    KubeScheduler,
    /// The command line client. It also checks that the API server is ready.
    Kubectl,
    /// Simulates kubelets: nodes become ready, and pods become running in the API.
    Kwok,
    /// Creates and starts all other binaries.
    Kwokctl,
}

/// A group of binaries with one source tree, one version and one set of Go modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Project {
    /// etcd-io/etcd.
    Etcd,
    /// kubernetes-sigs/kwok.
    Kwok,
    /// kubernetes/kubernetes.
    Kubernetes,
}

impl Binary {
    /// Every binary.
    pub const ALL: [Self; 7] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::Kubectl,
        Self::Kwok,
        Self::Kwokctl,
    ];

    /// The name of the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::Kubectl => "kubectl",
            Self::Kwok => "kwok",
            Self::Kwokctl => "kwokctl",
        }
    }

    /// The project whose source tree contains the binary.
    pub const fn project(self) -> Project {
        match self {
            Self::Etcd => Project::Etcd,
            Self::Kwok | Self::Kwokctl => Project::Kwok,
            _ => Project::Kubernetes,
        }
    }

    /// The arguments that print the version.
    pub(crate) const fn version_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Kubectl => &["version", "--client"],
            _ => &["--version"],
        }
    }

    /// Whether a binary of version `found` works where `wanted` is pinned.
    ///
    /// All parts of a control plane need the same minor version. kubectl may differ by one minor
    /// version (the Kubernetes version skew policy). Every etcd since 3.5 works with current API
    /// servers.
    pub fn accepts(self, found: Version, wanted: Version) -> bool {
        match self {
            Self::Etcd => found >= OLDEST_ETCD,
            Self::Kubectl => found.within_minors(wanted, 1),
            _ => found.same_minor(wanted),
        }
    }

    /// The versions that [`accepts`](Self::accepts) allows, for messages.
    pub(crate) fn requirement(self, wanted: Version) -> String {
        match self {
            Self::Etcd => format!("{OLDEST_ETCD} or newer"),
            Self::Kubectl => {
                format!("v{}.{} plus or minus one minor version", wanted.major, wanted.minor)
            }
            _ => format!("v{}.{}", wanted.major, wanted.minor),
        }
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Project {
    /// The prefix of the project's folder in the cache.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Kwok => "kwok",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// The version that this crate can build.
    pub const fn pinned(self) -> Version {
        match self {
            Self::Etcd => ETCD,
            Self::Kwok => KWOK,
            Self::Kubernetes => KUBERNETES,
        }
    }
}

/// The Kubernetes version of the local control plane.
pub const KUBERNETES: Version = Version::new(1, 36, 3);
/// The etcd version of the local control plane.
pub const ETCD: Version = Version::new(3, 7, 3);
/// The version of kwok and kwokctl. `control_plane::kwokctl` writes the configuration format of
/// this version.
pub const KWOK: Version = Version::new(0, 8, 0);
/// etcd before 3.5 is no longer maintained.
const OLDEST_ETCD: Version = Version::new(3, 5, 0);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_control_plane_binary_of_another_minor_version_is_rejected() {
        assert!(Binary::KubeScheduler.accepts(Version::new(1, 36, 0), KUBERNETES));
        assert!(!Binary::KubeScheduler.accepts(Version::new(1, 35, 3), KUBERNETES));
    }

    #[test]
    fn etcd_is_accepted_since_version_3_5() {
        assert!(Binary::Etcd.accepts(Version::new(3, 5, 0), ETCD));
        assert!(!Binary::Etcd.accepts(Version::new(3, 4, 30), ETCD));
    }

    #[test]
    fn the_go_modules_build_the_pinned_versions() {
        let modules = [
            (include_str!("../../go/kubernetes/go.mod"), "k8s.io/kubernetes", KUBERNETES),
            (include_str!("../../go/etcd/go.mod"), "go.etcd.io/etcd/server/v3", ETCD),
            (include_str!("../../go/kwok/go.mod"), "sigs.k8s.io/kwok", KWOK),
        ];
        for (file, module, version) in modules {
            let line = format!("{module} {version}");
            assert!(file.lines().any(|l| l.contains(&line)), "no `{line}` in its go.mod");
        }
    }
}
