//! Whether a preview is Ready: its children are, and requests for its host arrive.
//!
//! Ready needs the route in place and accepted, so that `kubectl wait --for=condition=Ready` and
//! tools that read only Ready wait for the URL. There are three exceptions:
//!
//! - A route whose controller reports nothing counts as accepted.
//! - A preview that gets no route is ready without a URL, and the message says why.
//! - A preview without pods needs no accepted route, because nothing answers anyway.

use kubewright::{Condition, Readiness, reason};

use super::acceptance::{has_no_route, is_reachable, is_reported};
use super::conditions::how_to_resume;
use crate::preview::admission::decision::{Decision, Routing};
use crate::preview::facts::Facts;
use crate::preview::objects::blueprint::Blueprint;
use crate::preview::objects::deployment::Replacement;

/// The readiness of a preview with this RouteAccepted, whose children have this readiness.
pub(crate) fn readiness(
    blueprint: &Blueprint<'_>,
    facts: &Facts,
    route: &Condition,
    children: Readiness,
) -> Readiness {
    let children = match &facts.pod_failure {
        Some(failure) => failure.explain(children),
        None => children,
    };
    let children = explain_replacement(facts.replacement, children);
    let Some(decision) = &facts.decision else { return children };
    match (&decision.routing, children) {
        (Routing::Refused(refusal), Readiness::Ready(_) | Readiness::Progressing(..))
            if refusal.stalls =>
        {
            Readiness::Stalled(refusal.reason, refusal.message.clone())
        }
        (_, Readiness::Ready(_)) if blueprint.spec.is_suspended() => {
            Readiness::Ready(format!("suspended: {}", how_to_resume(blueprint)))
        }
        (_, Readiness::Ready(message)) => with_route(decision, route, message),
        (_, children) => children,
    }
}

fn with_route(decision: &Decision, route: &Condition, message: String) -> Readiness {
    if has_no_route(route) {
        return Readiness::Ready(format!("{message}; no URL: {}", route.message));
    }
    if decision.replicas == 0 || is_reachable(route) && is_reported(route) {
        return Readiness::Ready(message);
    }
    if is_reachable(route) {
        return Readiness::Ready(format!("{message}; {}", route.message));
    }
    Readiness::Progressing(route.reason, route.message.clone())
}

