//! The type of a preview's route, with its Gateways or its class: from the spec, or else a policy,
//! the operator's settings, or what the cluster serves.
//!
//! That an API is served does not mean that a controller implements it. So the choice needs more: a
//! Gateway that somebody named, or an IngressClass, which comes with its controller.

use std::cmp::Reverse;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::networking::v1::IngressClass;
use kubewright::{Metadata, of};
use operator_api::ambassador::Mapping;
use operator_api::gateway::HTTPRoute;
use operator_api::preview::{GatewayRef, PreviewClaim, RouteType};

use super::decision::{NOT_SERVED, Refusal};
use super::domains;
use super::policy::{Limit, Policies};
use crate::preview::kinds::PreviewView;
use crate::preview::settings::PreviewOperator;

/// The annotation of the `IngressClass` that Kubernetes gives to an Ingress without a class.
const IS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// The type of the route, without regard to other previews that claim the host.
///
/// # Errors
/// Why the preview has no route.
pub(super) fn choose(
    claim: &PreviewClaim,
    settings: &PreviewOperator,
    policies: &Policies,
    view: &PreviewView<'_>,
) -> Result<RouteType, Refusal> {
    let spec = claim.spec.route.as_ref();
    let chosen = spec
        .and_then(|route| route.type_)
        .or_else(|| policies.default_route())
        .or(settings.default_route);
    let Some(host) = claim.host().filter(|_| chosen != Some(RouteType::None)) else {
        return Ok(RouteType::None);
    };
    let namespace = claim.metadata.namespace.as_deref().unwrap_or_default();
    let namespace = view.get(of::<Metadata<Namespace>>(), namespace);
    let domains = &settings.allowed_domains;
    if let Some(rejection) = domains::rejection(host, namespace.as_deref(), domains, policies) {
        let message = format!("spec.fqdn is {host}, but {rejection}: write an allowed host");
        return Err(Refusal::new("HostNotAllowed", message));
    }
    let Some(type_) = chosen else { return first_served(settings, policies, view) };
    if let Some(limit) = policies.rejects_route(type_) {
        return Err(type_not_allowed(type_, &limit));
    }
    let gateways = spec.map(|route| &*route.parent_refs).unwrap_or_default();
    if type_ == RouteType::HttpRoute && self::gateways(gateways, settings, policies).is_empty() {
        return Err(Refusal::new(
            "GatewayMissing",
            "an HTTPRoute needs a Gateway, and none is named: write spec.route.parentRefs, for \
             example [{name: public, namespace: gateways}], or another spec.route.type",
        ));
    }
    Ok(type_)
}

/// The first type that policies allow and the cluster serves.
fn first_served(
    settings: &PreviewOperator,
    policies: &Policies,
    view: &PreviewView<'_>,
) -> Result<RouteType, Refusal> {
    const TYPES: [RouteType; 3] = [RouteType::HttpRoute, RouteType::Ingress, RouteType::Mapping];
    let can_be_served = |type_: &RouteType| match type_ {
        RouteType::HttpRoute => {
            !gateways(&[], settings, policies).is_empty() && is_served(*type_, view)
        }
        RouteType::Ingress => ingress_class(None, settings, policies, view).is_some(),
        _ => is_served(*type_, view),
    };
    let rejected = |type_: &RouteType| policies.rejects_route(*type_);
    let mut allowed = TYPES.into_iter().filter(|type_| rejected(type_).is_none());
    allowed.find(can_be_served).ok_or_else(|| {
        let limit = TYPES.iter().find_map(rejected).map(|limit| {
            format!(" (PreviewPolicy {} allows only {})", limit.policy, list(limit.value))
        });
        let message = format!(
            "this cluster serves no route{}: install a controller for the Gateway API and name its \
             Gateway in --preview-gateway of the operator, or an ingress controller with its \
             IngressClass, or Ambassador (Emissary-ingress)",
            limit.unwrap_or_default(),
        );
        Refusal::new(NOT_SERVED, message).without_stalling()
    })
}

