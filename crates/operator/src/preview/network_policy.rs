//! Who reaches the pods of a preview, where a `PreviewPolicy` says so: the namespaces that it
//! names, at the port of the container.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::blueprint::Blueprint;
use crate::workload;

/// The label by which every namespace has its own name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// The `NetworkPolicy`, where one is asked for. Probes come from the node, which is always let in.
pub(super) fn network_policy(of: &Blueprint<'_>) -> Option<NetworkPolicy> {
    let namespaces = of.findings.reached_from.clone()?;
    let named = LabelSelectorRequirement {
        key: NAMESPACE_NAME.into(),
        operator: "In".into(),
        values: Some(namespaces),
    };
    let peer = NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_expressions: Some(vec![named]),
            match_labels: None,
        }),
        ..NetworkPolicyPeer::default()
    };
    let port = NetworkPolicyPort {
        port: Some(IntOrString::Int(of.spec.port())),
        protocol: Some("TCP".into()),
        ..NetworkPolicyPort::default()
    };
    let pods = LabelSelector { match_labels: Some(of.labels.clone()), match_expressions: None };
    Some(NetworkPolicy {
        metadata: workload::named(&of.name),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(pods),
            policy_types: Some(vec!["Ingress".into()]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: Some(vec![peer]),
                ports: Some(vec![port]),
            }]),
            egress: None,
        }),
    })
}
