//! What an `Echo` of either API group asks for, in one form.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ResourceRequirements, Service};
use kubewright::core::condition::READY;
use kubewright::labels::Labels;
use kubewright::{Children, Invalid};
use operator_api::echo::{EchoService, ServiceType};

use super::server::Server;
use super::{deployment, text};
use crate::compat::ConditionType;
use crate::{naming, workload};

/// The kinds that an Echo of either group owns.
pub(super) type Owns = (Deployment, Service);

/// Reasons of `Ready` for an Echo that is rejected.
pub(super) const CONDITIONS: &[ConditionType] = &[
    naming::NAME_REASONS,
    ConditionType::new(
        READY,
        &[(
            "NodePortWithoutType",
            "`spec.service.nodePort` is set, but the type of the Service has no node port",
        )],
    ),
    text::TEXT_REASONS,
];

/// What an `Echo` asks for.
#[derive(Clone, Debug)]
pub(super) struct Blueprint<'a> {
    /// The name of the resource.
    pub(super) resource: &'a str,
    /// The name of the Deployment and of the Service.
    pub(super) name: String,
    /// The labels that select the pods.
    pub(super) labels: Labels,
    pub(super) replicas: i32,
    pub(super) server: Server<'a>,
    /// An image in place of the server's own.
    pub(super) image: Option<&'a str>,
    /// The cpu and memory of each server, in place of the operator's choice.
    pub(super) resources: Option<&'a ResourceRequirements>,
    pub(super) service: EchoService,
}

impl Blueprint<'_> {
    /// The objects.
    ///
    /// # Errors
    /// [`Invalid`] for an Echo that no cluster can run, although a schema accepts it.
    pub(super) fn children(&self) -> Result<Children<Owns>, Invalid> {
        naming::check_service_name(self.resource, &self.name)?;
        check_service(&self.service)?;
        if let Server::Text(text) = self.server {
            text::check(text)?;
        }
        Ok(Children::new().with(deployment::deployment(self)).with(self.service()))
    }

    /// The Service. Without a node port of the spec, the cluster chooses one and keeps it.
    fn service(&self) -> Service {
        let (type_, port) = (self.service.service_type().as_str(), self.service.port());
        workload::service(&self.name, &self.labels, type_, port, self.service.node_port)
    }
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
pub(super) mod tests {
    use kubewright::{labels, names};

    use super::*;

    /// The blueprint of an Echo of `example.com` with an empty spec.
    pub(in crate::echo) fn blueprint(name: &str) -> Blueprint<'_> {
        Blueprint {
            resource: name,
            name: names::child_name(&[name]),
            labels: labels::selector("echo", name),
            replicas: 1,
            server: Server::Request,
            image: None,
            resources: None,
            service: EchoService::default(),
        }
    }

    fn reason(blueprint: &Blueprint<'_>) -> Option<&'static str> {
        blueprint.children().err().map(|invalid| invalid.reason)
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
        let spec = blueprint.service().spec.unwrap();
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
        let spec = Blueprint { service, ..blueprint("web") }.service().spec.unwrap();
        let port = &spec.ports.unwrap()[0];
        assert_eq!(
            (spec.type_.as_deref(), port.port, port.node_port),
            (Some("NodePort"), 8080, Some(30_080))
        );
    }
}
