//! Helpers of the unit tests: resources, clusters in a given state, and what an operator makes of
//! them.

#![allow(clippy::unwrap_used)]

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::networking::v1::IngressClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kubewright::controller::{self, Built, ManagedBy, Observation};
use kubewright::observed::{ChildState, Holder, ObservedChild, Outcome, decode};
use kubewright::withdraw::Withdraw;

pub(crate) use kubewright::{FakeCluster, Readiness, Report};
use kubewright::{Invalid, Metadata, Object, Operator, Part, StatusOf, Timestamp, View, labels};
use operator_api::ambassador::Mapping;
use operator_api::preview::{
    GatewayRef, PreviewClaim, PreviewEnvironment, PreviewEnvironmentSpec, PreviewRequest,
};
use operator_api::rollout::RolloutHealth;
use serde_json::Value;

use crate::preview::PreviewOperator;

/// In place of the status of a child: its API is not served.
pub(crate) const NOT_SERVED: &str = "not served";

/// In place of the status of a child: another owner has an object of its name.
pub(crate) const NOT_OWNED: &str = "not owned";

/// Before the status of a child whose change waits for the rollout limiter.
pub(crate) const HELD: &str = "held: ";

/// A preview in the namespace `shop`.
pub(crate) fn preview(name: &str) -> PreviewEnvironment {
    let spec = PreviewEnvironmentSpec {
        image: "example.com/app:pr-1".into(),
        fqdn: format!("{name}.example.com"),
        ..PreviewEnvironmentSpec::default()
    };
    let mut preview = PreviewEnvironment::new(name, spec);
    preview.metadata.namespace = Some("shop".into());
    preview
}

/// The preview with the UID `uid-NAME`, created in this second.
pub(crate) fn created_at(mut preview: PreviewEnvironment, second: i64) -> PreviewEnvironment {
    preview.metadata.uid = preview.metadata.name.as_ref().map(|name| format!("uid-{name}"));
    preview.metadata.creation_timestamp = Some(Time(Timestamp::from_second(second).unwrap()));
    preview
}

/// A reference to a Gateway.
pub(crate) fn gateway(name: &str, namespace: Option<&str>, listener: Option<&str>) -> GatewayRef {
    GatewayRef {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        section_name: listener.map(str::to_owned),
    }
}

/// A cluster that serves only routes of Ambassador.
pub(crate) fn with_ambassador() -> FakeCluster {
    FakeCluster::empty().serving::<Mapping>()
}

/// The cluster with this preview, as other previews read it.
pub(crate) fn beside(cluster: FakeCluster, preview: &PreviewEnvironment) -> FakeCluster {
    cluster
        .with_as::<Part<PreviewClaim>>(PreviewClaim::from(preview))
        .with_as::<Part<PreviewRequest>>(PreviewRequest::from(preview))
}

/// The view of this cluster for a preview in the namespace `shop`.
pub(crate) fn view_of(cluster: &FakeCluster) -> View<'_, PreviewOperator> {
    View::new(cluster, &ObjectMeta { namespace: Some("shop".into()), ..ObjectMeta::default() })
}

/// A namespace as the operators read it.
pub(crate) fn namespace(name: &str, labels: &[(&str, &str)]) -> Metadata<Namespace> {
    let labels =
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let metadata =
        ObjectMeta { name: Some(name.into()), labels: Some(labels), ..ObjectMeta::default() };
    Metadata { types: None, metadata, _phantom: std::marker::PhantomData }
}

/// The Deployment `shop/web` of a preview, as the operator reads it, for which a quota has no room.
pub(crate) fn refused_by_quota() -> RolloutHealth {
    let labels = [(labels::NAME.to_owned(), "preview".to_owned())].into();
    let metadata = ObjectMeta {
        name: Some("web".into()),
        namespace: Some("shop".into()),
        labels: Some(labels),
        ..ObjectMeta::default()
    };
    RolloutHealth { metadata, is_refused_by_quota: true, is_replacing_in_place: false }
}

/// An `IngressClass`.
pub(crate) fn ingress_class(name: &str) -> Metadata<IngressClass> {
    let metadata = ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() };
    Metadata { types: None, metadata, _phantom: std::marker::PhantomData }
}

/// What `build` returned for a resource in this cluster.
fn build<O: Operator + Clone>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
) -> Built {
    let controller = controller::controller(operator.clone());
    controller.build(ManagedBy::from("test"), &in_namespace(resource), cluster).unwrap()
}

/// The resource in the namespace `shop`, if it has none.
fn in_namespace<R: Object>(resource: &R) -> R {
    let mut resource = resource.clone();
    resource.meta_mut().namespace.get_or_insert_with(|| "shop".into());
    resource
}

