//! The answers of Gateways about an `HTTPRoute`.

use kubewright::observed::ChildState;
use kubewright::{Condition, Timestamp};
use operator_api::gateway::{HTTPRouteStatus, ParentReference, RouteParentStatus};
use operator_api::preview::{GatewayRef, NOT_ACCEPTED};

use super::acceptance::{self, leads_to};
use crate::preview::objects::blueprint::Blueprint;

/// The conditions that the controller of a Gateway reports about each route.
const CONDITIONS: [&str; 2] = ["Accepted", "ResolvedRefs"];
/// The kind of a reference without a kind.
const GATEWAY: &str = "Gateway";

/// The answer of one Gateway. The lowest answer of all Gateways counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Rejected(String),
    /// No answer about the current spec of the route.
    Waiting(String),
    Accepted,
}

/// Whether all these Gateways accept the route.
pub(super) fn condition(
    blueprint: &Blueprint<'_>,
    gateways: &[GatewayRef],
    child: &ChildState<'_>,
) -> Condition {
    let status = child.status::<HTTPRouteStatus>().unwrap_or_default();
    let generation = child.observed.and_then(|route| route.generation);
    let answers = gateways.iter().map(|gateway| answer(blueprint, gateway, &status, generation));
    match answers.min() {
        Some(Answer::Rejected(message)) => acceptance::rejected(NOT_ACCEPTED, message),
        Some(Answer::Waiting(message)) => acceptance::waiting(message),
        Some(Answer::Accepted) | None => acceptance::accepted(leads_to(blueprint)),
    }
}

/// The answer of one Gateway.
///
/// Several controllers can have an entry for one Gateway: a controller that was removed leaves its
/// entry behind. So an entry without a definite answer about the current spec counts only if no
/// entry has one. Of several definite answers, the latest counts: that of the highest generation,
/// and of the same generation the one that changed last. A removed controller no longer answers.
fn answer(
    blueprint: &Blueprint<'_>,
    gateway: &GatewayRef,
    status: &HTTPRouteStatus,
    generation: Option<i64>,
) -> Answer {
    let name = name(blueprint, gateway);
    let parents = status.parents.iter();
    let parents = parents.filter(|parent| refers_to(blueprint, &parent.parent_ref, gateway));
    let answers: Vec<_> = parents
        .map(|parent| (answer_of_parent(&name, parent, generation), age(parent, generation)))
        .collect();
    let definite = answers.iter().filter(|(answer, _)| !matches!(answer, Answer::Waiting(_)));
    let latest = definite.max_by(|(a, of_a), (b, of_b)| of_a.cmp(of_b).then(b.cmp(a)));
    let answer = latest.or(answers.first()).map(|(answer, _)| answer.clone());
    answer.unwrap_or_else(|| {
        Answer::Waiting(format!(
            "no controller has reported about HTTPRoute {} at {name} yet: check that this Gateway \
             exists, and that its class has a controller",
            blueprint.name
        ))
    })
}

/// The generation that an entry describes, and when the entry last changed its answer. A condition
/// without a generation is about the current one.
fn age(parent: &RouteParentStatus, generation: Option<i64>) -> (Option<i64>, Option<Timestamp>) {
    let conditions = parent.conditions.iter().filter(|c| CONDITIONS.contains(&&*c.type_));
    let seen = conditions.clone().map(|c| c.observed_generation.or(generation)).min();
    (seen.flatten(), conditions.map(|c| c.last_transition_time.0).max())
}

fn answer_of_parent(gateway: &str, parent: &RouteParentStatus, generation: Option<i64>) -> Answer {
    let answers = CONDITIONS.map(|type_| {
        let condition = parent.conditions.iter().find(|condition| condition.type_ == type_);
        // An answer about an older spec says nothing about the current one.
        let condition = condition.filter(|condition| {
            condition
                .observed_generation
                .is_none_or(|seen| generation.is_none_or(|current| seen >= current))
        });
        match condition {
            Some(condition) if condition.status == "True" => Answer::Accepted,
            Some(condition) if condition.status == "False" => Answer::Rejected(format!(
                "{gateway}: {type_} is False, {}: {}",
                condition.reason, condition.message
            )),
            _ => Answer::Waiting(format!(
                "{gateway}: {} has not reported {type_} about this spec yet",
                parent.controller_name
            )),
        }
    });
    answers.into_iter().min().unwrap_or(Answer::Accepted)
}

