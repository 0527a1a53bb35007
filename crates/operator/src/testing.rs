//! What the unit tests of this crate share: resources as they are usually meant, and clusters in a
//! given state.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubewright::core::children::{Child, Owner, Parts, Stamp};
use kubewright::core::desired::Desired;
use kubewright::core::kind::Kinds;
use kubewright::core::observed::{ChildState, ObservedChild, Outcome, decode};
use kubewright::core::view::Fixed;
use kubewright::{
    Children, Condition, Invalid, KindInfo, Metadata, ObjectKey, Observed, Operator, Part,
    StatusOf, View,
};
use operator_api::ambassador::Mapping;
use operator_api::echo::EchoService;
use operator_api::preview::{
    PreviewClaim, PreviewEnvironment, PreviewEnvironmentSpec, PreviewPlace, RouteType,
};

use crate::echo::Blueprint;
use crate::preview::{Findings, PreviewOperator};
use crate::{echo, naming};

/// In place of a child's status: its API is not served.
pub(crate) const NOT_SERVED: &str = "not served";

/// What an Echo of example.com with an empty spec asks for.
pub(crate) fn blueprint(name: &str) -> Blueprint<'_> {
    Blueprint {
        resource: name,
        name: naming::shared_name(&[name]),
        labels: naming::selector("echo", name),
        replicas: 1,
        server: echo::Server::Request,
        image: None,
        resources: None,
        service: EchoService::default(),
    }
}

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

/// What a preview asks for where the administrator chose nothing, and Ambassador is what serves
/// routes.
pub(crate) fn blueprint_of(preview: &PreviewEnvironment) -> crate::preview::Blueprint<'_> {
    let route_type =
        preview.spec.route.as_ref().and_then(|route| route.type_).unwrap_or(RouteType::Mapping);
    crate::preview::Blueprint::of(preview, Findings::of(route_type))
}

/// A cluster in which Ambassador is what serves routes, and nothing else is of importance.
pub(crate) fn with_ambassador() -> Fixed {
    Fixed::empty().serving::<Mapping>()
}

/// The same cluster with this preview in it, as other previews see it.
pub(crate) fn beside(world: Fixed, preview: &PreviewEnvironment) -> Fixed {
    world
        .with_as::<Part<PreviewClaim>>(PreviewClaim::of(preview))
        .with_as::<Part<PreviewPlace>>(PreviewPlace::of(preview))
}

/// What a preview whose children have these kinds and statuses says about its route: status,
/// reason, message.
pub(crate) fn told(
    preview: &PreviewEnvironment,
    children: &[(&str, &str)],
) -> (Option<bool>, &'static str, String) {
    let condition = conditions_of(&PreviewOperator::default(), preview, children).remove(0);
    (condition.status, condition.reason, condition.message)
}

/// A namespace as the operators read it.
pub(crate) fn namespace(name: &str, labels: &[(&str, &str)]) -> Metadata<Namespace> {
    let labels =
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let metadata =
        ObjectMeta { name: Some(name.into()), labels: Some(labels), ..ObjectMeta::default() };
    Metadata { types: None, metadata, _phantom: std::marker::PhantomData }
}

fn stamped(children: Vec<Child>) -> Vec<Desired> {
    let owner = Owner {
        kind: KindInfo::of::<PreviewEnvironment>(),
        key: ObjectKey::new("shop", "owner"),
        uid: "u-1".into(),
    };
    Stamp { controller: "test", manager: "test", sharded: false }.all(&owner, children).unwrap()
}

/// The objects of a resource, in a cluster with these objects.
pub(crate) fn desired_in<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    world: &Fixed,
) -> Vec<Desired> {
    stamped(operator.build(resource, &View::new(world)).unwrap().into_vec().unwrap())
}

/// `Deployment web`, `Service web`, ...
pub(crate) fn kinds_and_names<O: Kinds>(children: Result<Children<O>, Invalid>) -> Vec<String> {
    stamped(children.unwrap().into_vec().unwrap())
        .iter()
        .map(|child| format!("{} {}", child.kind, child.key.name))
        .collect()
}

/// The same for an operator and a resource, in a cluster with Ambassador.
pub(crate) fn names_of<O: Operator>(operator: &O, resource: &O::Resource) -> Vec<String> {
    names_in(operator, resource, &with_ambassador())
}

/// The same in a cluster with these objects.
pub(crate) fn names_in<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    world: &Fixed,
) -> Vec<String> {
    kinds_and_names(operator.build(resource, &View::new(world)))
}

/// The status of a resource whose children have these kinds and statuses, and are as they should
/// be.
pub(crate) fn status_of<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    children: &[(&str, &str)],
) -> StatusOf<O> {
    observed_in(operator, resource, &with_ambassador(), children, |observed| {
        operator.status(resource, observed)
    })
}

/// The operator's own conditions in that case.
pub(crate) fn conditions_of<O: Operator>(
    operator: &O,
    resource: &O::Resource,
    children: &[(&str, &str)],
) -> Vec<Condition> {
    observed_in(operator, resource, &with_ambassador(), children, |observed| {
        operator.conditions(resource, observed)
    })
}

/// What `then` makes of a resource in a cluster with these objects, whose children have these kinds
/// and statuses.
pub(crate) fn observed_in<O: Operator, T>(
    operator: &O,
    resource: &O::Resource,
    world: &Fixed,
    children: &[(&str, &str)],
    then: impl FnOnce(&Observed<'_, O::Owns>) -> T,
) -> T {
    let Parts { children: wanted, facts, .. } =
        operator.build(resource, &View::new(world)).unwrap().into_parts().unwrap();
    let desired = stamped(wanted);
    let found: Vec<(Option<ObservedChild>, Outcome)> =
        desired.iter().map(|want| observe(want, children)).collect();
    let states: Vec<ChildState<'_>> = desired
        .iter()
        .zip(&found)
        .map(|(desired, (observed, outcome))| ChildState {
            desired,
            observed: observed.as_ref(),
            outcome,
        })
        .collect();
    then(&Observed::with(&states, &facts))
}

fn observe(want: &Desired, children: &[(&str, &str)]) -> (Option<ObservedChild>, Outcome) {
    match children.iter().find(|(kind, _)| *want.kind.kind == **kind) {
        None => (None, Outcome::InSync),
        Some((_, NOT_SERVED)) => (None, Outcome::NotServed),
        Some((_, status)) => {
            let (name, status): (&str, Cow<'_, str>) = (&want.key.name, (*status).into());
            let json = format!(
                r#"{{"metadata":{{"name":"{name}","namespace":"shop","uid":"u-2","resourceVersion":"1","generation":1}},"status":{status}}}"#
            );
            (Some(decode(json.as_bytes(), "test").unwrap()), Outcome::InSync)
        }
    }
}