/// The objects of a resource in this cluster, as JSON.
pub(crate) fn objects_in<O: Operator + Clone>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
) -> Vec<Value> {
    let children = build(operator, resource, cluster).children.unwrap();
    children.iter().map(|child| child.body().clone()).collect()
}

/// The objects of a resource in this cluster: `Deployment web`, `Service web`, ...
pub(crate) fn names_in<O: Operator + Clone>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
) -> Vec<String> {
    let children = build(operator, resource, cluster).children.unwrap();
    children.iter().map(|child| format!("{} {}", child.kind, child.key.name)).collect()
}

/// The same in a cluster with Ambassador.
pub(crate) fn names_of<O: Operator + Clone>(operator: &O, resource: &O::Resource) -> Vec<String> {
    names_in(operator, resource, &with_ambassador())
}

/// Why the resource is rejected, if it is.
pub(crate) fn rejection_in<O: Operator + Clone>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
) -> Option<Invalid> {
    build(operator, resource, cluster).children.err()
}

/// The reason, if the resource is rejected. Its objects must be deleted then.
pub(crate) fn withdrawn_in<O: Operator + Clone>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
) -> Option<&'static str> {
    let built = build(operator, resource, cluster);
    assert_eq!(built.withdraw != Withdraw::Never, built.children.is_err());
    built.children.err().map(|invalid| invalid.reason())
}

/// Reason and message, if the resource has expired.
pub(crate) fn expired_in<O: Operator + Clone>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
) -> Option<(&'static str, String)> {
    build(operator, resource, cluster).expired.map(|expired| (expired.reason, expired.message))
}

/// The report of a resource in a cluster with Ambassador, whose children of these kinds have these
/// statuses, and are in sync.
pub(crate) fn report<O: Operator + Clone>(
    operator: &O,
    resource: &O::Resource,
    children: &[(&str, &str)],
) -> Report<StatusOf<O>> {
    report_in(operator, resource, &with_ambassador(), children)
}

/// The same in this cluster.
pub(crate) fn report_in<O: Operator + Clone>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
    children: &[(&str, &str)],
) -> Report<StatusOf<O>> {
    report_with(operator, resource, cluster, children, &Readiness::Ready(String::new()))
}

/// The same where the children have this readiness.
pub(crate) fn report_with<O: Operator + Clone>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
    children: &[(&str, &str)],
    readiness: &Readiness,
) -> Report<StatusOf<O>> {
    let Built { children: desired, facts, .. } = build(operator, resource, cluster);
    let desired = desired.unwrap_or_default();
    let found: Vec<(Option<ObservedChild>, Outcome)> = desired
        .iter()
        .map(|desired| observe(&desired.kind.kind, &desired.key.name, children))
        .collect();
    let states = desired.iter().zip(&found);
    let states: Vec<ChildState<'_>> = states
        .map(|(desired, (observed, outcome))| ChildState {
            desired,
            observed: observed.as_ref(),
            outcome,
        })
        .collect();
    let observation = Observation { children: &states, facts: &facts, readiness };
    let controller = controller::controller(operator.clone());
    let Report { status, conditions, readiness } =
        controller.report(&in_namespace(resource), observation).unwrap();
    Report { status: serde_json::from_value(status).unwrap(), conditions, readiness }
}

fn observe(kind: &str, name: &str, children: &[(&str, &str)]) -> (Option<ObservedChild>, Outcome) {
    match children.iter().find(|child| child.0 == kind) {
        None => (None, Outcome::InSync),
        Some((_, NOT_SERVED)) => (None, Outcome::NotServed),
        Some((_, NOT_OWNED)) => (None, Outcome::NotOwned(Holder::NoController)),
        Some((_, status)) => {
            let (status, outcome) = match status.strip_prefix(HELD) {
                Some(status) => (status, Outcome::Held),
                None => (*status, Outcome::InSync),
            };
            let json = format!(
                r#"{{"metadata":{{"name":"{name}","namespace":"shop","uid":"u-2",
                    "resourceVersion":"1","generation":1}},"status":{status}}}"#
            );
            (Some(decode(json.as_bytes(), "test").unwrap()), outcome)
        }
    }
}

/// Status, reason and message of the condition RouteAccepted.
pub(crate) fn route_accepted(
    preview: &PreviewEnvironment,
    children: &[(&str, &str)],
) -> (Option<bool>, &'static str, String) {
    let condition = report(&PreviewOperator::default(), preview, children).conditions.remove(0);
    (condition.status, condition.reason, condition.message)
}
