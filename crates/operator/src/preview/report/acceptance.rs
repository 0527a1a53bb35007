//! The condition RouteAccepted, in one form for all kinds of routes.

use kubewright::{Condition, ConditionType};
use operator_api::preview::{NOT_ACCEPTED, ROUTE_ACCEPTED};

use crate::preview::admission::decision::NOT_SERVED;
use crate::preview::objects::blueprint::Blueprint;
use crate::preview::objects::service;

/// The reason of a route whose controller reports nothing.
const NOT_REPORTED: &str = "NotReported";
/// The reason of a preview whose route type is `None`.
pub(super) const NOT_REQUESTED: &str = "NotRequested";
/// The reason of a route that could not be created.
pub(super) const NOT_IN_PLACE: &str = "RouteNotInPlace";
/// The reason of a route whose controller has not reported yet.
const WAITING: &str = "WaitingForController";

/// The condition about the route. Admission declares its other reasons.
pub(crate) const ROUTE_ACCEPTED_CONDITION: ConditionType = ConditionType::new(
    ROUTE_ACCEPTED,
    &[
        ("Accepted", "the controller of the route accepts it"),
        (NOT_ACCEPTED, "the controller of the route rejects it; the message has its answer"),
        (NOT_REPORTED, "Unknown: the controller of the route reports nothing; it may work"),
        (NOT_REQUESTED, "no route: its type is `None`"),
        (
            "RemovedWhileSuspended",
            "no route: the preview is suspended, and `spec.route.whenSuspended` is `Remove`",
        ),
        (NOT_SERVED, "no route: the cluster does not serve this kind of route"),
        (NOT_IN_PLACE, "the route could not be created; `Ready` has the cause"),
        (WAITING, "Unknown: the controller of the route has not reported yet"),
    ],
);

/// Reasons of `Ready` for pods that run behind a route that does not work yet.
pub(crate) const ROUTE_WAITS: ConditionType = ConditionType::ready(&[
    (NOT_ACCEPTED, "the controller of the route rejects it; the message has its answer"),
    (NOT_IN_PLACE, "the route does not exist yet"),
    (WAITING, "the controller of the route has not reported yet"),
]);

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
    Condition::new(ROUTE_ACCEPTED, None, WAITING, message)
}

/// The controller of the route reports nothing. Then the route is taken to work.
pub(super) fn not_reported(message: String) -> Condition {
    Condition::new(ROUTE_ACCEPTED, None, NOT_REPORTED, message)
}

/// Whether requests for the host arrive, as far as is known.
pub(super) fn is_reachable(route: &Condition) -> bool {
    route.status == Some(true) || route.reason == NOT_REPORTED
}

/// Whether the controller of the route has said what it makes of the route.
pub(super) fn is_reported(route: &Condition) -> bool {
    route.status.is_some()
}

/// Whether the preview gets no route, and is as its spec and its cluster ask.
pub(super) fn has_no_route(route: &Condition) -> bool {
    [NOT_REQUESTED, NOT_SERVED].contains(&route.reason)
}

/// The message of a route that works.
pub(super) fn leads_to(blueprint: &Blueprint<'_>) -> String {
    format!("{} leads to Service {}", blueprint.host(), service::address(blueprint))
}
