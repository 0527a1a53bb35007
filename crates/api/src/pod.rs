//! A Pod as far as it tells why it does not run: a small part of the resource, for who looks at
//! many of them.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer, Serialize};

/// The condition of a Pod that says whether there is a node for it.
pub const SCHEDULED: &str = "PodScheduled";

/// A Pod. The names of the fields are those of the resource; of its metadata there is what names
/// and selects it.
#[derive(Resource, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[resource(inherit = Pod)]
pub struct PodHealth {
    /// Name, namespace, UID, labels, and whether it is being deleted.
    #[serde(deserialize_with = "identity")]
    pub metadata: ObjectMeta,
    /// What its node says.
    #[serde(default)]
    pub status: PodHealthStatus,
}

/// What the node of a Pod says of it.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct PodHealthStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed`.
    pub phase: Option<String>,
    /// Why it failed, in CamelCase.
    pub reason: Option<String>,
    /// The same for a person.
    pub message: Option<String>,
    /// Of all conditions [`SCHEDULED`].
    #[serde(deserialize_with = "scheduled")]
    pub conditions: Vec<PodHealthCondition>,
    /// Its containers.
    pub container_statuses: Vec<ContainerHealth>,
}

/// A condition of a Pod.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(default)]
pub struct PodHealthCondition {
    /// Which one.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    /// In CamelCase.
    pub reason: Option<String>,
    /// For a person.
    pub message: Option<String>,
}

/// A container of a Pod.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerHealth {
    /// As it is.
    pub state: ContainerState,
    /// As it was before.
    pub last_state: ContainerState,
}

/// What a container does.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(default)]
pub struct ContainerState {
    /// It waits.
    pub waiting: Option<Waiting>,
    /// It has ended.
    pub terminated: Option<Terminated>,
}

/// Why a container waits.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(default)]
pub struct Waiting {
    /// In CamelCase.
    pub reason: Option<String>,
    /// For a person.
    pub message: Option<String>,
}

/// How a container ended.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated {
    /// What the program said.
    pub exit_code: i32,
    /// In CamelCase.
    pub reason: Option<String>,
}

fn identity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let ObjectMeta { name, namespace, uid, labels, deletion_timestamp, .. } =
        ObjectMeta::deserialize(deserializer)?;
    Ok(ObjectMeta { name, namespace, uid, labels, deletion_timestamp, ..ObjectMeta::default() })
}

fn scheduled<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<PodHealthCondition>, D::Error> {
    let all = Option::<Vec<PodHealthCondition>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(all.into_iter().filter(|condition| condition.type_ == SCHEDULED).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_tells_nothing_about_the_health_of_a_pod_is_left_out() {
        let pod: PodHealth = serde_json::from_value(json!({
            "metadata": { "name": "web", "labels": { "a": "b" }, "annotations": { "c": "d" }, "resourceVersion": "7" },
            "spec": { "containers": [] },
            "status": {
                "podIP": "10.0.0.1",
                "conditions": [{ "type": "Ready", "status": "False" }, { "type": "PodScheduled", "status": "True" }],
                "containerStatuses": [{ "name": "app", "restartCount": 3, "state": { "running": {} } }],
            },
        }))
        .unwrap();
        assert_eq!((pod.metadata.annotations, pod.metadata.resource_version), (None, None));
        assert_eq!(pod.metadata.labels.unwrap()["a"], "b");
        let conditions: Vec<_> =
            pod.status.conditions.iter().map(|condition| &*condition.type_).collect();
        assert_eq!((conditions, pod.status.container_statuses.len()), (vec!["PodScheduled"], 1));
        assert_eq!(PodHealth::kind(&()), "Pod");
    }

    #[test]
    fn a_pod_that_nobody_has_looked_at_says_nothing() {
        let pod: PodHealth =
            serde_json::from_value(json!({ "metadata": {}, "status": { "conditions": null } }))
                .unwrap();
        assert_eq!(pod.status, PodHealthStatus::default());
        let pod: PodHealth = serde_json::from_value(json!({ "metadata": {} })).unwrap();
        assert_eq!(pod, PodHealth::default());
    }
}
