//! The Deployment of an `Echo`.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kubewright::builders::{self, ContainerExt as _};

use super::blueprint::Blueprint;
use crate::{security, workload};

const CONTAINER: &str = "echo";
/// The health path of both servers. Requests to `/` would appear in their logs.
const HEALTH_PATH: &str = "/health";
/// The health path of an image of the spec, which may not have [`HEALTH_PATH`]. Every echo server
/// answers at `/`.
const ANY_PATH: &str = "/";
/// The requests of a server whose spec has none. http-echo was measured to use 9 MB of memory and
/// almost no cpu.
const REQUESTS: [(&str, &str); 2] = [("cpu", "10m"), ("memory", "16Mi")];

/// The Deployment. Neither server needs root or writes files, although an image may run as root.
pub(super) fn deployment(blueprint: &Blueprint<'_>) -> Deployment {
    workload::deployment(
        &blueprint.name,
        &blueprint.labels,
        blueprint.replicas,
        security::pod(security::NONROOT),
        container(blueprint),
    )
}

fn container(blueprint: &Blueprint<'_>) -> Container {
    let (server, has_own_image) = (blueprint.server, blueprint.image.is_none());
    let path = if has_own_image { HEALTH_PATH } else { ANY_PATH };
    Container {
        // The operator's own images do not change under their tags, or a change does not matter.
        image_pull_policy: has_own_image.then(|| "IfNotPresent".to_owned()),
        args: server.args(),
        resources: resources(blueprint.resources),
        security_context: Some(security::container(true)),
        ..builders::container(CONTAINER, blueprint.image.unwrap_or(server.image()))
            .with_port(workload::PORT_NAME, server.port())
            .with_http_probe(workload::PORT_NAME, path)
    }
}

/// The resources of the spec, also if they are empty (`{}`); small requests if the spec has none.
fn resources(spec: Option<&ResourceRequirements>) -> Option<ResourceRequirements> {
    let Some(spec) = spec else {
        let requests =
            REQUESTS.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())));
        return Some(ResourceRequirements {
            requests: Some(requests.into()),
            ..ResourceRequirements::default()
        });
    };
    workload::resources(spec)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::echo::blueprint::tests::blueprint;
    use crate::echo::server::Server;

    fn container_of(blueprint: &Blueprint<'_>) -> Container {
        deployment(blueprint).spec.unwrap().template.spec.unwrap().containers.remove(0)
    }

    #[test]
    fn an_echo_with_a_text_runs_http_echo_and_one_without_runs_echo_server() {
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
    fn an_image_of_the_spec_gets_the_same_arguments_and_port() {
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
    fn only_the_own_images_have_a_pull_policy_and_a_health_path() {
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
    fn resources_are_those_of_the_spec_or_else_small_requests() {
        let quantities =
            |amount: &str| Some(BTreeMap::from([("cpu".to_owned(), Quantity(amount.to_owned()))]));
        let spec = ResourceRequirements {
            limits: quantities("1"),
            requests: Some(BTreeMap::new()),
            claims: None,
        };
        let limited =
            ResourceRequirements { limits: quantities("1"), requests: None, claims: None };
        assert_eq!(resources(Some(&spec)), Some(limited));
        assert_eq!(resources(Some(&ResourceRequirements::default())), None);
        let default = resources(None).unwrap();
        assert_eq!((default.requests.unwrap().len(), default.limits), (2, None));
    }
}
