//! The `NetworkPolicy` of a preview: which namespaces may connect to its pods, at the port of the
//! container. Only a `PreviewPolicy` asks for it.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::blueprint::Blueprint;
use crate::workload;

/// The label with the name of a namespace. Every namespace has it.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// The `NetworkPolicy` that lets in connections from these namespaces. Probes come from the node,
/// which Kubernetes always lets in.
pub(crate) fn network_policy(blueprint: &Blueprint<'_>, namespaces: &[String]) -> NetworkPolicy {
    let named = LabelSelectorRequirement {
        key: NAMESPACE_NAME.into(),
        operator: "In".into(),
        values: Some(namespaces.to_vec()),
    };
    let peer = NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_expressions: Some(vec![named]),
            match_labels: None,
        }),
        ..NetworkPolicyPeer::default()
    };
    let port = NetworkPolicyPort {
        port: Some(IntOrString::Int(blueprint.spec.port())),
        protocol: Some("TCP".into()),
        ..NetworkPolicyPort::default()
    };
    let pods =
        LabelSelector { match_labels: Some(blueprint.labels.clone()), match_expressions: None };
    NetworkPolicy {
        metadata: workload::named(&blueprint.name),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pods),
            policy_types: Some(vec!["Ingress".into()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: Some(vec![peer]),
                ports: Some(vec![port]),
            }]),
            egress: None,
        }),
    }
}