/// The same readiness; if it is about pods that are replaced in place, the message says that.
fn explain_replacement(replacement: Replacement, readiness: Readiness) -> Readiness {
    let is_about_pods = |reason: &str| {
        [reason::PROGRESSING, reason::REPLICAS_UNAVAILABLE, reason::PODS_REFUSED].contains(&reason)
    };
    match readiness {
        Readiness::Progressing(reason, message)
            if replacement == Replacement::InPlace && is_about_pods(reason) =>
        {
            let message = format!(
                "{message}; a quota has no room for a new pod beside the old one, so each old pod \
                 stops before its new pod starts, and the preview does not answer for a moment"
            );
            Readiness::Progressing(reason, message)
        }
        readiness => readiness,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kubewright::{Selected, Timestamp};
    use operator_api::gateway::HTTPRoute;
    use operator_api::preview::{PreviewEnvironment, Route, RouteType};
    use operator_api::rollout::RolloutHealth;

    use super::*;
    use crate::preview::kinds::PreviewPods;
    use crate::preview::settings::PreviewOperator;
    use crate::testing::{self, FakeCluster, created_at, gateway, ingress_class, preview};

    /// The readiness of this preview whose route has this status, and whose children are ready.
    fn ready_with(
        preview: &PreviewEnvironment,
        cluster: &FakeCluster,
        (kind, status): (&str, &str),
    ) -> Readiness {
        let (operator, ready) = (PreviewOperator::default(), Readiness::Ready("1/1".into()));
        testing::report_with(&operator, preview, cluster, &[(kind, status)], &ready).readiness
    }

    fn routed(type_: RouteType) -> PreviewEnvironment {
        let mut preview = created_at(preview("web"), 0);
        preview.metadata.generation = Some(1);
        preview.spec.route = Some(Route { type_: Some(type_), ..Route::default() });
        if type_ == RouteType::HttpRoute {
            preview.spec.route.as_mut().unwrap().parent_refs = vec![gateway("public", None, None)];
        }
        preview
    }

    fn reason_of(readiness: &Readiness) -> &'static str {
        match readiness {
            Readiness::Ready(_) => "Ready",
            Readiness::Progressing(reason, _) | Readiness::Stalled(reason, _) => reason,
        }
    }

    #[test]
    fn a_preview_is_ready_when_the_controller_of_its_route_accepts_it_and_not_before() {
        let condition = |type_: &str, status: &str| {
            format!(
                r#"{{"type":"{type_}","status":"{status}","reason":"R","message":"m",
                    "lastTransitionTime":"2030-01-01T00:00:00Z"}}"#
            )
        };
        let parents = |accepted: &str| {
            let conditions =
                [condition("Accepted", accepted), condition("ResolvedRefs", "True")].join(",");
            format!(
                r#"{{"parents":[{{"parentRef":{{"name":"public"}},"conditions":[{conditions}]}}]}}"#
            )
        };
        let cluster = FakeCluster::empty().serving::<HTTPRoute>();
        for (status, expected) in [
            ("{}".to_owned(), "WaitingForController"),
            (parents("Unknown"), "WaitingForController"),
            (parents("False"), "NotAccepted"),
            (parents("True"), "Ready"),
        ] {
            let web = routed(RouteType::HttpRoute);
            let readiness = ready_with(&web, &cluster, ("HTTPRoute", &status));
            assert_eq!(reason_of(&readiness), expected, "{status}");
            assert!(!matches!(readiness, Readiness::Stalled(..)), "a controller may accept it yet");
        }
    }

    #[test]
    fn a_mapping_counts_as_accepted_unless_ambassador_rejects_it_and_the_message_says_so() {
        let web = routed(RouteType::Mapping);
        let readiness =
            |status: &str| ready_with(&web, &testing::with_ambassador(), ("Mapping", status));
        let Readiness::Ready(message) = readiness("{}") else { panic!() };
        assert_eq!(
            message,
            "1/1; web.example.com leads to Service web.shop:80, as far as is known: Ambassador \
             does not report the state of Mapping web"
        );
        assert_eq!(readiness(r#"{"state":"Running"}"#), Readiness::Ready("1/1".into()));
        assert_eq!(reason_of(&readiness(r#"{"state":"Inactive"}"#)), "NotAccepted");
    }

    #[test]
    fn an_ingress_without_an_address_counts_as_accepted_after_a_while_if_its_class_exists() {
        let addressed = r#"{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}"#;
        let at = |second: i64, cluster: FakeCluster, status: &str| {
            let cluster = cluster.at(Timestamp::from_second(second).unwrap());
            ready_with(&routed(RouteType::Ingress), &cluster, ("Ingress", status))
        };
        let nginx = || FakeCluster::empty().with(ingress_class("nginx"));
        assert_eq!(reason_of(&at(179, nginx(), "{}")), "WaitingForController");
        assert_eq!(at(0, nginx(), addressed), Readiness::Ready("1/1".into()));
        let Readiness::Ready(message) = at(180, nginx(), "{}") else { panic!() };
        assert!(message.contains("the controller of class nginx reports no address"), "{message}");
        assert_eq!(reason_of(&at(180, FakeCluster::empty(), "{}")), "WaitingForController");
    }

    #[test]
    fn a_preview_that_gets_no_route_is_ready_and_the_message_says_why_it_has_no_url() {
        let message = |preview: &PreviewEnvironment| match ready_with(
            preview,
            &FakeCluster::empty(),
            ("Service", "{}"),
        ) {
            Readiness::Ready(message) => message,
            other => panic!("{other:?}"),
        };
        let none = message(&routed(RouteType::None));
        assert!(none.starts_with("1/1; no URL: ") && none.contains("type is None"), "{none}");
        let unserved = message(&preview("web"));
        assert!(unserved.contains("no URL: no route type can be used"), "{unserved}");
    }

    #[test]
    fn a_preview_without_pods_does_not_wait_for_its_route() {
        let mut web = routed(RouteType::Ingress);
        let readiness = |web: &PreviewEnvironment| {
            reason_of(&ready_with(web, &FakeCluster::empty(), ("Ingress", "{}")))
        };
        assert_eq!(readiness(&web), "WaitingForController");
        web.spec.replicas = Some(0);
        assert_eq!(readiness(&web), "Ready");
        web.spec.replicas = Some(1);
        web.spec.suspend = Some(true);
        assert_eq!(readiness(&web), "Ready");
    }

    #[test]
    fn a_replacement_in_place_is_part_of_the_message() {
        let rollout = testing::refused_by_quota();
        let cluster = FakeCluster::empty().with_as::<Selected<RolloutHealth, PreviewPods>>(rollout);
        let of = |children: Readiness, cluster: &FakeCluster| {
            let (operator, web) = (PreviewOperator::default(), preview("web"));
            testing::report_with(&operator, &web, cluster, &[], &children).readiness
        };
        let refused = || Readiness::Progressing(reason::PODS_REFUSED, "0/1: no".into());
        let Readiness::Progressing(reason, message) = of(refused(), &cluster) else { panic!() };
        assert_eq!(reason, reason::PODS_REFUSED);
        assert!(message.starts_with("0/1: no; a quota has no room for a new pod"), "{message}");
        assert_eq!(of(refused(), &FakeCluster::empty()), refused());
    }
}
