//! The binaries that a control plane is made of, and the versions of them that are pinned here.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::version::Version;

/// One of the programs of the local control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binary {
    /// The store.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// Garbage collection, namespaces, Deployments, service accounts.
    KubeControllerManager,
    /// Assigns pods to nodes.
    KubeScheduler,
    /// The command line client; the control plane's readiness is asked for with it.
    Kubectl,
    /// Plays the kubelets: nodes get ready and pods run as far as the API shows.
    Kwok,
    /// Creates and starts all of the above.
    Kwokctl,
}

/// Binaries that come from one source tree, have one version and are built from one set of Go
/// modules.
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
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::Kubectl,
        Self::Kwok,
        Self::Kwokctl,
    ];

    /// The file's name.
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

    /// Where its source lives.
    pub const fn project(self) -> Project {
        match self {
            Self::Etcd => Project::Etcd,
            Self::Kwok | Self::Kwokctl => Project::Kwok,
            _ => Project::Kubernetes,
        }
    }

    /// The arguments that make it print its version.
    pub(crate) const fn version_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Kubectl => &["version", "--client"],
            _ => &["--version"],
        }
    }

    /// Whether a binary of version `found` can stand in where `wanted` is pinned.
    ///
    /// The parts of one control plane have the same minor version; kubectl may be one away from the
    /// API server (the Kubernetes version skew policy), and any etcd from 3.5 on serves an API
    /// server of today.
    pub fn accepts(self, found: Version, wanted: Version) -> bool {
        match self {
            Self::Etcd => found >= OLDEST_ETCD,
            Self::Kubectl => found.within_minors(wanted, 1),
            _ => found.same_minor(wanted),
        }
    }

    /// What [`accepts`](Self::accepts) asks for, for messages.
    pub(crate) fn requirement(self, wanted: Version) -> String {
        match self {
            Self::Etcd => format!("{OLDEST_ETCD} or newer"),
            Self::Kubectl => format!("v{}.{} give or take one", wanted.major, wanted.minor),
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
    /// The name that its folder in the cache begins with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Kwok => "kwok",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// The version that this crate pins: the one that it can build.
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
/// The etcd version that is built for it.
pub const ETCD: Version = Version::new(3, 7, 3);
/// The version of kwok and kwokctl. Its configuration format is what `control_plane::kwokctl`
/// writes.
pub const KWOK: Version = Version::new(0, 8, 0);
/// etcd before 3.5 is no longer maintained.
const OLDEST_ETCD: Version = Version::new(3, 5, 0);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_control_plane_part_of_another_minor_version_does_not_fit() {
        assert!(Binary::KubeScheduler.accepts(Version::new(1, 36, 0), KUBERNETES));
        assert!(!Binary::KubeScheduler.accepts(Version::new(1, 35, 3), KUBERNETES));
    }

    #[test]
    fn etcd_fits_from_3_5_on() {
        assert!(Binary::Etcd.accepts(Version::new(3, 5, 0), ETCD));
        assert!(!Binary::Etcd.accepts(Version::new(3, 4, 30), ETCD));
    }

    #[test]
    fn the_pinned_versions_are_the_ones_that_the_go_modules_build() {
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
