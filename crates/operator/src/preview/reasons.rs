//! The reasons that a preview gives beside those of the framework, for the API reference. What to do about each is in
//! `docs/previews/troubleshooting.md`; a test holds both against the reasons in the code.

use kubewright::core::condition::READY;
use kubewright::core::reason::Explained;
use operator_api::preview::{HOST_CONFLICT, ROUTE_ACCEPTED, SUSPENDED};

/// All of them.
pub(super) fn reasons() -> Vec<Explained> {
    let of = |condition, all: &[(&'static str, &'static str)]| -> Vec<Explained> {
        all.iter().map(|(reason, meaning)| Explained::new(condition, reason, meaning)).collect()
    };
    [
        of(READY, &READY_REASONS),
        of(ROUTE_ACCEPTED, &ROUTE_ACCEPTED_REASONS),
        of(HOST_CONFLICT, &[("HeldByAnother", "another preview has the host; the message names it")]),
        of(SUSPENDED, &[("SuspendedBySpec", "no pod runs, because `spec.suspend` is true")]),
    ]
    .concat()
}

/// With which a preview is refused, or waits for somebody.
const READY_REASONS: [(&str, &str); 6] = [
    ("GatewayMissing", "refused: the route is an HTTPRoute, and no Gateway is named"),
    (HOST_CONFLICT, "another preview has the host; everything but the route is made"),
    ("HostNotAllowed", "the namespace is not allowed this host; everything but the route is made"),
    ("HostNotUsable", "refused: `spec.fqdn` is not the name of one host"),
    ("NameNotUsable", "refused: no Service can be named after the resource"),
    ("PodSecurityNotAllowed", "refused: the namespace enforces `restricted`, and `spec.podSecurity` asks for root"),
];

const ROUTE_ACCEPTED_REASONS: [(&str, &str); 10] = [
    ("Accepted", "the route's controller takes it"),
    (HOST_CONFLICT, "there is no route, because another preview has the host"),
    ("HostNotAllowed", "there is no route, because the namespace is not allowed this host"),
    ("NotAccepted", "the route's controller refuses it; the message has its words"),
    ("NotReported", "Unknown: Ambassador writes no status about Mappings"),
    ("NotRequested", "`spec.route.type` is `None`"),
    ("RemovedWhileSuspended", "the preview is suspended, and `spec.route.whenSuspended` is `Remove`"),
    ("RouteApiNotServed", "the cluster does not have that kind of route"),
    ("RouteNotInPlace", "the route could not be made; `Ready` says why"),
    ("WaitingForController", "Unknown: the route's controller has not said anything yet"),
];
