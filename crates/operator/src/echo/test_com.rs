//! The operator of the `Echo` of `test.com/v1`.

use kubewright::{
    Children, ConditionType, Invalid, Observed, Operator, Report, Sample, View, labels, names,
};
use operator_api::echo::{EchoService, ServiceType};
use operator_api::echo_test::{Echo, EchoSpec, EchoStatus};

use super::blueprint::{Blueprint, Owns};
use super::server::{Server, TEXT_PORT};
use super::{objects, report};

/// The suffix of the names of objects, so that an `Echo` of `example.com` can have the same name.
const NAME_SUFFIX: &str = "test-com";

/// Runs the `Echo`s of `test.com/v1`. Deployment and Service have the name of the Echo with the
/// suffix `-test-com`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TestEchoOperator;

impl Operator for TestEchoOperator {
    const NAME: &'static str = "echo-test";
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
        vec![
            Sample {
                name: "minimal",
                about: "Two servers that answer with a text, at a port of every node.",
                resource: Echo::new(
                    "test-echo",
                    EchoSpec { replicas: 2, text: "Hello world".into() },
                ),
            },
            Sample {
                name: "full",
                about: "Every field; the servers answer with exactly this text.",
                resource: Echo::new(
                    "full-echo",
                    EchoSpec {
                        replicas: 3,
                        text: "--\"quotes\", $(VARIABLES) and dashes:\nexactly as they are written"
                            .into(),
                    },
                ),
            },
        ]
    }
}

fn blueprint(echo: &Echo) -> Blueprint<'_> {
    let resource = echo.metadata.name.as_deref().unwrap_or_default();
    Blueprint {
        resource,
        name: names::child_name(&[resource, NAME_SUFFIX]),
        labels: labels::selector(TestEchoOperator::NAME, resource),
        replicas: echo.spec.replicas,
        server: Server::Text(&echo.spec.text),
        image: None,
        resources: None,
        service: EchoService {
            type_: Some(ServiceType::NodePort),
            port: Some(TEXT_PORT),
            node_port: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use operator_api::echo;

    use super::*;
    use crate::echo::EchoOperator;
    use crate::testing;

    fn saying_hi(name: &str) -> Echo {
        Echo::new(name, EchoSpec { replicas: 2, text: "hi".into() })
    }

    #[test]
    fn echos_of_the_two_groups_with_the_same_name_have_different_objects() {
        let ours = testing::names_of(&TestEchoOperator, &saying_hi("test-echo"));
        let theirs = testing::names_of(
            &EchoOperator,
            &echo::Echo::new("test-echo", echo::EchoSpec::default()),
        );
        assert_eq!(ours, ["Deployment test-echo-test-com", "Service test-echo-test-com"]);
        assert_eq!(theirs, ["Deployment test-echo", "Service test-echo"]);
    }

    #[test]
    fn echos_of_the_two_groups_never_select_the_same_pods() {
        let selector = |operator: &str, name: &str| labels::selector(operator, name);
        assert_ne!(selector(EchoOperator::NAME, "web"), selector(TestEchoOperator::NAME, "web"));
        assert_ne!(selector("echo", &"x".repeat(64)), selector("echo", &"x".repeat(65)));
    }

    #[test]
    fn the_service_has_a_port_on_every_node() {
        let echo = saying_hi("web");
        let blueprint = blueprint(&echo);
        let service = &blueprint.service;
        assert_eq!(
            (service.service_type(), service.port(), blueprint.server.port()),
            (ServiceType::NodePort, 5678, 5678)
        );
    }

    #[test]
    fn the_status_has_the_counts_of_the_deployment() {
        let counts = r#"{"replicas":2,"readyReplicas":2,"updatedReplicas":2,"availableReplicas":2,
            "observedGeneration":1}"#;
        let echo = saying_hi("web");
        let status = testing::report(&TestEchoOperator, &echo, &[("Deployment", counts)]).status;
        assert_eq!((status.replicas, status.ready.as_deref()), (Some(2), Some("2/2")));
        assert_eq!(
            status.selector.as_deref(),
            Some("app.kubernetes.io/instance=web,app.kubernetes.io/name=echo-test")
        );
    }
}
