//! What the administrator of a cluster chooses for all previews.

use std::time::Duration;

use operator_api::preview::{GatewayRef, RouteType};

/// Runs the `PreviewEnvironment`s of `platform9.com/v1`.
///
/// The fields are what the administrator chose for all of them; the default is to choose nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviewOperator {
    /// What a route is where `spec.route.type` does not say; without it, the first that the
    /// cluster serves.
    pub default_route: Option<RouteType>,
    /// The Gateways of an `HTTPRoute` where `spec.route.parentRefs` names none; without any, such
    /// a route is not made.
    pub default_gateways: Vec<GatewayRef>,
    /// The class of an Ingress where `spec.route.ingressClassName` names none; without it, the
    /// cluster's default, or else its oldest.
    pub default_ingress_class: Option<String>,
    /// Which hosts previews may have: `pr.example.com` is that host, `*.example.com` every host
    /// below `example.com`; without any, every host. The annotation
    /// [`ALLOWED_DOMAINS`](super::ALLOWED_DOMAINS) of a Namespace narrows it down.
    pub allowed_domains: Vec<String>,
    /// How long any preview is kept after the last change of its spec, unless it is pinned; as
    /// long as its spec says without it.
    pub maximum_ttl: Option<Duration>,
}
