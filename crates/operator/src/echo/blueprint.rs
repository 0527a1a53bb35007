//! What an `Echo` of either API group asks for, in one form.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ResourceRequirements, Service};
use kubewright::labels::Labels;
use operator_api::echo::EchoService;

use super::server::Server;

/// The kinds that an Echo of either group owns.
pub(super) type Owns = (Deployment, Service);

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

#[cfg(test)]
pub(super) mod tests {
    use kubewright::{labels, names};

    use super::*;

    /// The blueprint of an Echo of `example.com` with an empty spec.
    pub(crate) fn blueprint(name: &str) -> Blueprint<'_> {
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
}