fn type_not_allowed(type_: RouteType, limit: &Limit<'_, &[RouteType]>) -> Refusal {
    let (policy, allowed) = (limit.policy, list(limit.value));
    let message = format!(
        "the route type is {type_}, but PreviewPolicy {policy} allows only {allowed}: write \
         another spec.route.type"
    );
    Refusal::new("RouteTypeNotAllowed", message)
}

fn list(types: &[RouteType]) -> String {
    types.iter().map(|type_| type_.as_str()).collect::<Vec<_>>().join(" or ")
}

/// Whether the cluster serves the API of this route type. Ingress is built into Kubernetes.
pub(super) fn is_served(type_: RouteType, view: &PreviewView<'_>) -> bool {
    match type_ {
        RouteType::HttpRoute => view.serves(of::<HTTPRoute>()),
        RouteType::Ingress => true,
        RouteType::Mapping => view.serves(of::<Mapping>()),
        RouteType::None => false,
    }
}

/// The Gateways of an `HTTPRoute` whose spec names these.
pub(super) fn gateways<'a>(
    spec: &'a [GatewayRef],
    settings: &'a PreviewOperator,
    policies: &'a Policies,
) -> &'a [GatewayRef] {
    match spec {
        [] => policies.gateways().unwrap_or(&settings.default_gateways),
        spec => spec,
    }
}

/// The class of an Ingress whose spec names this class.
pub(super) fn ingress_class(
    spec: Option<&str>,
    settings: &PreviewOperator,
    policies: &Policies,
    view: &PreviewView<'_>,
) -> Option<String> {
    spec.or_else(|| policies.ingress_class())
        .or(settings.default_ingress_class.as_deref())
        .map(str::to_owned)
        .or_else(|| cluster_class(view))
}

