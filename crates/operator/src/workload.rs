//! A Deployment with one kind of pod, and its port. Each operator chooses the image and how it
//! starts.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, PodSecurityContext, ResourceRequirements, Service};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kubewright::builders;
use kubewright::labels::Labels;

/// The name of the one port of every container. Services and probes refer to it.
pub(crate) const PORT_NAME: &str = "http";

/// A reference to the one port of a container.
pub(crate) fn port() -> IntOrString {
    IntOrString::String(PORT_NAME.into())
}

/// A Deployment of pods with one container.
///
/// The pods get no token for the API server, and no environment variables for the Services of the
/// namespace: the programs need neither.
pub(crate) fn deployment(
    name: &str,
    labels: &Labels,
    replicas: i32,
    security: PodSecurityContext,
    container: Container,
) -> Deployment {
    let mut deployment = builders::deployment(name, labels.clone(), replicas, container);
    let template = &mut deployment.spec.get_or_insert_default().template;
    let pod = template.spec.get_or_insert_default();
    pod.automount_service_account_token = Some(false);
    pod.enable_service_links = Some(false);
    pod.security_context = Some(security);
    deployment
}

/// A Service of this type, whose port with this number leads to the one port of the pods.
pub(crate) fn service(
    name: &str,
    deployment: &Deployment,
    type_: &str,
    port: i32,
    node_port: Option<i32>,
) -> Service {
    let mut service = builders::service(name, deployment);
    let spec = service.spec.get_or_insert_default();
    spec.type_ = Some(type_.to_owned());
    for service_port in spec.ports.iter_mut().flatten() {
        (service_port.port, service_port.node_port) = (port, node_port);
    }
    service
}

/// The cpu and memory of a spec without empty maps. To own an empty map would remove what other
/// field managers write into it.
pub(crate) fn resources(spec: &ResourceRequirements) -> Option<ResourceRequirements> {
    let filled = |map: &Option<BTreeMap<String, Quantity>>| map.clone().filter(|m| !m.is_empty());
    let resources = ResourceRequirements {
        limits: filled(&spec.limits),
        requests: filled(&spec.requests),
        claims: None,
    };
    (resources != ResourceRequirements::default()).then_some(resources)
}

/// Metadata with a name; the framework adds the rest.
pub(crate) fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

#[cfg(test)]
mod tests {
    use kubewright::builders::ContainerExt as _;

    use super::*;

    fn web(labels: &Labels) -> Deployment {
        let container = builders::container("app", "app:1").with_port(PORT_NAME, 3000);
        deployment("web", labels, 2, PodSecurityContext::default(), container)
    }

    #[test]
    fn a_deployment_selects_its_own_pods_and_gives_them_no_token() {
        let labels = Labels::from([("a".into(), "b".into())]);
        let spec = web(&labels).spec.unwrap_or_default();
        assert_eq!(spec.selector.match_labels.as_ref(), Some(&labels));
        assert_eq!(spec.template.metadata.and_then(|m| m.labels), Some(labels));
        let pod = spec.template.spec.unwrap_or_default();
        assert_eq!(
            (pod.automount_service_account_token, pod.enable_service_links),
            (Some(false), Some(false))
        );
    }

    #[test]
    fn a_service_leads_to_the_named_port_of_the_pods() {
        let labels = Labels::from([("a".into(), "b".into())]);
        let service = service("web", &web(&labels), "NodePort", 8080, Some(30_080));
        let spec = service.spec.unwrap_or_default();
        assert_eq!((spec.type_.as_deref(), spec.selector), (Some("NodePort"), Some(labels)));
        let ports = spec.ports.unwrap_or_default();
        assert_eq!((ports[0].port, ports[0].node_port), (8080, Some(30_080)));
        assert_eq!((ports[0].target_port.clone(), ports.len()), (Some(port()), 1));
    }
}
