//! The ports of a cluster. kwokctl would look for free ports at each start: two simultaneous starts
//! would choose the same ports, and a stopped cluster would have none.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, TcpListener};

use serde::{Deserialize, Serialize};

use super::component::Component;
use super::error::Error;

/// The ports of one cluster, all on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ports {
    /// etcd's port for clients.
    pub etcd: u16,
    /// etcd's port for peers, which etcd requires.
    pub etcd_peer: u16,
    /// The API server.
    pub kube_apiserver: u16,
    /// The controller manager's metrics.
    pub kube_controller_manager: u16,
    /// The scheduler's metrics.
    pub kube_scheduler: u16,
    /// The port of kwok's metrics and simulated kubelets.
    pub kwok_controller: u16,
}

const COUNT: usize = 6;
/// Above registered services, below node ports (30000) and below the ports of outgoing connections
/// (32768 and up).
const FROM: u16 = 20_000;
const TO: u16 = 30_000;

impl Ports {
    /// Chooses free ports that are not in `taken`.
    ///
    /// The search starts at a port that depends only on `seed`. So a cluster gets the same ports
    /// again, and clusters of different state folders seldom collide.
    pub(super) fn choose(seed: &str, taken: &BTreeSet<u16>) -> Result<Self, Error> {
        Self::choose_where(seed, |port| !taken.contains(&port) && is_free(port))
    }

    fn choose_where(seed: &str, is_free: impl Fn(u16) -> bool) -> Result<Self, Error> {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        let span = u64::from(TO - FROM);
        // Less than `span`, which is less than 65536.
        let start = u16::try_from(hasher.finish() % span).unwrap_or(0);
        let candidates = (FROM + start..TO).chain(FROM..FROM + start);
        let free: Vec<u16> = candidates.filter(|port| is_free(*port)).take(COUNT).collect();
        match free[..] {
            [
                etcd,
                etcd_peer,
                kube_apiserver,
                kube_controller_manager,
                kube_scheduler,
                kwok_controller,
            ] => Ok(Self {
                etcd,
                etcd_peer,
                kube_apiserver,
                kube_controller_manager,
                kube_scheduler,
                kwok_controller,
            }),
            _ => Err(Error::Ports { needed: COUNT, from: FROM, to: TO }),
        }
    }

    /// All ports.
    pub fn to_array(&self) -> [u16; COUNT] {
        [
            self.etcd,
            self.etcd_peer,
            self.kube_apiserver,
            self.kube_controller_manager,
            self.kube_scheduler,
            self.kwok_controller,
        ]
    }

    /// The port of a component.
    pub fn of_component(&self, component: Component) -> u16 {
        match component {
            Component::Etcd => self.etcd,
            Component::KubeApiserver => self.kube_apiserver,
            Component::KubeControllerManager => self.kube_controller_manager,
            Component::KubeScheduler => self.kube_scheduler,
            Component::KwokController => self.kwok_controller,
        }
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_same_cluster_gets_the_same_ports_again() {
        let choose = |seed| Ports::choose_where(seed, |_| true).unwrap();
        assert_eq!(choose("home/a"), choose("home/a"));
        assert_ne!(choose("home/a"), choose("home/b"));
    }

    #[test]
    fn taken_ports_are_skipped() {
        let first = Ports::choose_where("a", |_| true).unwrap();
        let second = Ports::choose_where("a", |port| !first.to_array().contains(&port)).unwrap();
        let distinct: BTreeSet<u16> =
            first.to_array().into_iter().chain(second.to_array()).collect();
        assert_eq!(distinct.len(), 2 * COUNT);
        assert!(distinct.iter().all(|port| (FROM..TO).contains(port)));
    }

    #[test]
    fn a_port_with_a_listener_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        drop(listener);
        assert!(is_free(port));
    }

    #[test]
    fn too_few_free_ports_are_an_error() {
        assert!(matches!(
            Ports::choose_where("a", |port| port < FROM + 5),
            Err(Error::Ports { .. })
        ));
    }
}
