//! The operator of the `Echo` of `example.com/v1`.

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kubewright::{
    Children, ConditionType, Invalid, Observed, Operator, Report, Sample, View, labels, names,
};
use operator_api::echo::{Echo, EchoService, EchoSpec, EchoStatus, ServiceType};

use super::blueprint::{Blueprint, Owns};
use super::server::Server;
use super::{objects, report};

/// Runs the `Echo`s of `example.com/v1`. Deployment and Service have the name of the Echo.
#[derive(Clone, Copy, Debug, Default)]
pub struct EchoOperator;

impl Operator for EchoOperator {
    const NAME: &'static str = "echo";
    const CONDITIONS: &'static [ConditionType] = objects::CONDITIONS;
    type Resource = Echo;
    type Owns = Owns;
    type Reads = ();
    type Facts = ();

    fn build(&self, echo: &Echo, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        objects::children(&blueprint(echo))
    }

    fn report(&self, echo: &Echo, observed: &Observed<'_, Self>, (): &()) -> Report<EchoStatus> {
        report::report(&blueprint(echo), observed)
    }

    fn samples() -> Vec<Sample<Echo>> {
        let minimal = EchoSpec { replicas: Some(2), ..EchoSpec::default() };
        let quantities = |cpu: &str, memory: &str| {
            Some(
                [("cpu", cpu), ("memory", memory)]
                    .map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned())))
                    .into(),
            )
        };
        let full = EchoSpec {
            replicas: Some(3),
            text: Some("hello from kubewright".into()),
            image: Some("hashicorp/http-echo:1.0.0".into()),
            // Without a nodePort: two samples in one cluster would use the same port.
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
                about: "Two servers that answer with the request itself, inside the cluster.",
                resource: Echo::new("test-echo", minimal),
            },
            Sample {
                name: "full",
                about: "Every field but service.nodePort: three servers that answer with a text.",
                resource: Echo::new("full-echo", full),
            },
        ]
    }
}

fn blueprint(echo: &Echo) -> Blueprint<'_> {
    let resource = echo.metadata.name.as_deref().unwrap_or_default();
    Blueprint {
        resource,
        name: names::child_name(&[resource]),
        labels: labels::selector(EchoOperator::NAME, resource),
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
        let blueprint = blueprint(&echo);
        assert_eq!(
            (blueprint.replicas, blueprint.server, blueprint.service.service_type()),
            (1, Server::Request, ServiceType::ClusterIp)
        );
    }

    #[test]
    fn an_echo_has_a_deployment_and_a_service_of_its_name() {
        let names = testing::names_of(&EchoOperator, &Echo::new("web", EchoSpec::default()));
        assert_eq!(names, ["Deployment web", "Service web"]);
    }

    #[test]
    fn the_status_has_the_counts_of_the_deployment() {
        let echo = Echo::new("web", EchoSpec { replicas: Some(3), ..EchoSpec::default() });
        let counts = r#"{"replicas":4,"readyReplicas":2,"updatedReplicas":3,"availableReplicas":1,
            "observedGeneration":1}"#;
        let status = testing::report(&EchoOperator, &echo, &[("Deployment", counts)]).status;
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
    fn without_a_deployment_the_status_has_no_servers() {
        let echo = Echo::new("web", EchoSpec { replicas: Some(3), ..EchoSpec::default() });
        let status = testing::report(&EchoOperator, &echo, &[]).status;
        assert_eq!((status.replicas, status.ready.as_deref()), (Some(0), Some("0/3")));
    }
}