fn refers_to(blueprint: &Blueprint<'_>, parent: &ParentReference, gateway: &GatewayRef) -> bool {
    fn namespace<'a>(blueprint: &Blueprint<'a>, name: Option<&'a String>) -> &'a str {
        name.map_or(blueprint.namespace, String::as_str)
    }
    parent.kind.as_deref().unwrap_or(GATEWAY) == GATEWAY
        && parent.name == gateway.name
        && parent.section_name == gateway.section_name
        && namespace(blueprint, parent.namespace.as_ref())
            == namespace(blueprint, gateway.namespace.as_ref())
}

fn name(blueprint: &Blueprint<'_>, gateway: &GatewayRef) -> String {
    let namespace = gateway.namespace.as_deref().unwrap_or(blueprint.namespace);
    let listener =
        gateway.section_name.as_ref().map(|name| format!(", listener {name}")).unwrap_or_default();
    format!("Gateway {namespace}/{}{listener}", gateway.name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use operator_api::preview::{PreviewEnvironment, Route, RouteType};

    use super::*;
    use crate::preview::settings::PreviewOperator;
    use crate::testing::{gateway, names_of, preview, route_accepted};

    fn through(gateways: Vec<GatewayRef>) -> PreviewEnvironment {
        let mut preview = preview("web");
        preview.spec.route = Some(Route {
            type_: Some(RouteType::HttpRoute),
            parent_refs: gateways,
            ..Route::default()
        });
        preview
    }

    fn public() -> PreviewEnvironment {
        through(vec![gateway("public", Some("gateways"), None)])
    }

    /// The status of a parent: its reference, and `Accepted` and `ResolvedRefs`, each as
    /// `STATUS/GENERATION`.
    fn parent(reference: &str, accepted: &str, resolved: &str) -> String {
        parent_since(2030, reference, accepted, resolved)
    }

    /// The same, whose conditions last changed in this year.
    fn parent_since(year: i32, reference: &str, accepted: &str, resolved: &str) -> String {
        let condition = |type_: &str, answer: &str| {
            let (status, generation) = answer.split_once('/').unwrap();
            format!(
                r#"{{"type":"{type_}","status":"{status}","observedGeneration":{generation},
                    "reason":"Why{type_}","message":"because",
                    "lastTransitionTime":"{year}-01-01T00:00:00Z"}}"#
            )
        };
        let conditions =
            [condition("Accepted", accepted), condition("ResolvedRefs", resolved)].join(",");
        format!(
            r#"{{"parentRef":{{{reference}}},"controllerName":"example.com/gateway",
                "conditions":[{conditions}]}}"#
        )
    }

    const PUBLIC: &str = r#""group":"gateway.networking.k8s.io","kind":"Gateway",
        "namespace":"gateways","name":"public""#;

    fn answered(
        preview: &PreviewEnvironment,
        parents: &[String],
    ) -> (Option<bool>, &'static str, String) {
        let status = format!(r#"{{"parents":[{}]}}"#, parents.join(","));
        route_accepted(preview, &[("HTTPRoute", &status)])
    }

    #[test]
    fn an_http_route_without_a_gateway_is_not_created_but_the_pods_are() {
        let preview = through(Vec::new());
        assert_eq!(
            names_of(&PreviewOperator::default(), &preview),
            ["Deployment web", "Service web"]
        );
        let (accepted, reason, message) = route_accepted(&preview, &[]);
        assert_eq!((accepted, reason), (Some(false), "GatewayMissing"));
        assert!(message.contains("write spec.route.parentRefs"), "{message}");
    }

    #[test]
    fn a_route_is_accepted_when_its_gateway_accepts_it_and_finds_the_service() {
        let (accepted, reason, message) =
            answered(&public(), &[parent(PUBLIC, "True/1", "True/1")]);
        assert_eq!((accepted, reason), (Some(true), "Accepted"));
        assert_eq!(message, "web.example.com leads to Service web.shop:80");
    }

    #[test]
    fn a_rejection_is_reported_with_the_answer_of_the_gateway() {
        for (accepted, resolved, type_) in
            [("False/1", "True/1", "Accepted"), ("True/1", "False/1", "ResolvedRefs")]
        {
            let (status, reason, message) =
                answered(&public(), &[parent(PUBLIC, accepted, resolved)]);
            assert_eq!((status, reason), (Some(false), "NotAccepted"));
            assert_eq!(
                message,
                format!("Gateway gateways/public: {type_} is False, Why{type_}: because")
            );
        }
    }

    #[test]
    fn without_an_answer_about_the_current_spec_the_route_waits_for_its_controller() {
        for parents in [
            vec![],
            vec![parent(PUBLIC, "True/0", "True/1")],
            vec![parent(PUBLIC, "True/1", "False/0")],
            vec![parent(PUBLIC, "Unknown/1", "True/1")],
            vec![parent(r#""namespace":"gateways","name":"other""#, "True/1", "True/1")],
            vec![parent(r#""name":"public""#, "True/1", "True/1")],
            vec![parent(
                r#""namespace":"gateways","name":"public","sectionName":"https""#,
                "True/1",
                "True/1",
            )],
            vec![parent(
                r#""kind":"Service","namespace":"gateways","name":"public""#,
                "True/1",
                "True/1",
            )],
        ] {
            let (accepted, reason, message) = answered(&public(), &parents);
            assert_eq!((accepted, reason), (None, "WaitingForController"), "{parents:?}");
            assert!(message.contains("Gateway gateways/public"), "{message}");
        }
    }

    #[test]
    fn an_entry_that_a_removed_controller_left_behind_neither_accepts_nor_blocks() {
        let since =
            |year, accepted: &str, resolved: &str| parent_since(year, PUBLIC, accepted, resolved);
        let present = |accepted: &str| since(2030, accepted, "True/1");
        for (old, accepted, expected) in [
            // No definite answer about the current spec.
            (since(2020, "True/0", "True/0"), "True/1", Some(true)),
            (since(2020, "False/0", "True/0"), "True/1", Some(true)),
            (since(2020, "Unknown/1", "True/1"), "True/1", Some(true)),
            (since(2020, "True/0", "True/0"), "False/1", Some(false)),
            // A definite answer, but the present controller answered later.
            (since(2020, "False/1", "True/1"), "True/1", Some(true)),
            (since(2020, "True/1", "True/1"), "False/1", Some(false)),
        ] {
            for parents in [[old.clone(), present(accepted)], [present(accepted), old.clone()]] {
                assert_eq!(answered(&public(), &parents).0, expected, "{parents:?}");
            }
        }
        let both = [since(2020, "True/0", "True/0"), present("Unknown/1")];
        assert_eq!(
            answered(&public(), &both).1,
            "WaitingForController",
            "no controller has answered"
        );
        let tie = [present("True/1"), present("False/1")];
        assert_eq!(answered(&public(), &tie).1, "NotAccepted", "of the same time, a rejection");
    }

    #[test]
    fn the_namespace_of_a_gateway_in_the_namespace_of_the_preview_may_be_left_out() {
        let preview = through(vec![gateway("own", None, None)]);
        for reference in [r#""name":"own""#, r#""name":"own","namespace":"shop""#] {
            assert_eq!(
                answered(&preview, &[parent(reference, "True/1", "True/1")]).0,
                Some(true),
                "{reference}"
            );
        }
    }

    #[test]
    fn all_gateways_must_accept_the_route_and_the_worst_answer_is_reported() {
        let both =
            through(vec![gateway("public", Some("gateways"), None), gateway("own", None, None)]);
        let own = |accepted: &str| parent(r#""name":"own""#, accepted, "True/1");
        let good = parent(PUBLIC, "True/1", "True/1");
        assert_eq!(answered(&both, &[good.clone(), own("True/1")]).0, Some(true));
        assert_eq!(answered(&both, std::slice::from_ref(&good)).1, "WaitingForController");
        assert_eq!(answered(&both, &[good.clone(), own("False/1")]).1, "NotAccepted");
        assert_eq!(
            answered(&both, &[own("False/1")]).1,
            "NotAccepted",
            "a rejection is worse than no answer"
        );
    }
}
