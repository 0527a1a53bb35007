//! The route of a preview: one object of the kind that its spec, or the administrator, chose; and
//! whether whoever serves that kind takes it.
//!
//! - `http_route`, `ingress`, `mapping`: the object of each kind, and what its controller says
//!   about it
//! - `choice`: which of them it is where nobody chose, and the class of an Ingress
//! - `verdict`: what is known about a route, as the condition RouteAccepted has it
//! - here: which of them it is, and what all have in common

mod choice;
mod http_route;
mod ingress;
mod mapping;
mod verdict;

use k8s_openapi::api::core::v1::{Namespace, Service};
use kubewright::core::observed::{ChildState, Outcome};
use kubewright::{Children, Metadata, ObjectKey, Observed, View};
use operator_api::ambassador::Mapping;
use operator_api::gateway::HTTPRoute;
use operator_api::preview::{PreviewClaim, PreviewEnvironment, RouteType};

use super::PreviewOperator;
use super::blueprint::Blueprint;
use super::findings::{Findings, NoRoute};
use super::kinds::{Owns, Reads, Routes};
use super::policy::{Limit, Rules};
use super::{domains, service};
use verdict::{NOT_SERVED, Verdict};

/// What the route of a preview is, or why it has none, whoever else claims its host.
pub(super) fn choose(
    claim: &PreviewClaim,
    settings: &PreviewOperator,
    rules: &Rules,
    view: &View<'_, Reads>,
) -> Findings {
    let spoken = claim.spec.route.clone().unwrap_or_default();
    let chosen = spoken.type_.or_else(|| rules.default_route()).or(settings.default_route);
    let Some(host) = claim.host().filter(|_| chosen != Some(RouteType::None)) else {
        return Findings::of(RouteType::None);
    };
    let namespace = claim.metadata.namespace.as_deref().unwrap_or_default();
    let namespace = view.get::<Metadata<Namespace>, _>(&ObjectKey::cluster(namespace));
    if let Some(who) =
        domains::refused_by(host, namespace.as_deref(), &settings.allowed_domains, rules)
    {
        let message =
            format!("spec.fqdn is {host}, which previews of this namespace may not have: {who}");
        return Findings::without_route(NoRoute {
            reason: "HostNotAllowed",
            message,
            stalls: true,
        });
    }
    let gateways = rules.gateways().unwrap_or(&settings.default_gateways);
    let Some(type_) = chosen else {
        return choice::first_served(gateways, named_class(settings, rules), rules, view);
    };
    if let Some(limit) = rules.refuses_route(type_) {
        return refused(type_, &limit);
    }
    // Nobody would ever heed it.
    if type_ == RouteType::HttpRoute && spoken.parent_refs.is_empty() && gateways.is_empty() {
        let message = "an HTTPRoute leads through a Gateway, and none is named: write spec.route.parentRefs, like \
             [{name: public, namespace: gateways}], or another spec.route.type";
        return Findings::without_route(NoRoute {
            reason: "GatewayMissing",
            message: message.to_owned(),
            stalls: true,
        });
    }
    Findings::of(type_)
}

/// Whether a route of this type can be made in this cluster.
pub(super) fn is_served(type_: RouteType, view: &View<'_, Reads>) -> bool {
    match type_ {
        RouteType::HttpRoute => view.serves::<HTTPRoute, _>(),
        RouteType::Mapping => view.serves::<Mapping, _>(),
        // Its API is built in.
        RouteType::Ingress => true,
        RouteType::None => false,
    }
}

/// The class of an Ingress that the administrator named for previews that name none.
fn named_class<'a>(settings: &'a PreviewOperator, rules: &'a Rules) -> Option<&'a str> {
    rules.ingress_class().or(settings.default_ingress_class.as_deref())
}

/// The class of an Ingress where the spec names none.
pub(super) fn ingress_class(
    preview: &PreviewEnvironment,
    found: &Findings,
    settings: &PreviewOperator,
    rules: &Rules,
    view: &View<'_, Reads>,
) -> Option<String> {
    let names_one =
        preview.spec.route.as_ref().is_some_and(|route| route.ingress_class_name.is_some());
    if found.route_type != RouteType::Ingress || names_one {
        return None;
    }
    let named = || named_class(settings, rules).map(str::to_owned);
    found.ingress_class.clone().or_else(named).or_else(|| choice::ingress_class(view))
}

