//! A `PreviewEnvironment` as other previews read it: the fields that decide who holds a host, and
//! the metadata that counts previews. They are small parts of the same resource, for operators that
//! compare many previews; they have no CRD of their own.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{PreviewEnvironment, RouteType, WhenSuspended};

/// The claim of a preview to its host. The field names are those of the resource. Each field wakes
/// every preview of the same host when it changes, so there are no others.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "platform9.com",
    version = "v1",
    kind = "PreviewEnvironment",
    plural = "previewenvironments",
    root = "PreviewClaim",
    namespaced,
    status = "PreviewClaimStatus",
    derive = "PartialEq",
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct PreviewClaimSpec {
    /// The host.
    pub fqdn: String,

    /// Whether the preview is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// The route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<ClaimedRoute>,
}

/// The fields of a route that decide whether it needs the host.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedRoute {
    /// The type of the route.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<RouteType>,

    /// What happens to the route while the preview is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_suspended: Option<WhenSuspended>,
}

/// The part of the status that decides who keeps a host.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct PreviewClaimStatus {
    /// The host that the preview holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// The existence of a preview, for counting: only its metadata.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "platform9.com",
    version = "v1",
    kind = "PreviewEnvironment",
    plural = "previewenvironments",
    root = "PreviewPlace",
    namespaced,
    derive = "PartialEq",
    schema = "disabled"
)]
pub struct PreviewPlaceSpec {}

impl From<&PreviewEnvironment> for PreviewClaim {
    fn from(preview: &PreviewEnvironment) -> Self {
        let route = preview
            .spec
            .route
            .as_ref()
            .map(|route| ClaimedRoute { type_: route.type_, when_suspended: route.when_suspended });
        let spec = PreviewClaimSpec {
            fqdn: preview.spec.fqdn.clone(),
            suspend: preview.spec.suspend,
            route,
        };
        let status = preview.status.as_ref();
        let status = status.map(|status| PreviewClaimStatus { host: status.host.clone() });
        Self { metadata: preview.metadata.clone(), spec, status }
    }
}

impl PreviewClaim {
    /// The host that is claimed. There is none if the spec asks for no route, and while the route
    /// is removed.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let type_ = self.spec.route.as_ref().and_then(|route| route.type_);
        let has_route = type_ != Some(RouteType::None) && !self.is_route_removed();
        has_route.then_some(&self.spec.fqdn)
    }

    /// Whether the preview already holds the host that it claims.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let held = self.status.as_ref().and_then(|status| status.host.as_deref());
        held.is_some() && held == self.host()
    }

    /// Whether the route is removed because the preview is suspended.
    #[must_use]
    pub fn is_route_removed(&self) -> bool {
        let when_suspended = self.spec.route.as_ref().and_then(|route| route.when_suspended);
        self.spec.suspend == Some(true) && when_suspended == Some(WhenSuspended::Remove)
    }
}

impl From<&PreviewEnvironment> for PreviewPlace {
    fn from(preview: &PreviewEnvironment) -> Self {
        Self { metadata: preview.metadata.clone(), spec: PreviewPlaceSpec {} }
    }
}
