//! Helpers of the unit tests: resources, clusters in a given state, and what an operator makes of
//! them.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kubewright::core::children::{Child, Owner, Parts, Stamp};
use kubewright::core::desired::Desired;
use kubewright::core::facts::Facts;
use kubewright::core::observed::{ChildState, ObservedChild, Outcome, decode};
pub(crate) use kubewright::core::view::Fixed as FakeCluster;
use kubewright::{KindInfo, Metadata, ObjectKey, Observed, Operator, Part, StatusOf, View};
use operator_api::ambassador::Mapping;
use operator_api::preview::{
    GatewayRef, PreviewClaim, PreviewEnvironment, PreviewEnvironmentSpec, PreviewPlace,
};

pub(crate) use crate::compat::{Readiness, Report};
use crate::preview::PreviewOperator;

/// In place of the status of a child: its API is not served.
pub(crate) const NOT_SERVED: &str = "not served";

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
        .with_as::<Part<PreviewPlace>>(PreviewPlace::from(preview))
}

/// A namespace as the operators read it.
pub(crate) fn namespace(name: &str, labels: &[(&str, &str)]) -> Metadata<Namespace> {
    let labels =
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let metadata =
        ObjectMeta { name: Some(name.into()), labels: Some(labels), ..ObjectMeta::default() };
    Metadata { types: None, metadata, _phantom: std::marker::PhantomData }
}

fn complete(children: Vec<Child>) -> Vec<Desired> {
    let owner = Owner {
        kind: KindInfo::of::<PreviewEnvironment>(),
        key: ObjectKey::new("shop", "owner"),
        uid: "u-1".into(),
    };
    Stamp { controller: "test", manager: "test", sharded: false }.all(&owner, children).unwrap()
}

/// What `build` returned: the objects and facts; or reason and message of the rejection, whether it
/// deletes the objects, and the facts. And reason and message of the expiry.
struct Built {
    children: Vec<Desired>,
    facts: Facts,
    rejection: Option<(&'static str, String)>,
    withdraws: bool,
    expired: Option<(&'static str, String)>,
}

fn build<O: Operator>(operator: &O, resource: &O::Resource, cluster: &FakeCluster) -> Built {
    match operator.build(resource, &View::new(cluster)) {
        Ok(children) => {
            let Parts { children, facts, retire } = children.into_parts().unwrap();
            Built {
                children: complete(children),
                facts,
                rejection: None,
                withdraws: false,
                expired: retire.map(|retire| (retire.reason, retire.message)),
            }
        }
        Err(invalid) => Built {
            children: Vec::new(),
            facts: invalid.facts,
            rejection: Some((invalid.reason, invalid.message)),
            withdraws: invalid.withdraw,
            expired: invalid.retire.map(|retire| (retire.reason, retire.message)),
        },
    }
}

/// The objects of a resource in this cluster.
pub(crate) fn desired_in<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
) -> Vec<Desired> {
    let built = build(operator, resource, cluster);
    assert_eq!(built.rejection, None);
    built.children
}

/// The objects of a resource in this cluster: `Deployment web`, `Service web`, ...
pub(crate) fn names_in<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
) -> Vec<String> {
    let children = desired_in(operator, resource, cluster);
    children.iter().map(|child| format!("{} {}", child.kind, child.key.name)).collect()
}

/// The same in a cluster with Ambassador.
pub(crate) fn names_of<O: Operator>(operator: &O, resource: &O::Resource) -> Vec<String> {
    names_in(operator, resource, &with_ambassador())
}

/// Reason and message, if the resource is rejected.
pub(crate) fn rejection_in<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
) -> Option<(&'static str, String)> {
    build(operator, resource, cluster).rejection
}

/// The reason, if the resource is rejected. Its objects must be deleted then.
pub(crate) fn withdrawn_in<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
) -> Option<&'static str> {
    let built = build(operator, resource, cluster);
    assert_eq!(built.withdraws, built.rejection.is_some());
    built.rejection.map(|(reason, _)| reason)
}

/// Reason and message, if the resource has expired.
pub(crate) fn expired_in<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
) -> Option<(&'static str, String)> {
    build(operator, resource, cluster).expired
}

/// The report of a resource in a cluster with Ambassador, whose children of these kinds have these
/// statuses, and are in sync.
pub(crate) fn report<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    children: &[(&str, &str)],
) -> Report<StatusOf<O>> {
    report_in(operator, resource, &with_ambassador(), children)
}

/// The same in this cluster.
pub(crate) fn report_in<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
    children: &[(&str, &str)],
) -> Report<StatusOf<O>> {
    report_with(operator, resource, cluster, children, Readiness::Ready(String::new()))
}

/// The same where the children have this readiness.
pub(crate) fn report_with<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    cluster: &FakeCluster,
    children: &[(&str, &str)],
    readiness: Readiness,
) -> Report<StatusOf<O>> {
    let Built { children: desired, facts, .. } = build(operator, resource, cluster);
    let found: Vec<(Option<ObservedChild>, Outcome)> =
        desired.iter().map(|desired| observe(desired, children)).collect();
    let states = desired.iter().zip(&found);
    let states: Vec<ChildState<'_>> = states
        .map(|(desired, (observed, outcome))| ChildState {
            desired,
            observed: observed.as_ref(),
            outcome,
        })
        .collect();
    let observed = Observed::with(&states, &facts);
    Report {
        status: operator.status(resource, &observed),
        conditions: operator.conditions(resource, &observed),
        readiness: operator.verdict(resource, &observed, readiness),
    }
}

fn observe(desired: &Desired, children: &[(&str, &str)]) -> (Option<ObservedChild>, Outcome) {
    match children.iter().find(|(kind, _)| *desired.kind.kind == **kind) {
        None => (None, Outcome::InSync),
        Some((_, NOT_SERVED)) => (None, Outcome::NotServed),
        Some((_, status)) => {
            let (name, status): (&str, Cow<'_, str>) = (&desired.key.name, (*status).into());
            let json = format!(
                r#"{{"metadata":{{"name":"{name}","namespace":"shop","uid":"u-2",
                    "resourceVersion":"1","generation":1}},"status":{status}}}"#
            );
            (Some(decode(json.as_bytes(), "test").unwrap()), Outcome::InSync)
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
