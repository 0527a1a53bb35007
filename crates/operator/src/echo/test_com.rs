//! The operator of the `Echo` of `test.com/v1`.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kubewright::core::reason::Explained;
use kubewright::{Children, Invalid, Observed, Operator, Sample, View};
use operator_api::echo::{EchoService, ServiceType};
use operator_api::echo_test::{Echo, EchoSpec, EchoStatus};

use super::blueprint::{self, Blueprint};
use super::server::{Server, TEXT_PORT};
use super::status;
use crate::naming;

/// What is added to the names of the objects of this group, so that an `Echo` of `example.com` can
/// have the same name.
const NAME_SUFFIX: &str = "test-com";

/// Runs the `Echo`s of `test.com/v1`. An Echo's Deployment and Service are named as the Echo is,
/// with `-test-com` behind: an Echo of `example.com` may have the same name in the same namespace,
/// and both work.
#[derive(Clone, Copy, Debug, Default)]
pub struct TestEchoOperator;

impl Operator for TestEchoOperator {
    const NAME: &'static str = "echo-test";
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
        vec![
            Sample {
                name: "minimal",
                about: "Two servers that answer with a text, reached at a port of every node.",
                resource: Echo::new(
                    "test-echo",
                    EchoSpec { replicas: 2, text: "Hello world".into() },
                ),
            },
            Sample {
                name: "full",
                about: "Every field; the text is answered exactly as it is written here.",
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
        name: naming::shared_name(&[resource, NAME_SUFFIX]),
        labels: naming::selector(TestEchoOperator::NAME, resource),
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
    fn the_objects_of_an_echo_of_the_other_group_with_the_same_name_are_other_objects() {
        let ours = testing::names_of(&TestEchoOperator, &saying_hi("test-echo"));
        let theirs = testing::names_of(
            &EchoOperator,
            &echo::Echo::new("test-echo", echo::EchoSpec::default()),
        );
        assert_eq!(ours, ["Deployment test-echo-test-com", "Service test-echo-test-com"]);
        assert_eq!(theirs, ["Deployment test-echo", "Service test-echo"]);
    }

    #[test]
    fn it_is_reached_at_a_port_of_every_node() {
        let echo = saying_hi("web");
        let of = blueprint(&echo);
        assert_eq!(
            (of.service.service_type(), of.service.port(), of.server.port()),
            (ServiceType::NodePort, 5678, 5678)
        );
    }

    #[test]
    fn the_status_is_what_the_deployment_says() {
        let says = r#"{"replicas":2,"readyReplicas":2,"updatedReplicas":2,"availableReplicas":2,"observedGeneration":1}"#;
        let status =
            testing::status_of(&TestEchoOperator, &saying_hi("web"), &[("Deployment", says)]);
        assert_eq!((status.replicas, status.ready.as_deref()), (Some(2), Some("2/2")));
        assert_eq!(
            status.selector.as_deref(),
            Some("app.kubernetes.io/instance=web,app.kubernetes.io/name=echo-test")
        );
    }
}
