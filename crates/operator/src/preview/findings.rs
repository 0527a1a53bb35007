//! What `build` finds out about a preview beside its spec: from what other resources, the namespace and the cluster say. It is told
//! to `status`, which says it in conditions.

use operator_api::preview::RouteType;

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Findings {
    /// What the route is.
    pub(super) route_type: RouteType,
    /// The class of an Ingress where the spec names none, and the cluster has no default but only one.
    pub(super) ingress_class: Option<String>,
    /// Why there is no route although the preview is to have one.
    pub(super) no_route: Option<NoRoute>,
}

/// Why there is no route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoRoute {
    /// In CamelCase, from a closed set.
    pub(super) reason: &'static str,
    /// For a person.
    pub(super) message: String,
    /// Whether the preview is not ready because of it.
    pub(super) stalls: bool,
}

impl Findings {
    /// Of a preview whose route needs nothing else to be known.
    pub(crate) fn of(route_type: RouteType) -> Self {
        Self { route_type, ingress_class: None, no_route: None }
    }

    /// Of a preview that has no route for this reason.
    pub(super) fn without_route(no_route: NoRoute) -> Self {
        Self { no_route: Some(no_route), ..Self::of(RouteType::None) }
    }

    /// Of a preview that was refused before anything was found out.
    pub(super) fn nothing() -> Self {
        let message = "there is no route; see Ready".to_owned();
        Self::without_route(NoRoute { reason: "RouteNotInPlace", message, stalls: false })
    }
}
