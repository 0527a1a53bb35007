//! The objects of an `Echo` of either group.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kubewright::{Children, ConditionType, Invalid, Operator};
use operator_api::echo::{EchoService, ServiceType};

use super::blueprint::{Blueprint, Owns};
use super::server::Server;
use super::{deployment, text};
use crate::{naming, workload};

/// Reasons of `Ready` for an Echo that is rejected.
pub(super) const CONDITIONS: &[ConditionType] = &[
    naming::NAME_REASONS,
    ConditionType::ready(&[(
        "NodePortWithoutType",
        "`spec.service.nodePort` is set, but the type of the Service has no node port",
    )]),
    text::TEXT_REASONS,
];

/// The objects.
///
/// # Errors
/// [`Invalid`] for an Echo that no cluster can run, although a schema accepts it.
pub(super) fn children<O: Operator<Owns = Owns>>(
    blueprint: &Blueprint<'_>,
) -> Result<Children<O>, Invalid> {
    naming::check_service_name(blueprint.resource, &blueprint.name)?;
    check_service(&blueprint.service)?;
    if let Server::Text(text) = blueprint.server {
        text::check(text)?;
    }
    let deployment = deployment::deployment(blueprint);
    let service = service(blueprint, &deployment);
    Ok(Children::new().with(deployment).with(service))
}

/// The Service. Without a node port of the spec, the cluster chooses one and keeps it.
fn service(blueprint: &Blueprint<'_>, deployment: &Deployment) -> Service {
    let spec = &blueprint.service;
    let (type_, port) = (spec.service_type().as_str(), spec.port());
    workload::service(&blueprint.name, deployment, type_, port, spec.node_port)
}

/// The schema has this rule, too; this check covers older resources, and `render`.
fn check_service(service: &EchoService) -> Result<(), Invalid> {
    match service.node_port {
        Some(port) if service.service_type() == ServiceType::ClusterIp => Err(Invalid::new(
            "NodePortWithoutType",
            format!(
                "spec.service.nodePort is {port}, but a Service of type ClusterIP has no node \
                 port: write spec.service.type: NodePort, or leave nodePort out"
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::echo::EchoOperator;
    use crate::echo::blueprint::tests::blueprint;

    fn reason(blueprint: &Blueprint<'_>) -> Option<&'static str> {
        let children: Result<Children<EchoOperator>, Invalid> = children(blueprint);
        children.err().map(|invalid| invalid.reason())
    }

    #[test]
    fn a_name_that_no_service_can_have_is_rejected() {
        assert_eq!(reason(&blueprint("1-web")), Some("NameNotUsable"));
    }

    #[test]
    fn a_node_port_needs_a_service_type_that_has_one() {
        let port = |type_| EchoService { type_, port: None, node_port: Some(30_080) };
        let reason_with = |type_| reason(&Blueprint { service: port(type_), ..blueprint("web") });
        assert_eq!(reason_with(None), Some("NodePortWithoutType"));
        assert_eq!(reason_with(Some(ServiceType::ClusterIp)), Some("NodePortWithoutType"));
        assert_eq!(reason_with(Some(ServiceType::NodePort)), None);
        assert_eq!(reason_with(Some(ServiceType::LoadBalancer)), None);
    }

    #[test]
    fn a_text_that_cannot_be_served_is_rejected() {
        let reason_with =
            |text| reason(&Blueprint { server: Server::Text(text), ..blueprint("web") });
        assert_eq!((reason_with(""), reason_with("a")), (Some("TextNotUsable"), None));
    }

    #[test]
    fn a_service_leads_to_the_pods_of_its_own_echo() {
        let blueprint = blueprint("web");
        let spec = service(&blueprint, &deployment::deployment(&blueprint)).spec.unwrap();
        assert_eq!(spec.selector.as_ref(), Some(&blueprint.labels));
        let port = &spec.ports.unwrap()[0];
        assert_eq!(
            (port.port, port.target_port.as_ref(), port.node_port),
            (80, Some(&workload::port()), None)
        );
    }

    #[test]
    fn type_port_and_node_port_of_the_service_are_those_of_the_spec() {
        let service = EchoService {
            type_: Some(ServiceType::NodePort),
            port: Some(8080),
            node_port: Some(30_080),
        };
        let blueprint = Blueprint { service, ..blueprint("web") };
        let spec = super::service(&blueprint, &deployment::deployment(&blueprint)).spec.unwrap();
        let port = &spec.ports.unwrap()[0];
        assert_eq!(
            (spec.type_.as_deref(), port.port, port.node_port),
            (Some("NodePort"), 8080, Some(30_080))
        );
    }
}