fn refused(type_: RouteType, limit: &Limit<'_, &[RouteType]>) -> Findings {
    let allowed: Vec<&str> = limit.value.iter().map(|type_| type_.as_str()).collect();
    let message = format!(
        "PreviewPolicy {} allows routes of type {}, and none of type {type_}: write another spec.route.type",
        limit.policy,
        allowed.join(" or ")
    );
    Findings::without_route(NoRoute { reason: "RouteTypeNotAllowed", message, stalls: true })
}

/// `children` with the route, if there is to be one.
pub(super) fn add_to(children: Children<Owns>, of: &Blueprint<'_>) -> Children<Owns> {
    match of.findings.route_type {
        _ if of.route_sleeps() => children,
        RouteType::HttpRoute => {
            children.with_alone_among::<Routes, _, _>(http_route::http_route(of))
        }
        RouteType::Ingress => children.with_alone_among::<Routes, _, _>(ingress::ingress(of)),
        RouteType::Mapping => children.with_alone_among::<Routes, _, _>(mapping::mapping(of)),
        RouteType::None => children,
    }
}

/// What is known about the route.
pub(super) fn verdict(of: &Blueprint<'_>, observed: &Observed<'_, Owns>) -> Verdict {
    let inside = format!(
        "the preview is reached inside the cluster only, at http://{}",
        service::address(of)
    );
    if of.route_sleeps() {
        let why = "there is no route while spec.suspend is true, because spec.route.whenSuspended is Remove";
        return Verdict::refused("RemovedWhileSuspended", why.to_owned());
    }
    if let Some(no_route) = &of.findings.no_route {
        // Of one that is refused nothing is there, and of one that is held no pod.
        let runs = of.replicas() > 0 && observed.child::<Service, _>(&of.name).is_some();
        let until_then = if runs { format!("; until then {inside}") } else { String::new() };
        return Verdict::refused(no_route.reason, no_route.message.clone() + &until_then);
    }
    let (child, says): (_, fn(&Blueprint<'_>, &ChildState<'_>) -> Verdict) = match of
        .findings
        .route_type
    {
        RouteType::None => {
            let message = format!(
                "{inside}: the type of its route is None; write another spec.route.type for a URL"
            );
            return Verdict::refused("NotRequested", message);
        }
        RouteType::HttpRoute => (http_route::child(of, observed), http_route::verdict),
        RouteType::Ingress => (ingress::child(of, observed), ingress::verdict),
        RouteType::Mapping => (mapping::child(of, observed), mapping::verdict),
    };
    match child {
        Some(child) if *child.outcome == Outcome::NotServed => {
            not_served(of.findings.route_type, &inside)
        }
        Some(child) if *child.outcome == Outcome::InSync && child.observed.is_some() => {
            says(of, child)
        }
        Some(ChildState { outcome: Outcome::Held(before), .. }) => Verdict::refused(
            "RouteNotInPlace",
            format!(
                "{} {} is made when {before} is gone; see Ready",
                of.findings.route_type, of.name
            ),
        ),
        _ => Verdict::refused(
            "RouteNotInPlace",
            format!("{} {} is not in place; see Ready", of.findings.route_type, of.name),
        ),
    }
}

fn not_served(route_type: RouteType, inside: &str) -> Verdict {
    let (api, install) = match route_type {
        RouteType::HttpRoute => {
            ("gateway.networking.k8s.io/v1", "the Gateway API and a controller for it")
        }
        RouteType::Mapping => ("getambassador.io/v3alpha1", "Ambassador (Emissary-ingress)"),
        RouteType::Ingress | RouteType::None => {
            ("networking.k8s.io/v1", "a Kubernetes that serves it")
        }
    };
    Verdict::refused(
        NOT_SERVED,
        format!(
            "this cluster has no {route_type} of {api}: install {install}, and the route is made by itself, or write another \
             spec.route.type; until then {inside}"
        ),
    )
}

#[cfg(test)]
mod tests {
    use kubewright::{Operator, Verdict};
    use operator_api::preview::{PreviewEnvironment, Route, RouteType, WhenSuspended};
    use serde_json::json;

