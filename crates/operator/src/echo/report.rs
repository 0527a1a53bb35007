//! The status of an `Echo` of either group. The framework adds `observedGeneration` and the
//! conditions.

use k8s_openapi::api::apps::v1::Deployment;
use kubewright::{Observed, labels};
use operator_api::echo::EchoStatus;

use super::blueprint::{Blueprint, Owns};

/// The status, from the status of the Deployment. The API server leaves out zeros.
pub(super) fn status(blueprint: &Blueprint<'_>, observed: &Observed<'_, Owns>) -> EchoStatus {
    let deployment = observed.status::<Deployment, _>(&blueprint.name).unwrap_or_default();
    let ready = deployment.ready_replicas.unwrap_or(0);
    EchoStatus {
        replicas: Some(deployment.replicas.unwrap_or(0)),
        ready_replicas: Some(ready),
        updated_replicas: Some(deployment.updated_replicas.unwrap_or(0)),
        available_replicas: Some(deployment.available_replicas.unwrap_or(0)),
        ready: Some(format!("{ready}/{}", blueprint.replicas)),
        selector: Some(labels::to_query(&blueprint.labels)),
        ..EchoStatus::default()
    }
}
