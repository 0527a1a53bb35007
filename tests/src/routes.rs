//! Routes of previews: waits until a route is accepted, and the answers of Gateways.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};

use crate::cluster::{Sandbox, condition};

/// Whether the preview is Ready, unless the controller of its route has not accepted the route:
/// then this is the reason.
#[must_use]
pub fn is_ready_for(preview: &PreviewEnvironment, route: &str) -> bool {
    let ready = condition(preview, "Ready");
    if ["WaitingForController", "NotAccepted"].contains(&route) {
        ready.status_and_reason() == ("False", route)
    } else {
        ready.is_true()
    }
}

/// Waits until `RouteAccepted` has this status and reason, and Ready agrees.
#[track_caller]
pub fn until_route_is(
    sandbox: &Sandbox,
    name: &str,
    status: &str,
    reason: &str,
) -> impl Future<Output = PreviewEnvironment> {
    let what = format!("has RouteAccepted {status}, {reason}");
    sandbox.until(name, what, move |preview: &PreviewEnvironment| {
        condition(preview, "RouteAccepted").status_and_reason() == (status, reason)
            && is_ready_for(preview, reason)
    })
}

/// The answer of a controller about an HTTPRoute at one Gateway in the namespace `gateways`.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The name of the Gateway.
    pub gateway: &'a str,
    /// The name of the controller.
    pub controller: &'a str,
    /// Whether the Gateway accepts the route, and whether it finds the Service.
    pub holds: [bool; 2],
    /// The generation of the route that the controller saw.
    pub generation: Option<i64>,
    /// The year in which the answer changed last.
    pub year: u16,
}

impl<'a> Answer<'a> {
    /// The Gateway accepts the route and finds the Service.
    #[must_use]
    pub fn accepted(gateway: &'a str) -> Self {
        let controller = "example.com/gateway";
        Self { gateway, controller, holds: [true, true], generation: None, year: 2030 }
    }

    /// The entry in the status of the route.
    #[must_use]
    pub fn parent(&self) -> Value {
        let condition = |type_: &str, holds: bool, reason: &str| {
            let mut condition = json!({
                "type": type_, "status": if holds { "True" } else { "False" },
                "reason": if holds { type_ } else { reason }, "message": "from the controller",
                "lastTransitionTime": format!("{}-01-01T00:00:00Z", self.year),
            });
            if let Some(generation) = self.generation {
                condition["observedGeneration"] = generation.into();
            }
            condition
        };
        let [accepted, resolved] = self.holds;
        json!({
            "parentRef": {
                "group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "gateways",
                "name": self.gateway,
            },
            "controllerName": self.controller,
            "conditions": [
                condition("Accepted", accepted, "NoMatchingListenerHostname"),
                condition("ResolvedRefs", resolved, "BackendNotFound"),
            ],
        })
    }
}
