//! The part of a Deployment that decides how its next pods replace the old ones, for operators that
//! read their own Deployments.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::Resource;
use serde::{Deserialize, Serialize};

use crate::pod;

/// The condition of a Deployment whose pods the API server rejects.
const REPLICA_FAILURE: &str = "ReplicaFailure";
/// How the API server rejects a pod for which a `ResourceQuota` has no room.
const EXCEEDED_QUOTA: &str = "exceeded quota";

/// Whether a Deployment can replace its pods. The fields change only in a namespace whose quota is
/// used up, so that an ordinary rollout wakes no operator.
#[derive(Resource, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[resource(inherit = Deployment)]
#[serde(from = "Raw")]
pub struct RolloutHealth {
    /// Name, namespace, UID, labels and deletion time.
    pub metadata: ObjectMeta,
    /// Whether a quota has no room for a new pod beside the old ones.
    pub is_refused_by_quota: bool,
    /// Whether old pods are stopped before new ones start, and some are still to be replaced.
    pub is_replacing_in_place: bool,
}

/// The fields of a Deployment that decide.
#[derive(Deserialize)]
struct Raw {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize, Default)]
struct Spec {
    replicas: Option<i32>,
    #[serde(default)]
    strategy: Strategy,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Strategy {
    rolling_update: Option<RollingUpdate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RollingUpdate {
    max_surge: Option<IntOrString>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: Option<i64>,
    replicas: i32,
    updated_replicas: i32,
    available_replicas: i32,
    conditions: Option<Vec<Condition>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
    message: Option<String>,
}

impl From<Raw> for RolloutHealth {
    fn from(Raw { metadata, spec, status }: Raw) -> Self {
        let is_quota = |condition: &Condition| {
            condition.type_ == REPLICA_FAILURE
                && condition.status == "True"
                && condition.message.as_deref().is_some_and(|text| text.contains(EXCEEDED_QUOTA))
        };
        let has_old_pods = status.replicas > status.updated_replicas;
        let wanted = spec.replicas.unwrap_or(1);
        let is_complete = status.observed_generation >= metadata.generation
            && status.replicas == wanted
            && status.updated_replicas == wanted
            && status.available_replicas == wanted;
        let update = spec.strategy.rolling_update;
        let surge = update.and_then(|update| update.max_surge);
        Self {
            is_refused_by_quota: has_old_pods && status.conditions.iter().flatten().any(is_quota),
            is_replacing_in_place: surge == Some(IntOrString::Int(0)) && !is_complete,
            metadata: pod::identity_of(metadata),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Whether a quota refuses the pods, and whether pods are replaced in place.
    fn read(surge: &Value, status: &Value) -> (bool, bool) {
        let update = json!({ "maxSurge": surge, "maxUnavailable": 1 });
        let health: RolloutHealth = serde_json::from_value(json!({
            "metadata": { "name": "web", "generation": 2, "annotations": { "a": "b" } },
            "spec": { "replicas": 1, "strategy": { "rollingUpdate": update } },
            "status": status,
        }))
        .unwrap();
        let metadata = ObjectMeta { name: Some("web".into()), ..ObjectMeta::default() };
        assert_eq!(health.metadata, metadata, "other fields change too often");
        (health.is_refused_by_quota, health.is_replacing_in_place)
    }

    fn status(replicas: i32, updated: i32, available: i32, failure: &str) -> Value {
        let condition = json!({ "type": "ReplicaFailure", "status": "True", "message": failure });
        json!({
            "observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated,
            "availableReplicas": available, "conditions": [condition],
        })
    }

    #[test]
    fn a_quota_without_room_for_a_pod_beside_the_old_one_is_found() {
        let quota = "pods \"web-1\" is forbidden: exceeded quota: small, requested: pods=1";
        assert_eq!(read(&json!("25%"), &status(1, 0, 1, quota)), (true, false));
        assert_eq!(read(&json!("25%"), &status(0, 0, 0, quota)), (false, false), "no old pod");
        assert_eq!(read(&json!("25%"), &status(1, 0, 1, "violates PodSecurity")), (false, false));
        assert_eq!(read(&json!("25%"), &json!({})), (false, false));
    }

    #[test]
    fn pods_are_replaced_in_place_until_all_new_ones_are_available() {
        for (observed, is_replacing) in [
            (status(1, 0, 1, ""), true),
            (status(0, 0, 0, ""), true),
            (status(1, 1, 0, ""), true),
            (status(1, 1, 1, ""), false),
        ] {
            assert_eq!(read(&json!(0), &observed), (false, is_replacing), "{observed}");
        }
        let mut unseen = status(1, 1, 1, "");
        unseen["observedGeneration"] = json!(1);
        assert_eq!(
            read(&json!(0), &unseen),
            (false, true),
            "its controller has not seen the change"
        );
    }

    #[test]
    fn a_deployment_without_a_status_is_read() {
        let health: RolloutHealth = serde_json::from_value(json!({ "metadata": {} })).unwrap();
        assert_eq!(health, RolloutHealth::default());
    }
}
