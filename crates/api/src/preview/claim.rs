//! A `PreviewEnvironment` as other previews read it: the fields that decide who holds a host, and
//! the metadata that counts previews. They are small parts of the same resource, for operators that
//! compare many previews; they have no CRD of their own.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{GatewayRef, PodSecurity, PreviewEnvironment, RouteType, WhenSuspended};
use crate::schema;

/// The claim of a preview to its host, and the fields that decide whether it can have a route. The
/// field names are those of the resource.
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

    /// The image. A policy may not allow it.
    pub image: String,

    /// Whether the preview is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// The lifetime. It may not be a duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,

    /// Whether the preview never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,

    /// The user of the program. The namespace may not allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security: Option<PodSecurity>,

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

    /// The Gateways of an HTTPRoute.
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub parent_refs: Vec<GatewayRef>,
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
        let route = preview.spec.route.as_ref().map(|route| ClaimedRoute {
            type_: route.type_,
            when_suspended: route.when_suspended,
            parent_refs: route.parent_refs.clone(),
        });
        let spec = PreviewClaimSpec {
            fqdn: preview.spec.fqdn.clone(),
            image: preview.spec.image.clone(),
            suspend: preview.spec.suspend,
            ttl: preview.spec.ttl.clone(),
            pinned: preview.spec.pinned,
            pod_security: preview.spec.pod_security.clone(),
            route,
        };
        Self { metadata: preview.metadata.clone(), spec }
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
