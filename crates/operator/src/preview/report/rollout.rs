//! Whether the Deployment of a preview has replaced all pods of an older spec.

use k8s_openapi::api::apps::v1::DeploymentStatus;
use kubewright::observed::{ChildState, Outcome};

/// The reason of Progressing when a rollout has ended. It stays when a pod fails later.
const COMPLETE: &str = "NewReplicaSetAvailable";

/// Whether the Deployment has exactly this many pods, more than zero, all of the current spec.
pub(super) fn is_complete(deployment: &ChildState<'_>, replicas: i32) -> bool {
    let Some(status) = deployment.status::<DeploymentStatus>() else { return false };
    let generation = deployment.observed.and_then(|deployment| deployment.generation);
    let is_current = *deployment.outcome == Outcome::InSync
        && generation.is_some()
        && generation == status.observed_generation;
    is_current
        && replicas > 0
        && status.replicas == Some(replicas)
        && status.updated_replicas == Some(replicas)
        && has_ended(&status)
}

fn has_ended(status: &DeploymentStatus) -> bool {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    conditions.iter().any(|condition| {
        condition.type_ == "Progressing" && condition.reason.as_deref() == Some(COMPLETE)
    })
}

#[cfg(test)]
mod tests {
    use crate::preview::settings::PreviewOperator;
    use crate::testing::{preview, report};

    /// `status.revision` of a preview of `replicas` pods whose Deployment has this status.
    fn reported(replicas: i32, generation: i64, counts: &str, reason: &str) -> Option<String> {
        let mut preview = preview("web");
        preview.spec.revision = Some("a1".into());
        preview.spec.replicas = Some(replicas);
        let deployment = format!(
            r#"{{"observedGeneration":{generation},{counts}
                "conditions":[{{"type":"Progressing","status":"True","reason":"{reason}"}}]}}"#
        );
        report(&PreviewOperator::default(), &preview, &[("Deployment", &deployment)])
            .status
            .revision
    }

    #[test]
    fn a_revision_is_reported_when_all_pods_are_of_it() {
        assert_eq!(
            reported(2, 1, r#""replicas":2,"updatedReplicas":2,"#, "NewReplicaSetAvailable")
                .as_deref(),
            Some("a1")
        );
    }

    #[test]
    fn a_revision_is_not_reported_while_older_pods_exist_or_new_ones_are_missing() {
        assert_eq!(
            reported(2, 1, r#""replicas":3,"updatedReplicas":2,"#, "NewReplicaSetAvailable"),
            None
        );
        assert_eq!(
            reported(2, 1, r#""replicas":2,"updatedReplicas":1,"#, "NewReplicaSetAvailable"),
            None
        );
        assert_eq!(
            reported(2, 1, r#""replicas":2,"updatedReplicas":2,"#, "ReplicaSetUpdated"),
            None
        );
    }

    #[test]
    fn a_status_of_an_older_generation_of_the_deployment_does_not_count() {
        assert_eq!(
            reported(2, 0, r#""replicas":2,"updatedReplicas":2,"#, "NewReplicaSetAvailable"),
            None
        );
    }

    #[test]
    fn without_pods_no_revision_is_reported() {
        assert_eq!(reported(0, 1, "", "NewReplicaSetAvailable"), None);
        assert_eq!(
            reported(0, 1, r#""replicas":0,"updatedReplicas":0,"#, "NewReplicaSetAvailable"),
            None
        );
    }
}