/// The default `IngressClass` of the cluster, or else the oldest: a class that is added later does
/// not take over existing Ingresses.
fn cluster_class(view: &PreviewView<'_>) -> Option<String> {
    let classes = view.list(of::<Metadata<IngressClass>>(), None, &[]);
    let created = |class: &Metadata<IngressClass>| {
        class.metadata.creation_timestamp.as_ref().map(|time| time.0)
    };
    let name = |class: &Metadata<IngressClass>| class.metadata.name.clone();
    let is_default = |class: &Metadata<IngressClass>| {
        let annotations = class.metadata.annotations.as_ref();
        annotations.and_then(|all| all.get(IS_DEFAULT)).is_some_and(|value| value == "true")
    };
    // Of several defaults, Kubernetes (the admission plugin DefaultIngressClass) takes the newest,
    // and of the same second the first by name.
    let default = classes
        .iter()
        .filter(|class| is_default(class))
        .min_by_key(|class| (Reverse(created(class)), name(class)));
    default
        .or_else(|| classes.iter().min_by_key(|class| (created(class), name(class))))
        .and_then(|class| name(class))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
    use k8s_openapi::jiff::Timestamp;
    use kubewright::view::{Lookup, Query};

    use super::*;
    use crate::testing::{FakeCluster, gateway, view_of};

    /// A class that was created in this second.
    fn class(name: &str, second: i64) -> Metadata<IngressClass> {
        let metadata = ObjectMeta {
            name: Some(name.into()),
            creation_timestamp: Some(Time(Timestamp::from_second(second).unwrap())),
            ..ObjectMeta::default()
        };
        Metadata { types: None, metadata, _phantom: std::marker::PhantomData }
    }

    fn default(mut class: Metadata<IngressClass>) -> Metadata<IngressClass> {
        class.metadata.annotations = Some([(IS_DEFAULT.to_owned(), "true".to_owned())].into());
        class
    }

    fn cluster_with(classes: &[Metadata<IngressClass>]) -> FakeCluster {
        classes.iter().fold(FakeCluster::empty(), |cluster, class| cluster.with(class.clone()))
    }

    fn with_gateway() -> PreviewOperator {
        PreviewOperator {
            default_gateways: vec![gateway("public", None, None)],
            ..PreviewOperator::default()
        }
    }

    fn chosen(settings: &PreviewOperator, cluster: &FakeCluster) -> Result<RouteType, Refusal> {
        first_served(settings, &Policies::default(), &view_of(cluster))
    }

    #[test]
    fn the_first_served_of_http_route_ingress_and_mapping_is_chosen() {
        let (with_gateway, without) = (with_gateway(), PreviewOperator::default());
        let serving = || FakeCluster::empty().serving::<HTTPRoute>().serving::<Mapping>();
        let all = serving().with(class("nginx", 1));
        assert_eq!(chosen(&with_gateway, &all), Ok(RouteType::HttpRoute));
        assert_eq!(chosen(&without, &all), Ok(RouteType::Ingress), "no Gateway is named");
        assert_eq!(chosen(&without, &serving()), Ok(RouteType::Mapping));
        let only_mapping = FakeCluster::empty().serving::<Mapping>();
        assert_eq!(chosen(&with_gateway, &only_mapping), Ok(RouteType::Mapping));
    }

    #[test]
    fn an_ingress_has_the_default_class_or_else_the_oldest_and_a_later_class_changes_nothing() {
        let class_of =
            |classes: &[Metadata<IngressClass>]| cluster_class(&view_of(&cluster_with(classes)));
        let named = |name: &str| Some(name.to_owned());
        let (old, new) = (class("b", 1), class("a", 2));
        assert_eq!(class_of(&[]), None);
        assert_eq!(class_of(std::slice::from_ref(&old)), named("b"));
        assert_eq!(
            class_of(&[default(old.clone())]),
            named("b"),
            "to make the only class the default changes nothing either"
        );
        assert_eq!(class_of(&[old.clone(), new.clone()]), named("b"));
        assert_eq!(class_of(&[old.clone(), default(new.clone())]), named("a"));
        assert_eq!(
            class_of(&[default(old), default(new.clone())]),
            named("a"),
            "Kubernetes chooses the newest default, too"
        );
        assert_eq!(
            class_of(&[class("b", 2), new.clone()]),
            named("a"),
            "of the same second the first by name"
        );
        assert_eq!(class_of(&[default(class("b", 2)), default(new)]), named("a"));
    }

    #[test]
    fn a_class_of_the_settings_is_used_without_a_look_up() {
        let settings = PreviewOperator {
            default_ingress_class: Some("traefik".into()),
            ..PreviewOperator::default()
        };
        let cluster = cluster_with(&[default(class("nginx", 1))]);
        let view = view_of(&cluster);
        assert_eq!(first_served(&settings, &Policies::default(), &view), Ok(RouteType::Ingress));
        let class = ingress_class(None, &settings, &Policies::default(), &view);
        assert_eq!(class.as_deref(), Some("traefik"));
        assert!(view.into_lookups().is_empty());
    }

    #[test]
    fn where_no_route_is_served_the_message_says_what_to_install_and_the_preview_can_be_ready() {
        let refusal = chosen(&PreviewOperator::default(), &FakeCluster::empty()).unwrap_err();
        assert_eq!((refusal.reason, refusal.stalls), ("RouteApiNotServed", false));
        for word in ["Gateway API", "ingress controller", "Ambassador"] {
            assert!(refusal.message.contains(word), "{}", refusal.message);
        }
    }

    #[test]
    fn only_kinds_that_decide_are_looked_up() {
        let lookups = |settings: &PreviewOperator, cluster: &FakeCluster| {
            let view = view_of(cluster);
            let _ = first_served(settings, &Policies::default(), &view);
            let name =
                |lookup: Lookup| (lookup.kind.kind.into_owned(), lookup.query == Query::Served);
            view.into_lookups().into_iter().map(name).collect::<Vec<_>>()
        };
        let (route, ingress, mapping) =
            ("HTTPRoute".to_owned(), "IngressClass".to_owned(), "Mapping".to_owned());
        assert_eq!(
            lookups(&with_gateway(), &FakeCluster::empty().serving::<HTTPRoute>()),
            [(route.clone(), true)]
        );
        assert_eq!(
            lookups(&PreviewOperator::default(), &cluster_with(&[class("nginx", 1)])),
            [(ingress.clone(), false)]
        );
        assert_eq!(
            lookups(&with_gateway(), &FakeCluster::empty()),
            [(route, true), (ingress, false), (mapping, true)]
        );
    }
}
