//! Whether the controller of a route accepts it, in one form for all kinds of routes.

use kubewright::{Condition, ConditionType};
use operator_api::preview::{NOT_ACCEPTED, ROUTE_ACCEPTED};

use crate::preview::admission::decision::NOT_SERVED;
use crate::preview::objects::blueprint::Blueprint;
use crate::preview::objects::service;

/// The condition about the route. Admission declares its other reasons.
pub(crate) const ROUTE_ACCEPTED_CONDITION: ConditionType = ConditionType::new(
    ROUTE_ACCEPTED,
    &[
        ("Accepted", "the controller of the route accepts it"),
        (NOT_ACCEPTED, "the controller of the route rejects it; the message has its answer"),
        ("NotReported", "Unknown: Ambassador does not report the state of Mappings"),
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

/// Whether the host leads to the preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Acceptance {
    /// Whether the controller of the route accepts it; `None` if unknown.
    pub(super) is_accepted: Option<bool>,
    pub(super) reason: &'static str,
    pub(super) message: String,
    /// Whether requests for the host arrive, as far as is known.
    pub(super) is_reachable: bool,
}

impl Acceptance {
    pub(super) fn accepted(message: String) -> Self {
        Self { is_accepted: Some(true), reason: "Accepted", message, is_reachable: true }
    }

    pub(super) fn rejected(reason: &'static str, message: impl Into<String>) -> Self {
        Self { is_accepted: Some(false), reason, message: message.into(), is_reachable: false }
    }

    /// The controller of the route has not reported yet.
    pub(super) fn waiting(message: String) -> Self {
        Self { is_accepted: None, reason: "WaitingForController", message, is_reachable: false }
    }

    /// The condition RouteAccepted.
    pub(super) fn condition(self) -> Condition {
        Condition::new(ROUTE_ACCEPTED, self.is_accepted, self.reason, self.message)
    }
}

/// The message of a route that works.
pub(super) fn leads_to(blueprint: &Blueprint<'_>) -> String {
    format!("{} leads to Service {}", blueprint.host(), service::address(blueprint))
}
