//! Whether the Deployment of a preview has replaced all pods of an older spec.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus};
use kubewright::Observed;
use kubewright::core::observed::Outcome;

use super::blueprint::Blueprint;
use super::kinds::Owns;

/// What the Deployment controller says once a rollout has ended. It goes on saying so when a pod
/// fails later.
const COMPLETE: &str = "NewReplicaSetAvailable";

/// Whether there are pods, as many as the spec asks for, and all of this spec.
pub(super) fn is_complete(of: &Blueprint<'_>, observed: &Observed<'_, Owns>) -> bool {
    let Some(child) = observed.child::<Deployment, _>(&of.name) else { return false };
    let Some(status) = child.status::<DeploymentStatus>() else { return false };
    // What the controller says about an older spec is no news about this one.
    let generation = child.observed.and_then(|deployment| deployment.generation);
    let is_about_this = *child.outcome == Outcome::InSync
        && generation.is_some()
        && generation == status.observed_generation;
    let wanted = Some(of.replicas()).filter(|replicas| *replicas > 0);
    // The API server leaves zeros out.
    is_about_this
        && wanted.is_some()
        && status.replicas == wanted
        && status.updated_replicas == wanted
        && says_so(&status)
}

fn says_so(status: &DeploymentStatus) -> bool {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    conditions.iter().any(|condition| {
        condition.type_ == "Progressing" && condition.reason.as_deref() == Some(COMPLETE)
    })
}

#[cfg(test)]
mod tests {
    use crate::preview::PreviewOperator;
    use crate::testing::{preview, status_of};

    /// The revision that a preview of `replicas` pods shows while its Deployment says this.
    fn shown(replicas: i32, generation: i64, counts: &str, reason: &str) -> Option<String> {
        let mut preview = preview("web");
        preview.spec.revision = Some("a1".into());
        preview.spec.replicas = Some(replicas);
        let deployment = format!(
            r#"{{"observedGeneration":{generation},{counts}"conditions":[{{"type":"Progressing","status":"True","reason":"{reason}"}}]}}"#
        );
        status_of(&PreviewOperator::default(), &preview, &[("Deployment", &deployment)]).revision
    }

    #[test]
    fn a_revision_is_live_when_all_pods_are_of_it() {
        assert_eq!(
            shown(2, 1, r#""replicas":2,"updatedReplicas":2,"#, "NewReplicaSetAvailable")
                .as_deref(),
            Some("a1")
        );
    }

    #[test]
    fn a_revision_is_not_live_while_older_pods_are_there_or_the_new_ones_are_not() {
        assert_eq!(
            shown(2, 1, r#""replicas":3,"updatedReplicas":2,"#, "NewReplicaSetAvailable"),
            None
        );
        assert_eq!(
            shown(2, 1, r#""replicas":2,"updatedReplicas":1,"#, "NewReplicaSetAvailable"),
            None
        );
        assert_eq!(shown(2, 1, r#""replicas":2,"updatedReplicas":2,"#, "ReplicaSetUpdated"), None);
    }

    #[test]
    fn a_deployment_that_was_not_looked_at_since_the_change_says_nothing() {
        assert_eq!(
            shown(2, 0, r#""replicas":2,"updatedReplicas":2,"#, "NewReplicaSetAvailable"),
            None
        );
    }

    #[test]
    fn no_pods_show_no_revision() {
        assert_eq!(shown(0, 1, "", "NewReplicaSetAvailable"), None);
        assert_eq!(
            shown(0, 1, r#""replicas":0,"updatedReplicas":0,"#, "NewReplicaSetAvailable"),
            None
        );
    }
}