    use crate::preview::PreviewOperator;
    use crate::preview::policy::tests::policy;
    use crate::testing::{self, conditions_of, preview, told};

    fn routed_by(type_: RouteType) -> PreviewEnvironment {
        let mut preview = preview("web");
        preview.spec.route = Some(Route { type_: Some(type_), ..Route::default() });
        preview
    }

    #[test]
    fn a_preview_without_a_route_says_where_it_is_reached() {
        let (status, reason, message) = told(&routed_by(RouteType::None), &[]);
        assert_eq!((status, reason), (Some(false), "NotRequested"));
        assert!(
            message.contains("http://web.shop:80") && message.contains("spec.route.type"),
            "{message}"
        );
    }

    #[test]
    fn where_the_api_of_a_route_is_not_served_the_condition_says_what_to_install() {
        let (status, reason, message) = told(&preview("web"), &[("Mapping", testing::NOT_SERVED)]);
        assert_eq!((status, reason), (Some(false), "RouteApiNotServed"));
        assert!(
            message.contains("install Ambassador") && message.contains("http://web.shop:80"),
            "{message}"
        );
    }

    #[test]
    fn a_route_that_is_not_in_place_is_not_accepted() {
        for type_ in [RouteType::Ingress, RouteType::Mapping] {
            let (status, reason, message) = told(&routed_by(type_), &[]);
            assert_eq!((status, reason), (Some(false), "RouteNotInPlace"));
            assert_eq!(message, format!("{type_} web is not in place; see Ready"));
        }
    }

    #[test]
    fn a_route_that_sleeps_says_why_it_is_gone() {
        let mut preview = preview("web");
        preview.spec.suspend = Some(true);
        preview.spec.route =
            Some(Route { when_suspended: Some(WhenSuspended::Remove), ..Route::default() });
        let (status, reason, message) = told(&preview, &[]);
        assert_eq!((status, reason), (Some(false), "RemovedWhileSuspended"));
        assert!(message.contains("spec.route.whenSuspended"), "{message}");
    }

    #[test]
    fn a_route_of_a_type_that_is_not_allowed_is_not_made_and_the_preview_says_by_whom() {
        let only = |types: &[&str]| {
            testing::with_ambassador().with(policy("p", json!({ "routes": { "types": types } })))
        };
        let said = |preview: &PreviewEnvironment, types: &[&str]| {
            let operator = PreviewOperator::default();
            testing::observed_in(&operator, preview, &only(types), &[], |observed| {
                let told = operator.conditions(preview, observed).remove(0);
                (
                    told.reason,
                    told.message,
                    operator.verdict(preview, observed, Verdict::Ready(String::new())),
                )
            })
        };
        let (reason, message, verdict) =
            said(&routed_by(RouteType::Mapping), &["Ingress", "HTTPRoute"]);
        assert_eq!(reason, "RouteTypeNotAllowed");
        assert!(
            message.starts_with("PreviewPolicy p allows routes of type Ingress or HTTPRoute, and none of type Mapping"),
            "{message}"
        );
        assert!(matches!(verdict, Verdict::Stalled("RouteTypeNotAllowed", _)), "{verdict:?}");
        assert_eq!(
            said(&routed_by(RouteType::None), &["Ingress"]).0,
            "NotRequested",
            "which is always allowed"
        );
        assert_eq!(said(&routed_by(RouteType::Ingress), &["Ingress"]).0, "RouteNotInPlace");
        let (reason, message, _) = said(&preview("web"), &["Ingress"]);
        assert_eq!(reason, "RouteApiNotServed", "a Mapping is served, and not allowed");
        assert!(
            message.contains("PreviewPolicy p allows routes of type Ingress alone"),
            "{message}"
        );
    }

    #[test]
    fn there_is_one_condition_about_the_route_and_it_has_one_name() {
        let conditions =
            conditions_of(&PreviewOperator::default(), &preview("web"), &[("Mapping", "{}")]);
        assert_eq!(
            conditions.iter().map(|condition| condition.type_).collect::<Vec<_>>(),
            ["RouteAccepted"]
        );
    }
}
