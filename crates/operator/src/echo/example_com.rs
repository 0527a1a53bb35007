//! The operator of the `Echo` of `example.com/v1`.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ResourceRequirements, Service};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kubewright::core::reason::Explained;
use kubewright::{Children, Invalid, Observed, Operator, Sample, View};
use operator_api::echo::{Echo, EchoService, EchoSpec, EchoStatus, ServiceType};

use super::blueprint::{self, Blueprint};
use super::server::Server;
use super::status;
use crate::naming;

/// Runs the `Echo`s of `example.com/v1`. An Echo's Deployment and Service are named as the Echo is.
#[derive(Clone, Copy, Debug, Default)]
pub struct EchoOperator;

impl Operator for EchoOperator {
    const NAME: &'static str = "echo";
    type Resource = Echo;
    type Owns = (Deployment, Service);
    type Reads = ();

    fn build(&self, echo: &Echo, _: &View<'_, ()>) -> Result<Children<Self::Owns>, Invalid> {
        blueprint(echo).children()
    }

    fn status(&self, echo: &Echo, observed: &Observed<'_, Self::Owns>) -> EchoStatus {
        status::status(&blueprint(echo), observed)
    }

    fn reasons() -> Vec<Explained> {
        blueprint::reasons()
    }

    fn samples() -> Vec<Sample<Echo>> {
        let minimal = EchoSpec { replicas: Some(2), ..EchoSpec::default() };
        let quantities = |cpu: &str, memory: &str| {
            Some(
                [("cpu", cpu), ("memory", memory)]
                    .map(|(name, of)| (name.to_owned(), Quantity(of.to_owned())))
                    .into(),
            )
        };
        let full = EchoSpec {
            replicas: Some(3),
            text: Some("hello from kubewright".into()),
            image: Some("hashicorp/http-echo:1.0.0".into()),
            // A nodePort is left out: it would collide with whoever else tries the sample in the
            // same cluster.
            service: EchoService {
                type_: Some(ServiceType::NodePort),
                port: Some(8080),
                node_port: None,
            },
            resources: Some(ResourceRequirements {
                requests: quantities("10m", "16Mi"),
                limits: quantities("100m", "32Mi"),
                claims: None,
            }),
        };
        vec![
            Sample {
                name: "minimal",
                about: "Two servers that answer with the request itself, reached inside the cluster.",
                resource: Echo::new("test-echo", minimal),
            },
            Sample {
                name: "full",
                about: "Every field but service.nodePort: three servers that answer with a text, reached at a port of every node.",
                resource: Echo::new("full-echo", full),
            },
        ]
    }
}

fn blueprint(echo: &Echo) -> Blueprint<'_> {
    let resource = echo.metadata.name.as_deref().unwrap_or_default();
    Blueprint {
        resource,
        name: naming::shared_name(&[resource]),
        labels: naming::selector(EchoOperator::NAME, resource),
        replicas: echo.spec.replicas(),
        server: echo.spec.text.as_deref().map_or(Server::Request, Server::Text),
        image: echo.spec.image.as_deref(),
        resources: echo.spec.resources.as_ref(),
        service: echo.spec.service.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_empty_spec_is_one_server_behind_a_cluster_ip() {
        let echo = Echo::new("web", EchoSpec::default());
        let of = blueprint(&echo);
        assert_eq!(
            (of.replicas, of.server, of.service.service_type()),
            (1, Server::Request, ServiceType::ClusterIp)
        );
    }

    #[test]
    fn the_status_is_what_the_deployment_says() {
        let echo = Echo::new("web", EchoSpec { replicas: Some(3), ..EchoSpec::default() });
        let says = r#"{"replicas":4,"readyReplicas":2,"updatedReplicas":3,"availableReplicas":1,"observedGeneration":1}"#;
        let status = testing::status_of(&EchoOperator, &echo, &[("Deployment", says)]);
        assert_eq!(
            status,
            EchoStatus {
                replicas: Some(4),
                ready_replicas: Some(2),
                updated_replicas: Some(3),
                available_replicas: Some(1),
                ready: Some("2/3".into()),
                selector: Some("app.kubernetes.io/instance=web,app.kubernetes.io/name=echo".into()),
                ..EchoStatus::default()
            }
        );
    }

    #[test]
    fn nothing_is_reported_that_was_not_observed() {
        let echo = Echo::new("web", EchoSpec { replicas: Some(3), ..EchoSpec::default() });
        let status = testing::status_of(&EchoOperator, &echo, &[]);
        assert_eq!((status.replicas, status.ready.as_deref()), (Some(0), Some("0/3")));
    }
}
