//! Whether the host leads to the preview, as far as the controller of its route reports it.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{Ingress, IngressStatus};
use kubewright::observed::{ChildState, Outcome};
use kubewright::{Condition, of};
use operator_api::ambassador::{Mapping, MappingStatus};
use operator_api::gateway::HTTPRoute;
use operator_api::preview::{NOT_ACCEPTED, RouteType};

use super::acceptance::{self, NOT_IN_PLACE, NOT_REQUESTED, leads_to};
use super::http_route;
use crate::preview::admission::decision::{Decision, NOT_SERVED, Routing};
use crate::preview::kinds::PreviewObserved;
use crate::preview::objects::blueprint::Blueprint;
use crate::preview::objects::service;

/// The state of a Mapping that Ambassador does not serve.
const INACTIVE: &str = "Inactive";
/// The state of a Mapping that Ambassador serves.
const RUNNING: &str = "Running";

/// The condition RouteAccepted. `None` instead of a decision: the preview is rejected.
pub(crate) fn condition(
    blueprint: &Blueprint<'_>,
    decision: Option<&Decision>,
    observed: &PreviewObserved<'_>,
) -> Condition {
    let Some(decision) = decision else {
        return acceptance::rejected(NOT_IN_PLACE, "there is no route; see Ready");
    };
    let name = &blueprint.name;
    let service = observed.child(of::<Service>(), name);
    let leads_to_pods = service.is_some_and(|service| service.outcome.is_in_place());
    let inside = (decision.replicas > 0 && leads_to_pods).then(|| {
        format!("reachable inside the cluster only, at http://{}", service::address(blueprint))
    });
    let until_then = inside.as_ref().map(|inside| format!("; until then {inside}"));
    let until_then = until_then.unwrap_or_default();
    let (type_, child) = match &decision.routing {
        Routing::HttpRoute(_) => (RouteType::HttpRoute, observed.child(of::<HTTPRoute>(), name)),
        Routing::Ingress(_) => (RouteType::Ingress, observed.child(of::<Ingress>(), name)),
        Routing::Mapping => (RouteType::Mapping, observed.child(of::<Mapping>(), name)),
        Routing::NotRequested => {
            let remedy = "the route type is None; write another spec.route.type to get a URL";
            let inside = inside.map(|inside| inside + ": ").unwrap_or_default();
            return acceptance::rejected(NOT_REQUESTED, inside + remedy);
        }
        Routing::RemovedWhileSuspended => {
            let message = "there is no route while spec.suspend is true, because \
                           spec.route.whenSuspended is Remove";
            return acceptance::rejected("RemovedWhileSuspended", message);
        }
        Routing::Refused(refusal) => {
            return acceptance::rejected(refusal.reason, refusal.message.clone() + &until_then);
        }
    };
    let message = match child {
        Some(child) if *child.outcome == Outcome::NotServed => {
            return not_served(type_, &until_then);
        }
        Some(child) if child.outcome.is_in_place() && child.observed.is_some() => {
            return match &decision.routing {
                Routing::HttpRoute(gateways) => http_route::condition(blueprint, gateways, child),
                Routing::Ingress(class) => {
                    ingress(blueprint, class.as_deref(), decision.needs_no_address, child)
                }
                _ => mapping(blueprint, child),
            };
        }
        Some(ChildState { outcome: Outcome::AwaitsDeletion(before), .. }) => {
            format!("{type_} {name} is created when {before} is gone; see Ready")
        }
        _ => format!("{type_} {name} is not in place; see Ready"),
    };
    acceptance::rejected(NOT_IN_PLACE, message)
}

/// Kubernetes always serves Ingress.
fn not_served(type_: RouteType, until_then: &str) -> Condition {
    let (api, install) = match type_ {
        RouteType::HttpRoute => {
            ("gateway.networking.k8s.io/v1", "the Gateway API and a controller for it")
        }
        _ => ("getambassador.io/v3alpha1", "Ambassador (Emissary-ingress)"),
    };
    let message = format!(
        "this cluster does not serve {type_} of {api}: install {install}, or write another \
         spec.route.type{until_then}"
    );
    acceptance::rejected(NOT_SERVED, message)
}

/// The controller of an Ingress reports only the address at which it serves the host.
fn ingress(
    blueprint: &Blueprint<'_>,
    class: Option<&str>,
    needs_no_address: bool,
    child: &ChildState<'_>,
) -> Condition {
    let status = child.status::<IngressStatus>().unwrap_or_default();
    let addresses = status.load_balancer.and_then(|balancer| balancer.ingress).unwrap_or_default();
    if let Some(address) = addresses.into_iter().find_map(|a| a.ip.or(a.hostname)) {
        return acceptance::accepted(format!("{}, by {address}", leads_to(blueprint)));
    }
    if let Some(class) = class.filter(|_| needs_no_address) {
        return acceptance::not_reported(format!(
            "{}, as far as is known: the controller of class {class} reports no address of Ingress \
             {}",
            leads_to(blueprint),
            blueprint.name
        ));
    }
    let served = match class {
        Some(class) => format!("the class {class}"),
        None => "Ingresses without a class (this cluster has no IngressClass, and \
                 spec.route.ingressClassName is not set)"
            .to_owned(),
    };
    acceptance::waiting(format!(
        "Ingress {} has no address yet: it gets one from an ingress controller that serves \
         {served}",
        blueprint.name
    ))
}

