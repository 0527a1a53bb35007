//! What was observed of an `Echo`, of either API group.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{conditions, schema};

/// What was last observed. Written by the operator; nobody else needs to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct EchoStatus {
    /// The metadata.generation that this status is about. Where it is lower than the resource's,
    /// the last edit has not been looked at yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// How many servers exist, ready or not, of this spec or of an older one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub replicas: Option<i32>,

    /// How many servers answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ready_replicas: Option<i32>,

    /// How many servers run what the spec asks for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub updated_replicas: Option<i32>,

    /// How many servers have answered for long enough to count on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub available_replicas: Option<i32>,

    /// How many servers are ready, of how many that are asked for, as `kubectl get` shows it.
    /// Example: 2/3
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub ready: Option<String>,

    /// The label selector of the servers' pods, by which autoscalers find them. Example:
    /// app.kubernetes.io/name=echo
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub selector: Option<String>,

    /// What is so at present, one entry for each type: Ready, Reconciling, Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::conditions")]
    pub conditions: Vec<Condition>,
}
