//! The part of a Pod that describes why it does not run, for operators that read many Pods.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer, Serialize};

use crate::schema;

/// The condition of a Pod: whether it has a node.
pub const SCHEDULED: &str = "PodScheduled";

/// The part of a Pod that describes why it does not run. The field names are those of the
/// resource.
#[derive(Resource, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[resource(inherit = Pod)]
pub struct PodHealth {
    /// Name, namespace, UID, labels and deletion time.
    #[serde(deserialize_with = "identity")]
    pub metadata: ObjectMeta,
    /// The status that its node writes.
    #[serde(default)]
    pub status: PodHealthStatus,
}

/// The status of a Pod.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct PodHealthStatus {
    /// `Pending`, `Running`, `Succeeded` or `Failed`.
    pub phase: Option<String>,
    /// Why the Pod failed, in CamelCase.
    pub reason: Option<String>,
    /// Why the Pod failed, a text for people.
    pub message: Option<String>,
    /// Only the condition [`SCHEDULED`].
    #[serde(deserialize_with = "scheduled")]
    pub conditions: Vec<PodHealthCondition>,
    /// The states of its init containers, in their order. Tools of the cluster can inject some.
    #[serde(deserialize_with = "schema::null_is_absent")]
    pub init_container_statuses: Vec<ContainerHealth>,
    /// The states of its containers.
    #[serde(deserialize_with = "schema::null_is_absent")]
    pub container_statuses: Vec<ContainerHealth>,
}

/// A condition of a Pod.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(default)]
pub struct PodHealthCondition {
    /// The type.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The cause, in CamelCase.
    pub reason: Option<String>,
    /// The cause, a text for people.
    pub message: Option<String>,
}

/// The states of a container.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerHealth {
    /// The name.
    pub name: String,
    /// The current state.
    pub state: ContainerState,
    /// The previous state.
    pub last_state: ContainerState,
}

/// A state of a container.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(default)]
pub struct ContainerState {
    /// Why the container waits.
    pub waiting: Option<Waiting>,
    /// Whether the container runs.
    pub running: Option<Running>,
    /// How the container ended.
    pub terminated: Option<Terminated>,
}

/// Why a container waits.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(default)]
pub struct Waiting {
    /// The cause, in CamelCase.
    pub reason: Option<String>,
    /// The cause, a text for people.
    pub message: Option<String>,
}

/// A container that runs. When it started does not matter.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {}

/// How a container ended.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated {
    /// The exit code of the program.
    pub exit_code: i32,
    /// The cause, in CamelCase.
    pub reason: Option<String>,
}

fn identity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    ObjectMeta::deserialize(deserializer).map(identity_of)
}

/// Only name, namespace, UID, labels and deletion time: the other fields change more often.
pub(crate) fn identity_of(metadata: ObjectMeta) -> ObjectMeta {
    let ObjectMeta { name, namespace, uid, labels, deletion_timestamp, .. } = metadata;
    ObjectMeta { name, namespace, uid, labels, deletion_timestamp, ..ObjectMeta::default() }
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
    fn only_fields_that_describe_failures_are_kept() {
        let pod: PodHealth = serde_json::from_value(json!({
            "metadata": {
                "name": "web", "labels": { "a": "b" }, "annotations": { "c": "d" },
                "resourceVersion": "7",
            },
            "spec": { "containers": [] },
            "status": {
                "podIP": "10.0.0.1",
                "conditions": [
                    { "type": "Ready", "status": "False" },
                    { "type": "PodScheduled", "status": "True" },
                ],
                "containerStatuses": [{
                    "name": "app", "restartCount": 3, "state": { "running": { "startedAt": "x" } },
                }],
                "initContainerStatuses": null,
            },
        }))
        .unwrap();
        assert_eq!((pod.metadata.annotations, pod.metadata.resource_version), (None, None));
        assert_eq!(pod.metadata.labels.unwrap()["a"], "b");
        let conditions: Vec<_> =
            pod.status.conditions.iter().map(|condition| &*condition.type_).collect();
        assert_eq!(conditions, ["PodScheduled"]);
        let state = ContainerState { running: Some(Running {}), ..ContainerState::default() };
        let app = ContainerHealth { name: "app".into(), state, ..ContainerHealth::default() };
        assert_eq!(pod.status.container_statuses, [app]);
        assert_eq!(PodHealth::kind(&()), "Pod");
    }

    #[test]
    fn a_pod_without_a_status_is_read() {
        let pod: PodHealth =
            serde_json::from_value(json!({ "metadata": {}, "status": { "conditions": null } }))
                .unwrap();
        assert_eq!(pod.status, PodHealthStatus::default());
        let pod: PodHealth = serde_json::from_value(json!({ "metadata": {} })).unwrap();
        assert_eq!(pod, PodHealth::default());
    }
}