/// By default Ambassador reports nothing.
fn mapping(blueprint: &Blueprint<'_>, child: &ChildState<'_>) -> Condition {
    let (name, status) = (&blueprint.name, child.status::<MappingStatus>().unwrap_or_default());
    match status.state.as_deref() {
        Some(INACTIVE) => {
            let cause = status.reason.unwrap_or_default();
            let message = format!("Ambassador does not serve Mapping {name}: {cause}");
            acceptance::rejected(NOT_ACCEPTED, message)
        }
        Some(RUNNING) => acceptance::accepted(leads_to(blueprint)),
        _ => acceptance::not_reported(format!(
            "{}, as far as is known: Ambassador does not report the state of Mapping {name}",
            leads_to(blueprint)
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use operator_api::preview::{PreviewEnvironment, Route, WhenSuspended};
    use serde_json::json;

    use crate::preview::admission::policy::tests::policy;
    use crate::preview::settings::PreviewOperator;
    use crate::testing::{self, Readiness, preview, report, route_accepted};

    use super::*;

    fn routed_by(type_: RouteType) -> PreviewEnvironment {
        let mut preview = preview("web");
        preview.spec.route = Some(Route { type_: Some(type_), ..Route::default() });
        preview
    }

    #[test]
    fn a_preview_without_a_route_reports_its_address_inside_the_cluster() {
        let (status, reason, message) = route_accepted(&routed_by(RouteType::None), &[]);
        assert_eq!((status, reason), (Some(false), "NotRequested"));
        assert!(
            message.contains("http://web.shop:80") && message.contains("spec.route.type"),
            "{message}"
        );
    }

    #[test]
    fn where_the_api_of_a_route_is_not_served_the_message_says_what_to_install() {
        let (status, reason, message) =
            route_accepted(&preview("web"), &[("Mapping", testing::NOT_SERVED)]);
        assert_eq!((status, reason), (Some(false), "RouteApiNotServed"));
        assert!(
            message.contains("install Ambassador") && message.contains("http://web.shop:80"),
            "{message}"
        );
    }

    #[test]
    fn the_address_inside_the_cluster_is_reported_only_if_it_leads_to_pods_of_the_preview() {
        const INSIDE: &str = "reachable inside the cluster only";
        let without_gateway = routed_by(RouteType::HttpRoute);
        let cases = [
            (routed_by(RouteType::None), "NotRequested"),
            (without_gateway, "GatewayMissing"),
            (routed_by(RouteType::Mapping), "RouteApiNotServed"),
        ];
        for (mut preview, expected) in cases {
            let message = |preview: &PreviewEnvironment, service| {
                let children = [("Service", service), ("Mapping", testing::NOT_SERVED)];
                let (_, reason, message) = route_accepted(preview, &children);
                assert_eq!(reason, expected);
                message
            };
            let runs = message(&preview, "{}");
            assert!(runs.contains(INSIDE), "{runs}");
            let not_owned = message(&preview, testing::NOT_OWNED);
            assert!(!not_owned.contains(INSIDE) && !not_owned.ends_with([';', ' ']), "{not_owned}");
            preview.spec.suspend = Some(true);
            let suspended = message(&preview, "{}");
            assert!(!suspended.contains(INSIDE), "{suspended}: no pods run");
        }
    }

    #[test]
    fn a_route_that_is_not_in_place_is_not_accepted() {
        for type_ in [RouteType::Ingress, RouteType::Mapping] {
            let (status, reason, message) = route_accepted(&routed_by(type_), &[]);
            assert_eq!((status, reason), (Some(false), "RouteNotInPlace"));
            assert_eq!(message, format!("{type_} web is not in place; see Ready"));
        }
    }

    #[test]
    fn a_route_that_is_removed_while_suspended_names_the_field() {
        let mut preview = preview("web");
        preview.spec.suspend = Some(true);
        preview.spec.route =
            Some(Route { when_suspended: Some(WhenSuspended::Remove), ..Route::default() });
        let (status, reason, message) = route_accepted(&preview, &[]);
        assert_eq!((status, reason), (Some(false), "RemovedWhileSuspended"));
        assert!(message.contains("spec.route.whenSuspended"), "{message}");
        preview.spec.route.as_mut().unwrap().type_ = Some(RouteType::None);
        assert_eq!(route_accepted(&preview, &[]).1, "NotRequested", "no route comes back");
    }

    #[test]
    fn a_route_type_that_a_policy_does_not_allow_is_not_created_and_the_message_names_the_policy() {
        let outcome = |preview: &PreviewEnvironment, types: &[&str]| {
            let cluster = testing::with_ambassador()
                .with(policy("p", json!({ "routes": { "types": types } })));
            let (operator, ready) = (PreviewOperator::default(), Readiness::Ready(String::new()));
            let mut report = testing::report_with(&operator, preview, &cluster, &[], &ready);
            let route = report.conditions.remove(0);
            (route.reason, route.message, report.readiness)
        };
        let (reason, message, readiness) =
            outcome(&routed_by(RouteType::Mapping), &["Ingress", "HTTPRoute"]);
        assert_eq!(reason, "RouteTypeNotAllowed");
        assert!(
            message.starts_with(
                "the route type is Mapping, but PreviewPolicy p allows only Ingress or HTTPRoute"
            ),
            "{message}"
        );
        assert!(matches!(readiness, Readiness::Stalled("RouteTypeNotAllowed", _)), "{readiness:?}");
        assert_eq!(
            outcome(&routed_by(RouteType::None), &["Ingress"]).0,
            "NotRequested",
            "None is always allowed"
        );
        assert_eq!(outcome(&routed_by(RouteType::Ingress), &["Ingress"]).0, "RouteNotInPlace");
        let (reason, message, _) = outcome(&preview("web"), &["Ingress"]);
        assert_eq!(reason, "RouteApiNotServed", "Mapping is served, but not allowed");
        assert_eq!(
            message,
            "no route type can be used (PreviewPolicy p allows only Ingress): Ingress needs an \
             ingress controller with its IngressClass; until then reachable inside the cluster \
             only, at http://web.shop:80",
            "to install another controller would not help"
        );
    }

    #[test]
    fn there_is_one_condition_about_the_route() {
        let report = report(&PreviewOperator::default(), &preview("web"), &[("Mapping", "{}")]);
        assert_eq!(
            report.conditions.iter().map(|condition| condition.type_).collect::<Vec<_>>(),
            ["RouteAccepted"]
        );
    }

    #[test]
    fn a_mapping_has_the_state_that_ambassador_reports() {
        let accepted = |status: &str| route_accepted(&preview("web"), &[("Mapping", status)]);
        let (status, reason, message) = accepted("{}");
        assert_eq!((status, reason), (None, "NotReported"));
        assert!(message.starts_with("web.example.com leads to Service web.shop:80"), "{message}");
        let (status, reason, _) = accepted(r#"{"state":"Running"}"#);
        assert_eq!((status, reason), (Some(true), "Accepted"));
        let (status, reason, message) = accepted(r#"{"state":"Inactive","reason":"no Host"}"#);
        assert_eq!((status, reason), (Some(false), "NotAccepted"));
        assert!(message.ends_with("no Host"), "{message}");
    }

    #[test]
    fn an_ingress_with_an_address_is_accepted() {
        for address in [r#"{"ip":"192.0.2.1"}"#, r#"{"hostname":"192.0.2.1"}"#] {
            let status = format!(r#"{{"loadBalancer":{{"ingress":[{address}]}}}}"#);
            let (accepted, reason, message) =
                route_accepted(&routed_by(RouteType::Ingress), &[("Ingress", &status)]);
            assert_eq!((accepted, reason), (Some(true), "Accepted"));
            assert_eq!(message, "web.example.com leads to Service web.shop:80, by 192.0.2.1");
        }
    }

    #[test]
    fn a_route_whose_change_waits_still_works() {
        let status = r#"{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}"#;
        let held = format!("{}{status}", testing::HELD);
        let answer =
            |status| route_accepted(&routed_by(RouteType::Ingress), &[("Ingress", status)]);
        assert_eq!(answer(&held), answer(status));
        assert_eq!(answer(&held).0, Some(true));
    }

    #[test]
    fn an_ingress_without_an_address_waits_for_a_controller_and_names_its_class() {
        let mut with_class = routed_by(RouteType::Ingress);
        with_class.spec.route.as_mut().unwrap().ingress_class_name = Some("nginx".into());
        for empty in ["{}", r#"{"loadBalancer":{}}"#, r#"{"loadBalancer":{"ingress":[{}]}}"#] {
            let (accepted, reason, message) = route_accepted(&with_class, &[("Ingress", empty)]);
            assert_eq!((accepted, reason), (None, "WaitingForController"), "{empty}");
            assert!(message.ends_with("that serves the class nginx"), "{message}");
        }
        let without = route_accepted(&routed_by(RouteType::Ingress), &[("Ingress", "{}")]).2;
        assert!(without.contains("no IngressClass"), "{without}");
        let operator = PreviewOperator {
            default_ingress_class: Some("internal".into()),
            ..PreviewOperator::default()
        };
        let chosen = report(&operator, &routed_by(RouteType::Ingress), &[("Ingress", "{}")])
            .conditions
            .remove(0)
            .message;
        assert!(chosen.ends_with("that serves the class internal"), "{chosen}");
    }
}
