//! The status of a `PreviewPolicy`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{conditions, schema};

/// The condition of a policy that an edit made stricter, until the edit also applies to previews
/// that exist. Other policies do not have it.
pub const TIGHTENING: &str = "Tightening";

/// The last observed state. The operator writes it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PreviewPolicyStatus {
    /// The metadata.generation that this status describes. If it is lower than
    /// metadata.generation, the operator has not seen the last edit yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// The number of namespaces that the policy selects.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub namespaces: Option<i32>,

    /// The number of previews in these namespaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub previews: Option<i32>,

    /// The number of previews that the policy gives no pods or no route now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub refused: Option<i32>,

    /// The spec that applies to all previews: the current one, or the last one before an edit that
    /// made the policy stricter or that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub enforced: Option<Value>,

    /// The current spec, while it does not apply to all previews. Absent if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingPolicy>,

    /// The current conditions, one of each type. All policies have Ready, Reconciling and Stalled:
    /// a policy that cannot be read is Stalled. Tightening: an edit made the policy stricter, and
    /// does not apply to previews that exist yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::conditions")]
    pub conditions: Vec<Condition>,
}

kubewright_core::status_fields!(PreviewPolicyStatus);

/// A spec that does not apply to all previews yet.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PendingPolicy {
    /// The time at which the operator first saw the current spec, in RFC 3339. Previews that were
    /// created later get its limits at once.
    pub since: Time,

    /// The time from which the current spec applies to all previews, in RFC 3339. Absent if the
    /// spec cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced_at: Option<Time>,

    /// The number of further previews that lose their pods or their route then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub refused: Option<i32>,
}

fn any_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
    })
}
