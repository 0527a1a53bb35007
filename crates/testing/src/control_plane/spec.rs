//! The settings of a control plane.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::component::Component;
use super::error::Error;
use crate::assets::{Binary, KUBERNETES, Version, Wanted};

/// The settings of a control plane: `Spec::new("dev").nodes(5)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is independent")]
pub struct Spec {
    /// The name of the cluster: a DNS label of up to 40 characters.
    pub name: String,
    /// The Kubernetes version. Binaries of a version that is not pinned must be on this machine.
    pub kubernetes: Version,
    /// The number of simulated nodes. It can change while the cluster runs.
    pub nodes: u32,
    /// Whether the controller manager runs: garbage collection, Deployments, namespace deletion,
    /// service accounts.
    pub controller_manager: bool,
    /// Whether the scheduler runs. Without it pods stay pending.
    pub scheduler: bool,
    /// Whether kwok runs. Without it there are no nodes, and pods never run.
    pub kwok: bool,
    /// Additional flags of components, without leading dashes. The last value of a flag wins.
    pub extra_args: BTreeMap<Component, Vec<(String, String)>>,
    /// The parent of the folder of etcd's data, for example a tmpfs. Default: the state folder.
    pub etcd_data: Option<PathBuf>,
    /// Whether etcd waits until each write is on the disk. Off by default, because the wait takes
    /// most of the time on a slow disk.
    pub durable: bool,
    /// Whether an existing cluster with another spec is replaced.
    #[serde(skip)]
    pub replace: bool,
    /// The time limit of each stage of the start.
    #[serde(skip, default = "default_timeout")]
    pub timeout: Duration,
}

/// A start takes 4 s on two cores, and several times that on a busy machine.
const fn default_timeout() -> Duration {
    Duration::from_mins(2)
}

/// The name is part of a folder and of a kubeconfig context.
const MAX_NAME_LENGTH: usize = 40;
/// Each simulated node has its own pod range; the address space has this many.
pub(super) const MAX_NODES: u32 = 2048;

impl Spec {
    /// All components, one node.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kubernetes: KUBERNETES,
            nodes: 1,
            controller_manager: true,
            scheduler: true,
            kwok: true,
            extra_args: BTreeMap::new(),
            etcd_data: None,
            durable: false,
            replace: false,
            timeout: default_timeout(),
        }
    }

    /// Sets the number of nodes.
    #[must_use]
    pub fn nodes(mut self, nodes: u32) -> Self {
        self.nodes = nodes;
        self
    }

    /// Only etcd and the API server: no controller reacts to objects.
    #[must_use]
    pub fn api_only(mut self) -> Self {
        (self.controller_manager, self.scheduler, self.kwok, self.nodes) = (false, false, false, 0);
        self
    }

    /// Adds a flag of a component, without leading dashes.
    #[must_use]
    pub fn arg(
        mut self,
        component: Component,
        flag: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.extra_args.entry(component).or_default().push((flag.into(), value.into()));
        self
    }

    /// Sets whether an existing cluster with another spec is replaced.
    #[must_use]
    pub fn replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }

    /// The components that run.
    pub fn components(&self) -> Vec<Component> {
        let on = |component: &Component| match component {
            Component::Etcd | Component::KubeApiserver => true,
            Component::KubeControllerManager => self.controller_manager,
            Component::KubeScheduler => self.scheduler,
            Component::KwokController => self.kwok,
        };
        Component::ALL.into_iter().filter(on).collect()
    }

    /// The binaries that the cluster needs.
    pub fn wanted(&self) -> Wanted {
        let mut binaries: Vec<Binary> =
            self.components().into_iter().map(Component::binary).collect();
        binaries.extend([Binary::Kubectl, Binary::Kwokctl]);
        Wanted { kubernetes: self.kubernetes, binaries }
    }

    /// The settings in which `self` differs from `other`, except those that can change in place.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let differences = [
            ("Kubernetes version", self.kubernetes != other.kubernetes),
            ("controller manager", self.controller_manager != other.controller_manager),
            ("scheduler", self.scheduler != other.scheduler),
            ("kwok", self.kwok != other.kwok),
            ("flags of components", self.extra_args != other.extra_args),
            ("folder of etcd's data", self.etcd_data != other.etcd_data),
            ("durability", self.durable != other.durable),
        ];
        differences.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
    }

    /// Validates the settings before anything changes.
    pub(super) fn validate(&self) -> Result<(), Error> {
        validate_name(&self.name)?;
        if self.nodes > 0 && !self.kwok {
            return Err(Error::NodesWithoutKwok { nodes: self.nodes });
        }
        if self.nodes > MAX_NODES {
            return Err(Error::TooManyNodes { nodes: self.nodes, max: MAX_NODES });
        }
        Ok(())
    }
}

/// The name is also the name of a folder, so it must not contain a path.
pub(super) fn validate_name(name: &str) -> Result<(), Error> {
    let in_the_middle = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = (1..=MAX_NAME_LENGTH).contains(&name.len())
        && name.chars().all(in_the_middle)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if fits { Ok(()) } else { Err(Error::Name { name: name.to_owned(), max: MAX_NAME_LENGTH }) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_dns_labels_are_rejected() {
        for name in ["", "-a", "a-", "A", "a_b", "../x", "a/b", "a.b", &"x".repeat(41)] {
            assert!(matches!(Spec::new(name).validate(), Err(Error::Name { .. })), "{name}");
        }
        for name in ["a", "dev", "pr-7", &"x".repeat(40)] {
            Spec::new(name).validate().unwrap();
        }
    }

    #[test]
    fn nodes_need_kwok() {
        let spec = Spec { kwok: false, ..Spec::new("a").nodes(2) };
        assert!(matches!(spec.validate(), Err(Error::NodesWithoutKwok { nodes: 2 })));
        Spec::new("a").api_only().validate().unwrap();
    }

    #[test]
    fn only_the_binaries_of_enabled_components_are_wanted() {
        let wanted = Spec::new("a").api_only().wanted().binaries;
        assert_eq!(wanted, [Binary::Etcd, Binary::KubeApiserver, Binary::Kubectl, Binary::Kwokctl]);
        assert_eq!(Spec::new("a").wanted().binaries.len(), Binary::ALL.len());
    }

    #[test]
    fn the_number_of_nodes_can_change_in_place_and_a_flag_cannot() {
        let spec = Spec::new("a");
        assert!(spec.differences(&spec.clone().nodes(9).replace(true)).is_empty());
        let other = spec.clone().arg(Component::KubeApiserver, "v", "4");
        assert_eq!(spec.differences(&other), ["flags of components"]);
        let other =
            Spec { kubernetes: Version::new(1, 35, 0), durable: true, ..spec.clone().api_only() };
        assert_eq!(spec.differences(&other).len(), 5);
    }
}
