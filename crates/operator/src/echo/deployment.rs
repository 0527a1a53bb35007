//! The Deployment of an `Echo`: its servers.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Probe, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::blueprint::Blueprint;
use super::server::Server;
use crate::security::{self, ImageFiles};
use crate::workload::{self, Pods};

/// The name of the one container.
const CONTAINER: &str = "echo";
/// What is set aside for a server whose resource does not say. Measured: http-echo takes 9 MB of
/// memory, and next to no cpu.
const REQUESTS: [(&str, &str); 2] = [("cpu", "10m"), ("memory", "16Mi")];

/// The Deployment.
pub(super) fn deployment(of: &Blueprint<'_>) -> Deployment {
    // The images may have root as their user; neither server needs it, or writes anything.
    let pods = Pods {
        replicas: of.replicas,
        security: security::of_pod(security::NONROOT),
        container: container(of),
        ..Pods::default()
    };
    workload::deployment(&of.name, &of.labels, pods)
}

fn container(of: &Blueprint<'_>) -> Container {
    let own_image = of.image.is_none();
    let health = || Some(probe(Server::health_path(own_image)));
    Container {
        name: CONTAINER.into(),
        image: Some(of.image.unwrap_or(of.server.image()).to_owned()),
        // Our own choice is known not to change under its tag, or not to matter when it does. For
        // any other image, the default of Kubernetes holds.
        image_pull_policy: own_image.then(|| "IfNotPresent".to_owned()),
        args: of.server.args(),
        ports: Some(vec![workload::container_port(of.server.port())]),
        readiness_probe: health(),
        liveness_probe: health(),
        resources: resources(of.resources),
        security_context: Some(security::of_container(ImageFiles::ReadOnly)),
        ..Container::default()
    }
}

fn probe(path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: workload::port(),
            ..HTTPGetAction::default()
        }),
        ..Probe::default()
    }
}

/// What the resource says, even where it says "nothing" (`{}`); a little where it says not a word.
fn resources(asked: Option<&ResourceRequirements>) -> Option<ResourceRequirements> {
    let Some(asked) = asked else {
        let requests =
            REQUESTS.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())));
        return Some(ResourceRequirements {
            requests: Some(requests.into()),
            ..ResourceRequirements::default()
        });
    };
    workload::stated_resources(asked)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::blueprint;

    fn container_of(of: &Blueprint<'_>) -> Container {
        deployment(of).spec.unwrap().template.spec.unwrap().containers.remove(0)
    }

    #[test]
    fn a_text_runs_http_echo_and_no_text_runs_echo_server() {
        let text = container_of(&Blueprint { server: Server::Text("hi"), ..blueprint("web") });
        assert_eq!(text.image.as_deref(), Some("hashicorp/http-echo:1.0.0"));
        assert_eq!(
            (text.args, text.ports.unwrap()[0].container_port),
            (Some(vec!["-text=hi".to_owned()]), 5678)
        );
        let request = container_of(&blueprint("web"));
        assert_eq!(request.image.as_deref(), Some("inanimate/echo-server:latest"));
        assert_eq!((request.args, request.ports.unwrap()[0].container_port), (None, 8080));
    }

    #[test]
    fn an_image_of_ones_own_runs_in_either_mode_with_the_same_arguments_and_port() {
        for server in [Server::Text("hi"), Server::Request] {
            let (own, other) = (
                container_of(&Blueprint { server, ..blueprint("web") }),
                container_of(&Blueprint {
                    server,
                    image: Some("mirror/echo:2"),
                    ..blueprint("web")
                }),
            );
            assert_eq!(other.image.as_deref(), Some("mirror/echo:2"));
            assert_eq!((&other.args, &other.ports), (&own.args, &own.ports));
        }
    }

    #[test]
    fn only_our_own_images_are_taken_from_the_node_and_asked_for_their_health() {
        let path = |c: &Container| c.readiness_probe.clone().unwrap().http_get.unwrap().path;
        let (own, other) = (
            container_of(&blueprint("web")),
            container_of(&Blueprint { image: Some("mirror/echo:latest"), ..blueprint("web") }),
        );
        assert_eq!(
            (own.image_pull_policy.as_deref(), path(&own).as_deref()),
            (Some("IfNotPresent"), Some("/health"))
        );
        assert_eq!(
            (other.image_pull_policy.as_deref(), path(&other).as_deref()),
            (None, Some("/"))
        );
    }

    #[test]
    fn resources_are_those_of_the_spec_and_otherwise_small_requests() {
        let quantities =
            |amount: &str| Some(BTreeMap::from([("cpu".to_owned(), Quantity(amount.to_owned()))]));
        let asked = ResourceRequirements {
            limits: quantities("1"),
            requests: Some(BTreeMap::new()),
            claims: None,
        };
        let limited =
            ResourceRequirements { limits: quantities("1"), requests: None, claims: None };
        assert_eq!(resources(Some(&asked)), Some(limited));
        assert_eq!(resources(Some(&ResourceRequirements::default())), None);
        let default = resources(None).unwrap();
        assert_eq!((default.requests.unwrap().len(), default.limits), (2, None));
    }
}
