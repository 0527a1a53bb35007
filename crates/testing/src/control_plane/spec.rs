//! What a control plane is to be like. Pure data; bringing it up is [`super::up`]'s business.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::component::Component;
use super::error::Error;
use crate::assets::{Binary, KUBERNETES, Version, Wanted};

/// What a control plane is to be like: `Spec::new("dev").nodes(5)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Spec {
    /// Names the cluster among ours. A DNS label of up to 40 characters.
    pub name: String,
    /// The Kubernetes version. Others than the pinned one must be on this machine: they are not
    /// built.
    pub kubernetes: Version,
    /// How many nodes to pretend there are. Can be changed while the cluster runs.
    pub nodes: u32,
    /// Garbage collection, Deployments, namespaces' content and service accounts need it.
    pub controller_manager: bool,
    /// Without it pods stay Pending.
    pub scheduler: bool,
    /// Without it there are no nodes and pods never run.
    pub kwok: bool,
    /// Flags for components, without the leading dashes, after ours: the last one counts.
    pub extra_args: BTreeMap<Component, Vec<(String, String)>>,
    /// Where etcd keeps its data, for example a folder on a tmpfs; a folder named after the
    /// cluster is made in it. By default it is beside everything else.
    pub etcd_data: Option<PathBuf>,
    /// Whether etcd waits until each write is on the disk. Off by default: the data is not worth
    /// it, and on a slow disk it takes most of the time.
    pub durable: bool,
    /// Makes the cluster anew when it exists with another spec, instead of refusing.
    #[serde(skip)]
    pub replace: bool,
    /// How long to wait for each stage of the start.
    #[serde(skip, default = "default_timeout")]
    pub timeout: Duration,
}

/// Starting takes 4 s on two cores, and a multiple of it on a machine that is busy compiling.
const fn default_timeout() -> Duration {
    Duration::from_mins(2)
}

/// A name becomes a folder and a kubeconfig context, both with something around it.
const LONGEST_NAME: usize = 40;
/// Each fake node has a pod range of its own; this many fit.
pub(super) const MOST_NODES: u32 = 2048;

impl Spec {
    /// Everything on, one node.
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

    /// Only etcd and the API server: nothing reacts to objects but what is being tested.
    #[must_use]
    pub fn api_only(mut self) -> Self {
        (self.controller_manager, self.scheduler, self.kwok, self.nodes) = (false, false, false, 0);
        self
    }

    /// Adds a flag for a component: `("kube-apiserver's flag", "value")`, without the leading
    /// dashes.
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

    /// Makes the cluster anew when it exists with another spec.
    #[must_use]
    pub fn replace(mut self, replace: bool) -> Self {
        self.replace = replace;
        self
    }

    /// The processes that are to run.
    pub fn components(&self) -> Vec<Component> {
        let on = |component: &Component| match component {
            Component::Etcd | Component::KubeApiserver => true,
            Component::KubeControllerManager => self.controller_manager,
            Component::KubeScheduler => self.scheduler,
            Component::KwokController => self.kwok,
        };
        Component::ALL.into_iter().filter(on).collect()
    }

    /// The binaries that bringing it up takes.
    pub fn wanted(&self) -> Wanted {
        let mut binaries: Vec<Binary> =
            self.components().into_iter().map(Component::binary).collect();
        binaries.extend([Binary::Kubectl, Binary::Kwokctl]);
        Wanted { kubernetes: self.kubernetes, binaries }
    }

    /// What keeps a cluster that was made for `self` from serving for `other`; nothing if it can.
    /// The number of nodes can be changed.
    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let differences = [
            ("Kubernetes version", self.kubernetes != other.kubernetes),
            ("controller manager", self.controller_manager != other.controller_manager),
            ("scheduler", self.scheduler != other.scheduler),
            ("kwok", self.kwok != other.kwok),
            ("flags of components", self.extra_args != other.extra_args),
            ("place of etcd's data", self.etcd_data != other.etcd_data),
            ("durability", self.durable != other.durable),
        ];
        differences.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect()
    }

    /// Refuses what cannot work, before anything is touched.
    pub(super) fn validate(&self) -> Result<(), Error> {
        validate_name(&self.name)?;
        if self.nodes > 0 && !self.kwok {
            return Err(Error::NodesWithoutKwok { nodes: self.nodes });
        }
        if self.nodes > MOST_NODES {
            return Err(Error::TooManyNodes { nodes: self.nodes, most: MOST_NODES });
        }
        Ok(())
    }
}

/// A name is a folder's name too, so nothing that could lead out of our folder gets past here.
pub(super) fn validate_name(name: &str) -> Result<(), Error> {
    let in_the_middle = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name.chars().all(in_the_middle)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if fits { Ok(()) } else { Err(Error::Name { name: name.to_owned(), longest: LONGEST_NAME }) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_dns_labels_are_refused() {
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
    fn only_the_binaries_of_what_runs_are_wanted() {
        let wanted = Spec::new("a").api_only().wanted().binaries;
        assert_eq!(wanted, [Binary::Etcd, Binary::KubeApiserver, Binary::Kubectl, Binary::Kwokctl]);
        assert_eq!(Spec::new("a").wanted().binaries.len(), Binary::ALL.len());
    }

    #[test]
    fn another_number_of_nodes_is_served_by_the_same_cluster_and_another_flag_is_not() {
        let spec = Spec::new("a");
        assert!(spec.differences(&spec.clone().nodes(9).replace(true)).is_empty());
        let other = spec.clone().arg(Component::KubeApiserver, "v", "4");
        assert_eq!(spec.differences(&other), ["flags of components"]);
        let other =
            Spec { kubernetes: Version::new(1, 35, 0), durable: true, ..spec.clone().api_only() };
        assert_eq!(spec.differences(&other).len(), 5);
    }
}
