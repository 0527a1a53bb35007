//! The processes of a control plane.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::assets::Binary;

/// A process of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// The store of the API server.
    Etcd,
    /// The API server.
    KubeApiserver,
    /// Garbage collection and the other built-in controllers.
    KubeControllerManager,
    /// Assigns pods to nodes.
    KubeScheduler,
    /// Simulates kubelets: nodes become ready, and pods become running in the API.
    KwokController,
}

impl Component {
    /// All components in the order of their start.
    pub const ALL: [Self; 5] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::KubeScheduler,
        Self::KwokController,
    ];

    /// kwokctl's name of the component; also the name of its process, pid file and log file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::KubeScheduler => "kube-scheduler",
            Self::KwokController => "kwok-controller",
        }
    }

    /// The binary of the component.
    pub const fn binary(self) -> Binary {
        match self {
            Self::Etcd => Binary::Etcd,
            Self::KubeApiserver => Binary::KubeApiserver,
            Self::KubeControllerManager => Binary::KubeControllerManager,
            Self::KubeScheduler => Binary::KubeScheduler,
            Self::KwokController => Binary::Kwok,
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
