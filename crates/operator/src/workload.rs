//! The frame of a Deployment with one kind of pod, and what a Service has to know about it. Which
//! image runs, and how it is started, is the business of each operator.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec,
    ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kubewright::labels::Labels;

/// The name of the one port of every container, by which Services and probes find its number.
pub(crate) const PORT_NAME: &str = "http";

/// [`PORT_NAME`] as Services and probes take it.
pub(crate) fn port() -> IntOrString {
    IntOrString::String(PORT_NAME.into())
}

/// The one port of a container.
pub(crate) fn container_port(number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(PORT_NAME.into()),
        container_port: number,
        ..ContainerPort::default()
    }
}

/// The pods of a Deployment, as far as they differ.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pods {
    /// How many.
    pub(crate) replicas: i32,
    /// How they are confined; see [`security`](crate::security).
    pub(crate) security: PodSecurityContext,
    /// Annotations of the pods: a change of one replaces them.
    pub(crate) annotations: Option<BTreeMap<String, String>>,
    /// With what their image is pulled.
    pub(crate) image_pull_secrets: Option<Vec<LocalObjectReference>>,
    /// What runs in them.
    pub(crate) container: Container,
}

/// A Deployment of pods with one container.
///
/// The pods get no token for the API server, and no environment variables about the Services of the
/// namespace: nothing in them asks for either.
pub(crate) fn deployment(name: &str, labels: &Labels, pods: Pods) -> Deployment {
    let pod = PodSpec {
        automount_service_account_token: Some(false),
        containers: vec![pods.container],
        enable_service_links: Some(false),
        image_pull_secrets: pods.image_pull_secrets,
        security_context: Some(pods.security),
        ..PodSpec::default()
    };
    Deployment {
        metadata: named(name),
        spec: Some(DeploymentSpec {
            replicas: Some(pods.replicas),
            selector: LabelSelector { match_labels: Some(labels.clone()), match_expressions: None },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels.clone()),
                    annotations: pods.annotations,
                    ..ObjectMeta::default()
                }),
                spec: Some(pod),
            },
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

/// The cpu and memory that were asked for. Empty maps are left out: to own one would mean to take
/// away what others put there.
pub(crate) fn stated_resources(asked: &ResourceRequirements) -> Option<ResourceRequirements> {
    let stated = |map: &Option<BTreeMap<String, Quantity>>| map.clone().filter(|m| !m.is_empty());
    let resources = ResourceRequirements {
        limits: stated(&asked.limits),
        requests: stated(&asked.requests),
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
    use super::*;

    #[test]
    fn a_deployment_selects_its_own_pods_and_gives_them_no_token() {
        let labels = Labels::from([("a".into(), "b".into())]);
        let spec = deployment("web", &labels, Pods { replicas: 2, ..Pods::default() })
            .spec
            .unwrap_or_default();
        assert_eq!(spec.selector.match_labels.as_ref(), Some(&labels));
        assert_eq!(spec.template.metadata.and_then(|m| m.labels), Some(labels));
        let pod = spec.template.spec.unwrap_or_default();
        assert_eq!(
            (pod.automount_service_account_token, pod.enable_service_links),
            (Some(false), Some(false))
        );
    }
}
