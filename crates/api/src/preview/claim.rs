//! A `PreviewEnvironment` as others see it: what decides whether it has its host, and since when it
//! is there. Small parts of the same resource, for who compares many of them; no CRD is made from
//! them.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{GatewayRef, PodSecurity, PreviewEnvironment, RouteType, WhenSuspended};
use crate::schema;

/// What a preview claims, and what decides whether it may have that. The names of the fields are
/// those of the resource.
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

    /// The image, which a policy may not allow.
    pub image: String,

    /// Whether the preview sleeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// How long it is kept, where that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,

    /// Whether it is kept whatever that says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<bool>,

    /// Who the program runs as, which its namespace may not allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security: Option<PodSecurity>,

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

    /// The Gateways of an HTTPRoute.
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub parent_refs: Vec<GatewayRef>,
}

/// That a preview is there, and since when: for who counts them.
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

impl PreviewClaim {
    /// What `preview` claims.
    #[must_use]
    pub fn of(preview: &PreviewEnvironment) -> Self {
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

    /// The host that is claimed: none where the spec says that there is no route, and while the
    /// route sleeps.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let route = self.spec.route.as_ref();
        let when_suspended = route.and_then(|route| route.when_suspended);
        let sleeps =
            self.spec.suspend == Some(true) && when_suspended == Some(WhenSuspended::Remove);
        let wanted = route.and_then(|route| route.type_) != Some(RouteType::None);
        (wanted && !sleeps).then_some(&self.spec.fqdn)
    }
}

impl PreviewPlace {
    /// Where `preview` stands.
    #[must_use]
    pub fn of(preview: &PreviewEnvironment) -> Self {
        Self { metadata: preview.metadata.clone(), spec: PreviewPlaceSpec {} }
    }
}
