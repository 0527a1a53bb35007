//! The status of an `Echo`, of either group. `observedGeneration` and `conditions` are the
//! framework's.

use k8s_openapi::api::apps::v1::Deployment;
use kubewright::{Observed, labels};
use operator_api::echo::EchoStatus;

use super::blueprint::{Blueprint, Owns};

/// What the Deployment says, and by which labels its pods are found. No Deployment is no servers.
pub(super) fn status(of: &Blueprint<'_>, observed: &Observed<'_, Owns>) -> EchoStatus {
    let deployment = observed.status::<Deployment, _>(&of.name).unwrap_or_default();
    // The API server leaves zeros out.
    let ready = deployment.ready_replicas.unwrap_or(0);
    EchoStatus {
        replicas: Some(deployment.replicas.unwrap_or(0)),
        ready_replicas: Some(ready),
        updated_replicas: Some(deployment.updated_replicas.unwrap_or(0)),
        available_replicas: Some(deployment.available_replicas.unwrap_or(0)),
        ready: Some(format!("{ready}/{}", of.replicas)),
        selector: Some(labels::to_query(&of.labels)),
        ..EchoStatus::default()
    }
}
