//! What is known about a route, in one form for all kinds of them.

use kubewright::Condition;
use operator_api::preview::ROUTE_ACCEPTED;

use crate::preview::blueprint::Blueprint;
use crate::preview::service;

/// Why there is no route: nothing in the cluster serves one.
pub(super) const NOT_SERVED: &str = "RouteApiNotServed";

/// What is known about a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::preview) struct Verdict {
    /// Whether its controller takes it; `None` where nothing is known.
    pub(super) accepted: Option<bool>,
    /// In CamelCase, from a closed set.
    pub(super) reason: &'static str,
    /// For a person.
    pub(super) message: String,
    /// Whether requests for the host arrive, as far as can be known.
    pub(in crate::preview) leads: bool,
}

impl Verdict {
    /// The controller takes it.
    pub(super) fn accepted(message: String) -> Self {
        Self { accepted: Some(true), reason: "Accepted", message, leads: true }
    }

    /// It leads nowhere, for a reason that is known.
    pub(super) fn refused(reason: &'static str, message: String) -> Self {
        Self { accepted: Some(false), reason, message, leads: false }
    }

    /// The controller has not said anything, and should.
    pub(super) fn waiting(message: String) -> Self {
        Self { accepted: None, reason: "WaitingForController", message, leads: false }
    }

    /// The condition [`ROUTE_ACCEPTED`].
    pub(in crate::preview) fn condition(self) -> Condition {
        Condition::new(ROUTE_ACCEPTED, self.accepted, self.reason, self.message)
    }
}

/// What a route that works says.
pub(super) fn leads_to(of: &Blueprint<'_>) -> String {
    format!("{} leads to Service {}", of.host(), service::address(of))
}
