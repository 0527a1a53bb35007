//! What `build` finds out about a preview beside its spec: from what policies, other previews, the
//! namespace and the cluster say. It is told to `status`, which says it in conditions.

use operator_api::preview::{GatewayRef, RouteType};

/// What was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Findings {
    /// What the route is.
    pub(super) route_type: RouteType,
    /// The Gateways of an `HTTPRoute` where the spec names none.
    pub(super) gateways: Vec<GatewayRef>,
    /// The class of an Ingress where the spec names none; `None` where there is none.
    pub(super) ingress_class: Option<String>,
    /// Why there is no route although the preview is to have one.
    pub(super) no_route: Option<NoRoute>,
    /// More than this many pods are not run.
    pub(super) most_replicas: Option<i32>,
    /// What the preview asks for beyond its limits.
    pub(super) exceeded: Option<Exceeded>,
    /// The namespaces from which its pods are reached; from all without it.
    pub(super) reached_from: Option<Vec<String>>,
    /// Whether the program may be root.
    pub(super) root: Option<Root>,
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

/// Why a preview does not get all that it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exceeded {
    /// In CamelCase, from a closed set.
    pub(super) reason: &'static str,
    /// For a person.
    pub(super) message: String,
    /// Whether it gets no pods and no route at all.
    pub(super) held: bool,
}

/// Why the program of a preview may be root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// The spec asks for it.
    Asked,
    /// The image decides.
    OfImage,
}

impl Findings {
    /// Of a preview whose route needs nothing else to be known.
    pub(crate) fn of(route_type: RouteType) -> Self {
        Self {
            route_type,
            gateways: Vec::new(),
            ingress_class: None,
            no_route: None,
            most_replicas: None,
            exceeded: None,
            reached_from: None,
            root: None,
        }
    }

    /// Of a preview that has no route for this reason.
    pub(super) fn without_route(no_route: NoRoute) -> Self {
        Self { no_route: Some(no_route), ..Self::of(RouteType::None) }
    }

    /// Of a preview that gets neither pods nor a route.
    pub(super) fn held(exceeded: Exceeded) -> Self {
        let no_route =
            NoRoute { reason: exceeded.reason, message: exceeded.message.clone(), stalls: true };
        Self { exceeded: Some(exceeded), ..Self::without_route(no_route) }
    }

    /// Of a preview that was refused before anything was found out.
    pub(super) fn nothing() -> Self {
        let message = "there is no route; see Ready".to_owned();
        Self::without_route(NoRoute { reason: "RouteNotInPlace", message, stalls: false })
    }

    /// Whether it gets no pods.
    pub(super) fn is_held(&self) -> bool {
        self.exceeded.as_ref().is_some_and(|exceeded| exceeded.held)
    }
}
