//! A `PreviewEnvironment` as other previews and policies read it: the fields that decide who holds
//! a host, and what a policy can refuse. They are small parts of the same resource, for operators
//! that compare many previews; they have no CRD of their own.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

use super::{PreviewEnvironment, RouteType, WhenSuspended};

/// The claim of a preview to its host. A change of a field of the holder wakes every preview that
/// waits for the host, so there are no others, and an edit that moves no claim changes no field.
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
#[serde(from = "Raw")]
pub struct PreviewClaimSpec {
    /// The host that is claimed. There is none if the spec asks for no route, and while the route
    /// is removed because the preview is suspended.
    pub host: Option<String>,

    /// The type of the route, if the spec has one.
    pub route_type: Option<RouteType>,
}

/// The fields of a spec that decide.
#[derive(Deserialize)]
struct Raw {
    fqdn: String,
    suspend: Option<bool>,
    route: Option<RawRoute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRoute {
    #[serde(rename = "type")]
    type_: Option<RouteType>,
    when_suspended: Option<WhenSuspended>,
}

impl From<Raw> for PreviewClaimSpec {
    fn from(Raw { fqdn, suspend, route }: Raw) -> Self {
        let (route_type, when_suspended) =
            route.map_or((None, None), |route| (route.type_, route.when_suspended));
        let is_removed = suspend == Some(true) && when_suspended == Some(WhenSuspended::Remove);
        let has_route = route_type != Some(RouteType::None) && !is_removed;
        Self { host: has_route.then_some(fqdn), route_type }
    }
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
pub struct PreviewRequestSpec {
    /// The image.
    pub image: String,

    /// The claim to a host.
    #[serde(flatten)]
    pub claim: PreviewClaimSpec,
}

impl From<&PreviewEnvironment> for PreviewClaim {
    fn from(preview: &PreviewEnvironment) -> Self {
        let spec = &preview.spec;
        let route = spec.route.as_ref();
        let raw = Raw {
            fqdn: spec.fqdn.clone(),
            suspend: spec.suspend,
            route: route
                .map(|route| RawRoute { type_: route.type_, when_suspended: route.when_suspended }),
        };
        let status = preview.status.as_ref();
        let status = status.map(|status| PreviewClaimStatus { host: status.host.clone() });
        Self { metadata: preview.metadata.clone(), spec: raw.into(), status }
    }
}

impl PreviewClaim {
    /// The host that is claimed, if any.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.spec.host.as_deref()
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The claim as an operator reads it, which is also what a preview knows of itself.
    fn claim(spec: &Value) -> PreviewClaimSpec {
        let mut preview = json!({ "metadata": { "name": "web" }, "spec": spec });
        preview["spec"]["image"] = json!("example.com/app:1");
        preview["spec"]["fqdn"] = json!("web.example.com");
        let read: PreviewClaim = serde_json::from_value(preview.clone()).unwrap();
        let preview_json = preview.clone();
        let mut own: PreviewEnvironment = serde_json::from_value(preview).unwrap();
        own.metadata.name = Some("web".into());
        assert_eq!(PreviewClaim::from(&own).spec, read.spec);
        let request: PreviewRequest = serde_json::from_value(preview_json).unwrap();
        assert_eq!(PreviewRequest::from(&own).spec, request.spec);
        read.spec
    }

    #[test]
    fn a_preview_with_a_route_claims_its_host() {
        let host = |spec: &Value| claim(spec).host.is_some();
        assert!(host(&json!({})));
        assert!(host(&json!({ "route": { "type": "Ingress", "whenSuspended": "Remove" } })));
        assert!(host(&json!({ "suspend": true, "route": { "type": "Mapping" } })));
        assert!(!host(&json!({ "suspend": true, "route": { "whenSuspended": "Remove" } })));
        assert!(!host(&json!({ "route": { "type": "None" } })));
    }

    #[test]
    fn an_edit_that_moves_no_claim_changes_no_field() {
        let before = claim(&json!({ "route": { "type": "Ingress" } }));
        for edit in [
            json!({ "suspend": true, "route": { "type": "Ingress" } }),
            json!({ "route": { "type": "Ingress", "whenSuspended": "Remove", "path": "/a" } }),
            json!({ "route": { "type": "Ingress" }, "replicas": 3, "ttl": "1h" }),
        ] {
            assert_eq!(claim(&edit), before, "{edit}");
        }
        assert_ne!(claim(&json!({ "route": { "type": "Mapping" } })), before);
    }
}
