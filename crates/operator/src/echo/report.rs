//! The report of an `Echo` of either group: the counts of its Deployment.

use k8s_openapi::api::apps::v1::Deployment;
use kubewright::{Observed, Operator, Report, labels, of};
use operator_api::echo::EchoStatus;

use super::blueprint::{Blueprint, Owns};

/// The report. The API server leaves out zeros.
pub(super) fn report<O: Operator<Owns = Owns>>(
    blueprint: &Blueprint<'_>,
    observed: &Observed<'_, O>,
) -> Report<EchoStatus> {
    let deployment = observed.status(of::<Deployment>(), &blueprint.name).unwrap_or_default();
    let ready = deployment.ready_replicas.unwrap_or(0);
    let status = EchoStatus {
        replicas: Some(deployment.replicas.unwrap_or(0)),
        ready_replicas: Some(ready),
        updated_replicas: Some(deployment.updated_replicas.unwrap_or(0)),
        available_replicas: Some(deployment.available_replicas.unwrap_or(0)),
        ready: Some(format!("{ready}/{}", blueprint.replicas)),
        selector: Some(labels::to_query(&blueprint.labels)),
        ..EchoStatus::default()
    };
    Report::new(observed, status)
}
