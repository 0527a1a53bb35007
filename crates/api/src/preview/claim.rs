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

/// What a preview asks for, as far as a `PreviewPolicy` can refuse it.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "platform9.com",
    version = "v1",
    kind = "PreviewEnvironment",
    plural = "previewenvironments",
    root = "PreviewRequest",
    namespaced,
    derive = "PartialEq",
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct PreviewRequestSpec {
    /// The image.
    pub image: String,

    /// The claim to a host.
    #[serde(flatten)]
    pub claim: PreviewClaimSpec,
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

impl PreviewClaimSpec {
    /// The host that is claimed. There is none if the spec asks for no route, and while the route
    /// is removed.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let has_route = self.route_type() != Some(RouteType::None) && !self.is_route_removed();
        has_route.then_some(&self.fqdn)
    }

    /// The type of the route that the spec asks for.
    #[must_use]
    pub fn route_type(&self) -> Option<RouteType> {
        self.route.as_ref().and_then(|route| route.type_)
    }

    /// Whether the route is removed because the preview is suspended.
    fn is_route_removed(&self) -> bool {
        let when_suspended = self.route.as_ref().and_then(|route| route.when_suspended);
        self.suspend == Some(true) && when_suspended == Some(WhenSuspended::Remove)
    }
}

impl PreviewClaim {
    /// The host that is claimed: see [`PreviewClaimSpec::host`].
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.spec.host()
    }

    /// Whether the preview already holds the host that it claims.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let held = self.status.as_ref().and_then(|status| status.host.as_deref());
        held.is_some() && held == self.host()
    }
}

impl From<&PreviewEnvironment> for PreviewRequest {
    fn from(preview: &PreviewEnvironment) -> Self {
        let PreviewClaim { metadata, spec: claim, .. } = PreviewClaim::from(preview);
        let spec = PreviewRequestSpec { image: preview.spec.image.clone(), claim };
        Self { metadata, spec }
    }
}

impl From<&PreviewEnvironment> for PreviewPlace {
    fn from(preview: &PreviewEnvironment) -> Self {
        Self { metadata: preview.metadata.clone(), spec: PreviewPlaceSpec {} }
    }
}
