//! The frame of a Deployment with one kind of pod, and what a Service has to know about it. Which image runs, and how it
//! is started, is the business of each operator.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kubewright::labels::Labels;

use crate::security::{self, User};

/// The name of the one port of every container, by which Services and probes find its number.
pub(crate) const PORT_NAME: &str = "http";

/// [`PORT_NAME`] as Services and probes take it.
pub(crate) fn port() -> IntOrString {
    IntOrString::String(PORT_NAME.into())
}

/// The one port of a container.
pub(crate) fn container_port(number: i32) -> ContainerPort {
    ContainerPort { name: Some(PORT_NAME.into()), container_port: number, ..ContainerPort::default() }
}

/// A Deployment of `replicas` pods with one container, confined as [`security`] says.
///
/// The pods get no token for the API server, and no environment variables about the Services of the namespace: nothing in
/// them asks for either.
pub(crate) fn deployment(name: &str, labels: &Labels, replicas: i32, user: User, container: Container) -> Deployment {
    let pod = PodSpec {
        automount_service_account_token: Some(false),
        containers: vec![container],
        enable_service_links: Some(false),
        security_context: Some(security::of_pod(user)),
        ..PodSpec::default()
    };
    Deployment {
        metadata: named(name),
        spec: Some(DeploymentSpec {
            replicas: Some(replicas),
            selector: LabelSelector { match_labels: Some(labels.clone()), match_expressions: None },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta { labels: Some(labels.clone()), ..ObjectMeta::default() }),
                spec: Some(pod),
            },
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

/// Metadata with a name; the framework adds the rest.
pub(crate) fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_selects_its_own_pods_and_gives_them_no_token() {
        let labels = Labels::from([("a".into(), "b".into())]);
        let spec = deployment("web", &labels, 2, User::OfImage, Container::default()).spec.unwrap_or_default();
        assert_eq!(spec.selector.match_labels.as_ref(), Some(&labels));
        assert_eq!(spec.template.metadata.and_then(|m| m.labels), Some(labels));
        let pod = spec.template.spec.unwrap_or_default();
        assert_eq!((pod.automount_service_account_token, pod.enable_service_links), (Some(false), Some(false)));
    }
}
