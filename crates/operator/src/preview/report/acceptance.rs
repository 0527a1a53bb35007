//! The condition RouteAccepted, in one form for all kinds of routes.

use kubewright::{Condition, ConditionType};
use operator_api::preview::{NOT_ACCEPTED, ROUTE_ACCEPTED};

use crate::preview::admission::decision::NOT_SERVED;
use crate::preview::objects::blueprint::Blueprint;
use crate::preview::objects::service;

/// The reason of a route whose controller reports nothing.
const NOT_REPORTED: &str = "NotReported";

/// The condition about the route. Admission declares its other reasons.
pub(crate) const ROUTE_ACCEPTED_CONDITION: ConditionType = ConditionType::new(
    ROUTE_ACCEPTED,
    &[
        ("Accepted", "the controller of the route accepts it"),
        (NOT_ACCEPTED, "the controller of the route rejects it; the message has its answer"),
        (NOT_REPORTED, "Unknown: Ambassador does not report the state of Mappings"),
        ("NotRequested", "no route: its type is `None`"),
        (
            "RemovedWhileSuspended",
            "no route: the preview is suspended, and `spec.route.whenSuspended` is `Remove`",
        ),
        (NOT_SERVED, "no route: the cluster does not serve this kind of route"),
        ("RouteNotInPlace", "the route could not be created; `Ready` has the cause"),
        ("WaitingForController", "Unknown: the controller of the route has not reported yet"),
    ],
);

/// The controller of the route accepts it.
pub(super) fn accepted(message: String) -> Condition {
    Condition::new(ROUTE_ACCEPTED, Some(true), "Accepted", message)
}

/// There is no route, or its controller rejects it.
pub(super) fn rejected(reason: &'static str, message: impl Into<String>) -> Condition {
    Condition::new(ROUTE_ACCEPTED, Some(false), reason, message)
}

/// The controller of the route has not reported yet.
pub(super) fn waiting(message: String) -> Condition {
    Condition::new(ROUTE_ACCEPTED, None, "WaitingForController", message)
}

/// The controller of the route reports nothing. Then the route is taken to work.
pub(super) fn not_reported(message: String) -> Condition {
    Condition::new(ROUTE_ACCEPTED, None, NOT_REPORTED, message)
}

/// Whether requests for the host arrive, as far as is known.
pub(super) fn is_reachable(route: &Condition) -> bool {
    route.status == Some(true) || route.reason == NOT_REPORTED
}

/// The message of a route that works.
pub(super) fn leads_to(blueprint: &Blueprint<'_>) -> String {
    format!("{} leads to Service {}", blueprint.host(), service::address(blueprint))
}
