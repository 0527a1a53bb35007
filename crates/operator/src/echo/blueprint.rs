//! What an `Echo` asks for, of either group, in one form: from here on there is one kind of Echo.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ResourceRequirements, Service};
use kubewright::core::condition::READY;
use kubewright::core::reason::Explained;
use kubewright::labels::Labels;
use kubewright::{Children, Invalid};
use operator_api::echo::{EchoService, ServiceType};

use super::server::Server;
use super::{deployment, service, text};
use crate::naming;

/// The kinds that an Echo of either group owns.
pub(super) type Owns = (Deployment, Service);

/// What an `Echo` asks for.
#[derive(Clone, Debug)]
pub(crate) struct Blueprint<'a> {
    /// The resource's name, for messages.
    pub(crate) resource: &'a str,
    /// The name of the Deployment and of the Service.
    pub(crate) name: String,
    /// By which the pods are found.
    pub(crate) labels: Labels,
    /// How many servers.
    pub(crate) replicas: i32,
    /// Which server, and what it answers.
    pub(crate) server: Server<'a>,
    /// What runs in place of the server's own image.
    pub(crate) image: Option<&'a str>,
    /// The cpu and memory of each server; the operator's choice without it.
    pub(crate) resources: Option<&'a ResourceRequirements>,
    /// How the servers are reached.
    pub(crate) service: EchoService,
}

impl Blueprint<'_> {
    /// The objects.
    ///
    /// # Errors
    /// [`Invalid`] for what the schema lets pass and no cluster can run.
    pub(super) fn children(&self) -> Result<Children<Owns>, Invalid> {
        naming::check_service_name(self.resource, &self.name)?;
        check_service(&self.service)?;
        if let Server::Text(text) = self.server {
            text::check(text)?;
        }
        Ok(Children::new().with(deployment::deployment(self)).with(service::service(self)))
    }
}

/// With which an Echo is refused, for the API reference.
pub(super) fn reasons() -> Vec<Explained> {
    [
        ("NameNotUsable", "refused: no Service can be named after the resource"),
        ("NodePortWithoutType", "refused: `spec.service.nodePort` is set, and the Service's type has no port on the nodes"),
        ("TextNotUsable", "refused: no server can be started with `spec.text`"),
    ]
    .map(|(reason, meaning)| Explained::new(READY, reason, meaning))
    .into()
}

/// The schema says the same in CEL; this holds for resources that are older than the rule, and
/// offline.
fn check_service(service: &EchoService) -> Result<(), Invalid> {
    match service.node_port {
        Some(port) if service.service_type() == ServiceType::ClusterIp => Err(Invalid::new(
            "NodePortWithoutType",
            format!(
                "spec.service.nodePort is {port}, but a Service of type ClusterIP has no port on the nodes: \
                 write spec.service.type: NodePort beside it, or leave nodePort out"
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{blueprint, kinds_and_names};

    fn reason(of: &Blueprint<'_>) -> Option<&'static str> {
        of.children().err().map(|invalid| invalid.reason)
    }

    #[test]
    fn an_echo_is_a_deployment_and_a_service_of_one_name() {
        let expected = ["Deployment web", "Service web"].map(str::to_owned);
        assert_eq!(kinds_and_names(blueprint("web").children()), expected);
    }

    #[test]
    fn a_name_that_no_service_can_have_is_refused() {
        assert_eq!(reason(&blueprint("1-web")), Some("NameNotUsable"));
    }

    #[test]
    fn a_node_port_needs_a_type_that_has_one() {
        let port = |type_| EchoService { type_, port: None, node_port: Some(30_080) };
        let with = |type_| reason(&Blueprint { service: port(type_), ..blueprint("web") });
        assert_eq!(with(None), Some("NodePortWithoutType"));
        assert_eq!(with(Some(ServiceType::ClusterIp)), Some("NodePortWithoutType"));
        assert_eq!(with(Some(ServiceType::NodePort)), None);
        assert_eq!(with(Some(ServiceType::LoadBalancer)), None);
    }

    #[test]
    fn a_text_that_cannot_be_served_is_refused() {
        assert_eq!(
            reason(&Blueprint { server: Server::Text(""), ..blueprint("web") }),
            Some("TextNotUsable")
        );
        assert_eq!(reason(&Blueprint { server: Server::Text("a"), ..blueprint("web") }), None);
    }
}
