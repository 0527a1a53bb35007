//! A `PreviewEnvironment` as others see it: which host it claims, and since when. A small part of the same resource, for who
//! compares many of them; no CRD is made from it.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{PreviewEnvironment, RouteType, WhenSuspended};

/// What a preview claims. The names of the fields are those of the resource.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "platform9.com",
    version = "v1",
    kind = "PreviewEnvironment",
    plural = "previewenvironments",
    root = "PreviewClaim",
    namespaced,
    derive = "PartialEq",
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct PreviewClaimSpec {
    /// The host.
    pub fqdn: String,

    /// Whether the preview sleeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// What decides about the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<ClaimedRoute>,
}

/// Of a route what decides whether a host is claimed.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedRoute {
    /// What it is.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<RouteType>,

    /// What becomes of it while the preview sleeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_suspended: Option<WhenSuspended>,
}

impl PreviewClaim {
    /// What `preview` claims.
    #[must_use]
    pub fn of(preview: &PreviewEnvironment) -> Self {
        let route = preview.spec.route.as_ref();
        let route = route.map(|route| ClaimedRoute { type_: route.type_, when_suspended: route.when_suspended });
        let spec = PreviewClaimSpec { fqdn: preview.spec.fqdn.clone(), suspend: preview.spec.suspend, route };
        Self { metadata: preview.metadata.clone(), spec }
    }

    /// The host that is claimed: none where the spec says that there is no route, and while the route sleeps.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let route = self.spec.route.clone().unwrap_or_default();
        let sleeps = self.spec.suspend == Some(true) && route.when_suspended == Some(WhenSuspended::Remove);
        (route.type_ != Some(RouteType::None) && !sleeps).then_some(&self.spec.fqdn)
    }
}
