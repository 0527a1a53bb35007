//! What a preview gets: the result of admission.

use kubewright::{ConditionType, Timestamp};
use operator_api::preview::{
    GatewayRef, HOST_CONFLICT, POLICY_NOT_READABLE, ROUTE_ACCEPTED, TOO_MANY_PREVIEWS,
};

use crate::security::User;

/// Reasons of `Ready` for a preview that is refused its route or all of its pods.
pub(crate) const READY_REFUSALS: ConditionType = ConditionType::ready(REFUSALS);
/// The same reasons of `RouteAccepted`.
pub(crate) const ROUTE_REFUSALS: ConditionType = ConditionType::new(ROUTE_ACCEPTED, REFUSALS);

const REFUSALS: &[(&str, &str)] = &[
    ("GatewayMissing", "no route: the HTTPRoute has no Gateway"),
    (HOST_CONFLICT, "no route: another preview holds the host"),
    ("HostNotAllowed", "no route: the namespace may not use this host"),
    ("ImageNotAllowed", "no pods and no route: a PreviewPolicy does not allow the image"),
    ("PathNotUsable", "no route: `spec.route.path` is not a path that every kind of route accepts"),
    (POLICY_NOT_READABLE, "no pods and no route: a PreviewPolicy cannot be read"),
    ("RouteTypeNotAllowed", "no route: a PreviewPolicy does not allow routes of this type"),
    (
        TOO_MANY_PREVIEWS,
        "no pods and no route: the namespace has as many older previews as a PreviewPolicy allows",
    ),
];

/// The reason of `RouteAccepted` if the cluster does not serve the kind of the route. Such a
/// preview can be ready.
pub(crate) const NOT_SERVED: &str = "RouteApiNotServed";

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Decision {
    pub(crate) routing: Routing,
    /// Whether an Ingress counts as in place although it has no address.
    pub(crate) needs_no_address: bool,
    /// The number of pods.
    pub(crate) replicas: i32,
    /// The limit of a policy that the spec exceeds. If it stalls, there are no pods and no route.
    pub(crate) exceeded: Option<Refusal>,
    /// The refusal that an edit of a policy announces.
    pub(crate) announced: Option<Announced>,
    /// The namespaces that may connect to the pods; `None` for all.
    pub(crate) reachable_from: Option<Vec<String>>,
    /// The user of the program.
    pub(crate) user: User,
    /// Why the program may run as root although the namespace warns about that.
    pub(crate) root: Option<RootCause>,
}

/// The route of a preview, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Routing {
    /// An `HTTPRoute`, attached to these Gateways.
    HttpRoute(Vec<GatewayRef>),
    /// An Ingress of this class.
    Ingress(Option<String>),
    Mapping,
    /// The route type is `None`.
    NotRequested,
    /// `spec.suspend` and `spec.route.whenSuspended: Remove`.
    RemovedWhileSuspended,
    Refused(Refusal),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Refusal {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// Whether the preview is not ready because of this.
    pub(crate) stalls: bool,
}

/// A refusal that does not apply yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Announced {
    pub(crate) refusal: Refusal,
    /// When it applies, as far as it is known.
    pub(crate) at: Option<Timestamp>,
}

impl Refusal {
    /// A refusal that stalls the preview.
    pub(super) fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), stalls: true }
    }

    /// The same, but the preview can be ready.
    pub(super) fn without_stalling(self) -> Self {
        Self { stalls: false, ..self }
    }
}

/// Why a program may run as root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RootCause {
    /// `spec.podSecurity` allows it.
    Spec,
    /// The user of the image is not restricted.
    Image,
}
