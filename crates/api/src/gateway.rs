//! `HTTPRoute` of `gateway.networking.k8s.io/v1`, a route of the Gateway API: only the fields that
//! we write or look at. It is somebody else's API: the CRD comes with the Gateway API and is never
//! made from this type.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// Which requests go to which Service, through which Gateways. The names of the fields are those of
/// the Gateway API.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "gateway.networking.k8s.io",
    version = "v1",
    kind = "HTTPRoute",
    plural = "httproutes",
    singular = "httproute",
    category = "gateway-api",
    namespaced,
    status = "HTTPRouteStatus",
    derive = "PartialEq",
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct HTTPRouteSpec {
    /// The Gateways that let the requests in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parent_refs: Vec<ParentReference>,

    /// The hosts that requests have to name. Without them, those of the Gateway's listeners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hostnames: Vec<String>,

    /// Where the requests go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<HTTPRouteRule>,
}

/// A Gateway, or a listener of one.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ParentReference {
    /// Its API group; `gateway.networking.k8s.io` without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,

    /// Its kind; `Gateway` without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,

    /// Its namespace; that of the route without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,

    /// Its name.
    pub name: String,

    /// The name of one of its listeners; all of them without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
}

/// Some of the requests, and where they go.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HTTPRouteRule {
    /// Which requests: those that one of these matches. Without any, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<HTTPRouteMatch>,

    /// The Services among which the requests are divided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backend_refs: Vec<HTTPBackendRef>,
}

/// What a request has to be like.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct HTTPRouteMatch {
    /// What its path has to be like; anything without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<HTTPPathMatch>,
}

/// What a path has to be like.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct HTTPPathMatch {
    /// `Exact`, `PathPrefix` or `RegularExpression`.
    #[serde(rename = "type")]
    pub type_: String,

    /// What it is compared with.
    pub value: String,
}

/// A Service in the namespace of the route.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct HTTPBackendRef {
    /// Its name.
    pub name: String,

    /// Its port, 1 to 65535.
    pub port: i32,
}

/// What the controllers of the Gateways say about a route.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct HTTPRouteStatus {
    /// What each says about each Gateway that it serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<RouteParentStatus>,
}

/// What one controller says about one Gateway.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RouteParentStatus {
    /// The Gateway, as the route's spec names it.
    pub parent_ref: ParentReference,

    /// Who says it, like `example.com/gateway-controller`.
    #[serde(default)]
    pub controller_name: String,

    /// `Accepted`, whether the Gateway takes the route, and `ResolvedRefs`, whether its Services
    /// were found; and others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}
