//! The resource `PreviewPolicy`: what an administrator allows the previews of some namespaces. No
//! operator makes anything of it by itself; that of `PreviewEnvironment` heeds it.

// Two columns of one type are two columns.
#![allow(clippy::duplicated_attributes)]

use kube::core::Rule;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::selector::NamespaceSelector;
use super::{GatewayRef, RouteType};
use crate::duration;
use crate::schema::{self, cel_string};

/// How many items each list of a policy may have.
const LIST: u32 = 32;
/// A host, or a star for all below a domain, or a star for all.
const DOMAIN: &str =
    r"^(\*|(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)$";
/// What a prefix ends with, so that it ends where a part of an image reference does.
const PREFIX: &str = r"^[^\s]*[/:@]$";
/// A label of DNS, as namespaces are named.
const NAMESPACE: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// Refuses a list with an item that is not of this form.
fn each(pattern: &str, message: &'static str) -> Rule {
    Rule::new(format!("self.all(item, item.matches({}))", cel_string(pattern))).message(message)
}

/// Refuses a list that says nothing: whoever takes the last item away would allow all, and hardly
/// means that.
fn not_empty() -> Rule {
    Rule::new("size(self) > 0")
        .message("an empty list would allow everything: leave the field out where that is meant")
}

/// What the previews of some namespaces may do. Several policies may select one namespace: then
/// each of their limits counts, of those of one kind the strictest, and of what they give by
/// default that of the first by name.
#[derive(
    CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq,
)]
#[kube(
    group = "platform9.com",
    version = "v1",
    kind = "PreviewPolicy",
    plural = "previewpolicies",
    singular = "previewpolicy",
    shortname = "pp",
    doc = "What the PreviewEnvironments of some namespaces may do: how many there are, how long, with which hosts, routes and images, and who reaches them.",
    derive = "PartialEq",
    printcolumn(
        name = "Previews",
        type_ = "integer",
        description = "How many previews a namespace may have",
        json_path = ".spec.limits.previews"
    ),
    printcolumn(
        name = "Replicas",
        type_ = "integer",
        description = "How many pods a preview may have",
        json_path = ".spec.limits.replicas"
    ),
    printcolumn(
        name = "Max TTL",
        type_ = "string",
        description = "How long a preview may be kept",
        json_path = ".spec.limits.maxTtl"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        description = "When it was made",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PreviewPolicySpec {
    /// Which namespaces, by their labels; a namespace is named by its label
    /// kubernetes.io/metadata.name. By default all. Example: {matchLabels: {team: shop}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<NamespaceSelector>,

    /// How many, how large and how long. By default there is no limit but those of
    /// PreviewEnvironment itself. Example: {previews: 10, replicas: 2, maxTtl: 168h}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<PreviewLimits>,

    /// Which routes. By default all types, and the first that the cluster serves where a preview
    /// names none. Example: {types: [HTTPRoute, Ingress], parentRefs: [{name: public,
    /// namespace: gateways}]}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<PolicyRoutes>,

    /// Which hosts: pr.example.com is that host, *.example.com every host below example.com, *
    /// every host; up to 32 of up to 255 characters. By default all. Example: [pr.example.com]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = LIST), inner(length(min = 1, max = 255)), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = not_empty(), validation = each(DOMAIN, "write hosts like pr.example.com, or *.example.com for all below a domain: in lower case, no scheme, no port, no path"))]
    pub domains: Vec<String>,

    /// What the reference of an image has to begin with, as it is written in the preview. One that
    /// ends with / allows all images below it; one that ends with : or @ the tags or the
    /// digests of that one repository, and not what follows the port of a registry. Up to
    /// 32 of up to 255 characters. By default any image. Example: [registry.example.com/team/]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = LIST), inner(length(min = 1, max = 255)), extend("x-kubernetes-list-type" = "atomic"))]
    #[x_kube(validation = not_empty(), validation = each(PREFIX, "write the beginning of image references up to a /, : or @, like registry.example.com/team/: what ends elsewhere allows other repositories, too"))]
    pub image_prefixes: Vec<String>,

    /// A NetworkPolicy for each preview. By default there is none, and everybody in the cluster
    /// reaches it, unless another NetworkPolicy says otherwise. Example: {fromNamespaces:
    /// [gateways, monitoring]}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<PolicyNetwork>,
}

/// How many, how large and how long.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PreviewLimits {
    /// How many previews each namespace may have, 0 to 1000. Those that were made first are taken;
    /// the others wait without pods and without a route until one of them goes. Example: 10
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub previews: Option<i32>,

    /// How many pods each preview may have, 0 to 5; one that asks for more gets as many. Example:
    /// 2
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 5))]
    pub replicas: Option<i32>,

    /// How long a preview may be kept, as a duration with the units h, m, s and ms. Example: 168h
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = duration::LENGTH))]
    #[x_kube(validation = duration::form_rule(), validation = duration::positive_rule())]
    pub max_ttl: Option<String>,

    /// How long a preview is kept that does not say. By default as long as it may be. Example: 72h
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = duration::LENGTH))]
    #[x_kube(validation = duration::form_rule(), validation = duration::positive_rule())]
    pub default_ttl: Option<String>,
}

/// Which routes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(validation = Rule::new("!has(self.default) || self.default == 'None' || !has(self.types) || self.default in self.types")
    .message("the default is a type that is allowed: add it to types, or write another one"))]
pub struct PolicyRoutes {
    /// The types that are allowed; None is always allowed. By default all. Example: [HTTPRoute,
    /// Ingress]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = not_empty())]
    pub types: Vec<RouteType>,

    /// What the route of a preview is that does not say. By default the first that is allowed and
    /// that the cluster serves of HTTPRoute, Ingress and Mapping. Example: HTTPRoute
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<RouteType>,

    /// The Gateways of an HTTPRoute that names none, up to 4. By default none, and such an
    /// HTTPRoute is not made. Example: [{name: public, namespace: gateways}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "atomic"))]
    pub parent_refs: Vec<GatewayRef>,

    /// The class of an Ingress that names none, up to 253 characters. By default the class that
    /// the cluster has as its default, or else its oldest. Example: nginx
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub ingress_class_name: Option<String>,
}

/// Who reaches a preview.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PolicyNetwork {
    /// The namespaces from which the pods of a preview are reached, at the port of the container;
    /// that of the route's controller among them, 1 to 32. Everybody else in the cluster is
    /// kept out, its own namespace as well unless it is named. Example: [gateways, monitoring]
    #[schemars(length(min = 1, max = LIST), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = each(NAMESPACE, "write names of namespaces, as kubectl get namespaces shows them"))]
    pub from_namespaces: Vec<String>,
}
