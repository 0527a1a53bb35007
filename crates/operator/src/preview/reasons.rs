//! The reasons that a preview gives beside those of the framework, for the API reference. What to
//! do about each is in `docs/previews/troubleshooting.md`; a test holds both against the reasons in
//! the code.

use kubewright::core::condition::READY;
use kubewright::core::reason::Explained;
use operator_api::preview::{
    EXPIRING, HOST_CONFLICT, LIMIT_EXCEEDED, MAY_RUN_AS_ROOT, NOT_ACCEPTED, ROUTE_ACCEPTED,
    SUSPENDED, TOO_MANY_PREVIEWS,
};

/// All of them.
pub(super) fn reasons() -> Vec<Explained> {
    let of = |condition, all: &[(&'static str, &'static str)]| -> Vec<Explained> {
        all.iter().map(|(reason, meaning)| Explained::new(condition, reason, meaning)).collect()
    };
    [
        of(READY, &READY_REASONS),
        of(ROUTE_ACCEPTED, &ROUTE_ACCEPTED_REASONS),
        of(
            HOST_CONFLICT,
            &[("HeldByAnother", "another preview has the host; the message names it")],
        ),
        of(LIMIT_EXCEEDED, &LIMIT_REASONS),
        of(SUSPENDED, &[("SuspendedBySpec", "no pod runs, because `spec.suspend` is true")]),
        of(MAY_RUN_AS_ROOT, &ROOT_REASONS),
        of(EXPIRING, &EXPIRING_REASONS),
    ]
    .concat()
}

/// With which a preview is refused, waits for somebody, or has pods that do not run.
const READY_REASONS: [(&str, &str); 20] = [
    (
        "CrashLoopBackOff",
        "the program of a pod ends again and again; the message has its exit code",
    ),
    (
        "CreateContainerConfigError",
        "a Secret or ConfigMap that a pod needs is missing, or the image may not run as it is",
    ),
    (
        "CreateContainerError",
        "a node cannot make the container of a pod; the message has its words",
    ),
    ("ErrImageNeverPull", "`spec.pullPolicy` is `Never`, and a node does not have the image"),
    (
        "GatewayMissing",
        "the route is an HTTPRoute, and no Gateway is named; everything but the route is made",
    ),
    (HOST_CONFLICT, "another preview has the host; everything but the route is made"),
    ("HostNotAllowed", "the namespace is not allowed this host; everything but the route is made"),
    ("HostNotUsable", "refused: `spec.fqdn` is not the name of one host"),
    ("ImageNotAllowed", "a PreviewPolicy does not allow the image; there are no pods and no route"),
    ("ImageInspectError", "a node cannot read the image"),
    ("ImagePullBackOff", "a node cannot get the image; the message has its words"),
    ("InvalidImageName", "`spec.image` is no name of an image"),
    ("NameNotUsable", "refused: no Service can be named after the resource"),
    ("PodFailed", "a pod has ended, and is not started again"),
    (
        "PodSecurityNotAllowed",
        "refused: the namespace enforces `restricted`, and `spec.podSecurity` asks for root",
    ),
    (
        "RouteTypeNotAllowed",
        "a PreviewPolicy does not allow routes of this type; everything but the route is made",
    ),
    ("RunContainerError", "a node cannot start the container of a pod; the message has its words"),
    (
        TOO_MANY_PREVIEWS,
        "a PreviewPolicy allows fewer previews in the namespace, and others are older; there are no pods and no route",
    ),
    ("TtlNotUsable", "refused: `spec.ttl` is no duration"),
    ("Unschedulable", "no node takes a pod; the message says what they lack"),
];

const LIMIT_REASONS: [(&str, &str); 3] = [
    ("ImageNotAllowed", "a PreviewPolicy does not allow the image"),
    (
        TOO_MANY_PREVIEWS,
        "a PreviewPolicy allows fewer previews in the namespace, and others are older",
    ),
    ("TooManyReplicas", "a PreviewPolicy allows fewer pods than `spec.replicas`; so many run"),
];

const ROOT_REASONS: [(&str, &str); 2] = [
    ("AskedFor", "`spec.podSecurity` allows it"),
    (
        "ImageDecides",
        "neither the namespace nor `spec.podSecurity` forbids it, so it is as the image says",
    ),
];

const EXPIRING_REASONS: [(&str, &str); 2] = [
    (
        "Expired",
        "its time is over; it is deleted as soon as the API server's clock and the limit of deletions allow",
    ),
    ("ExpiresSoon", "it is deleted at the moment in the message"),
];

const ROUTE_ACCEPTED_REASONS: [(&str, &str); 14] = [
    ("Accepted", "the route's controller takes it"),
    ("GatewayMissing", "there is no route, because it is an HTTPRoute, and no Gateway is named"),
    (HOST_CONFLICT, "there is no route, because another preview has the host"),
    ("HostNotAllowed", "there is no route, because the namespace is not allowed this host"),
    ("ImageNotAllowed", "there is no route, because a PreviewPolicy does not allow the image"),
    (NOT_ACCEPTED, "the route's controller refuses it; the message has its words"),
    ("NotReported", "Unknown: Ambassador writes no status about Mappings"),
    ("NotRequested", "`spec.route.type` is `None`"),
    (
        "RemovedWhileSuspended",
        "the preview is suspended, and `spec.route.whenSuspended` is `Remove`",
    ),
    ("RouteApiNotServed", "the cluster does not have that kind of route"),
    ("RouteNotInPlace", "the route could not be made; `Ready` says why"),
    ("RouteTypeNotAllowed", "there is no route, because a PreviewPolicy does not allow this type"),
    (
        TOO_MANY_PREVIEWS,
        "there is no route, because a PreviewPolicy allows fewer previews in the namespace",
    ),
    ("WaitingForController", "Unknown: the route's controller has not said anything yet"),
];
