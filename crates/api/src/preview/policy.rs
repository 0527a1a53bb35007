//! The resource `PreviewPolicy`: limits and defaults of an administrator for the previews of some
//! namespaces. `stored` reads it without losing what cannot be read.

// Two columns can have the same type.
#![allow(clippy::duplicated_attributes)]

use std::time::Duration;

use kube::core::Rule;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::selector::NamespaceSelector;
use super::{GatewayRef, PreviewPolicyStatus, RouteType};
use crate::duration::{self, DurationError};
use crate::schema::{self, cel_string};

/// How long a stricter spec does not apply to previews that exist, by default.
const DEFAULT_GRACE_PERIOD: Duration = Duration::from_mins(10);
/// The maximum number of items of each list.
const LIST: u32 = 32;
/// The largest number of previews that a limit can have.
pub(super) const MOST_PREVIEWS: i32 = 1000;
/// The largest number of pods that a limit can have.
pub(super) const MOST_REPLICAS: i32 = 5;
/// A host, `*.` and a domain for every host below it, or `*` for every host.
const DOMAIN: &str =
    r"^(\*|(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)$";
/// The last character of a prefix, which ends a part of an image reference.
const PREFIX: &str = r"^[^\s]*[/:@]$";
/// A DNS label, the form of namespace names.
const NAMESPACE: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// Rejects a list with an item of another form.
fn each(pattern: &str, message: &'static str) -> Rule {
    Rule::new(format!("self.all(item, item.matches({}))", cel_string(pattern))).message(message)
}

/// Rejects an empty list: removing the last item would allow everything, which is hardly intended.
fn not_empty() -> Rule {
    Rule::new("size(self) > 0")
        .message("an empty list would allow everything: write an item, or leave the field out")
}

/// Limits and defaults for the previews of some namespaces. If several policies select a namespace,
/// the strictest of each limit applies, and the first policy by name sets each default.
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
    doc = "Limits and defaults for the PreviewEnvironments of some namespaces: number, size, \
           lifetime, hosts, routes, images and network access.",
    status = "PreviewPolicyStatus",
    derive = "PartialEq",
    printcolumn(
        name = "Ready",
        type_ = "string",
        description = "Whether the policy can be read",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Namespaces",
        type_ = "integer",
        description = "The number of namespaces that the policy selects",
        json_path = ".status.namespaces"
    ),
    printcolumn(
        name = "Refused",
        type_ = "integer",
        description = "The number of previews that the policy gives no pods or no route",
        json_path = ".status.refused"
    ),
    printcolumn(
        name = "Enforced At",
        type_ = "string",
        description = "When a stricter policy also applies to previews that exist",
        json_path = ".status.pending.enforcedAt"
    ),
    printcolumn(
        name = "Previews",
        priority = 1,
        type_ = "integer",
        description = "The maximum number of previews in a namespace",
        json_path = ".spec.limits.previews"
    ),
    printcolumn(
        name = "Replicas",
        priority = 1,
        type_ = "integer",
        description = "The maximum number of pods of a preview",
        json_path = ".spec.limits.replicas"
    ),
    printcolumn(
        name = "Max TTL",
        priority = 1,
        type_ = "string",
        description = "The maximum lifetime of a preview",
        json_path = ".spec.limits.maxTtl"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        description = "The time since the creation",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PreviewPolicySpec {
    /// The namespaces, selected by their labels; the label kubernetes.io/metadata.name has the name
    /// of a namespace. By default all namespaces. Example: {matchLabels: {team: shop}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<NamespaceSelector>,

    /// The number, size and lifetime of previews. By default only the limits of PreviewEnvironment
    /// apply. Example: {previews: 10, replicas: 2, maxTtl: 168h}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<PreviewLimits>,

    /// The routes. By default all types are allowed, and a preview without a type gets the first
    /// type that the cluster serves. Example: {types: [HTTPRoute, Ingress], parentRefs: [{name:
    /// public, namespace: gateways}]}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<PolicyRoutes>,

    /// The allowed hosts: pr.example.com is one host, *.example.com every host below example.com, *
    /// every host; up to 32 items of up to 255 characters. By default all hosts. Example:
    /// [pr.example.com]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(
        length(max = LIST),
        inner(length(min = 1, max = 255)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    #[x_kube(
        validation = not_empty(),
        validation = each(
            DOMAIN,
            "write hosts like pr.example.com, or *.example.com for every host below a domain: in \
             lower case, no scheme, no port, no path"
        )
    )]
    pub domains: Vec<String>,

    /// The allowed prefixes of image references, up to 32 items of up to 255 characters. A prefix
    /// that ends with / allows all images below it. A prefix that ends with : or @ allows the tags
    /// or digests of one repository; a : before the port of a registry does not count. By default
    /// all images. Example: [registry.example.com/team/]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(
        length(max = LIST),
        inner(length(min = 1, max = 255)),
        extend("x-kubernetes-list-type" = "atomic")
    )]
    #[x_kube(
        validation = not_empty(),
        validation = each(
            PREFIX,
            "write a prefix that ends with /, : or @, like registry.example.com/team/: any other \
             prefix would also allow other repositories"
        )
    )]
    pub image_prefixes: Vec<String>,

    /// A NetworkPolicy for each preview. By default none: all pods of the cluster can connect,
    /// unless another NetworkPolicy forbids it. Example: {fromNamespaces: [gateways, monitoring]}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<PolicyNetwork>,

    /// How long an edit that makes this policy stricter does not apply to previews that exist, a
    /// duration with the units h, m, s and ms. Previews that are created later get the new limits
    /// at once. By default 10m; 0s applies every edit at once. Example: 24h
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = duration::LENGTH))]
    #[x_kube(validation = duration::form_rule())]
    pub grace_period: Option<String>,
}

impl PreviewPolicySpec {
    /// How long a stricter spec does not apply to previews that exist. The default also counts for
    /// a text that is no duration.
    #[must_use]
    pub fn grace_period(&self) -> Duration {
        match self.grace_period.as_deref().map(duration::parse) {
            Some(Ok(period)) => period,
            Some(Err(DurationError::Zero)) => Duration::ZERO,
            Some(Err(_)) | None => DEFAULT_GRACE_PERIOD,
        }
    }
}

/// The limits of previews.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PreviewLimits {
    /// The maximum number of previews in each namespace, 0 to 1000. The oldest previews run; the
    /// others have no pods and no route until an older one is deleted. Example: 10
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MOST_PREVIEWS))]
    pub previews: Option<i32>,

    /// The maximum number of pods of each preview, 0 to 5. A preview that asks for more gets this
    /// number. Example: 2
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MOST_REPLICAS))]
    pub replicas: Option<i32>,

    /// The maximum lifetime of a preview after the last change of its spec, a duration with the
    /// units h, m, s and ms. Example: 168h
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = duration::LENGTH))]
    #[x_kube(validation = duration::form_rule(), validation = duration::positive_rule())]
    pub max_ttl: Option<String>,

    /// The lifetime of a preview without ttl and expiresAt. By default maxTtl. Example: 72h
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = duration::LENGTH))]
    #[x_kube(validation = duration::form_rule(), validation = duration::positive_rule())]
    pub default_ttl: Option<String>,
}

/// The routes of previews.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(validation = Rule::new(
        "!has(self.default) || self.default == 'None' || !has(self.types) \
         || self.default in self.types"
    )
    .message("the default is not an allowed type: add it to types, or write another default"))]
pub struct PolicyRoutes {
    /// The allowed route types; None is always allowed. By default all types. Example: [HTTPRoute,
    /// Ingress]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = not_empty())]
    pub types: Vec<RouteType>,

    /// The route type of a preview without one. By default the first of HTTPRoute, Ingress and
    /// Mapping that is allowed and that the cluster serves. Example: HTTPRoute
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<RouteType>,

    /// The Gateways of an HTTPRoute without parentRefs, up to 4. By default those of the operator's
    /// settings. Example: [{name: public, namespace: gateways}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "atomic"))]
    pub parent_refs: Vec<GatewayRef>,

    /// The class of an Ingress without one, up to 253 characters. By default the class of the
    /// operator's settings, else the default class of the cluster, else its oldest. Example: nginx
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub ingress_class_name: Option<String>,
}

/// The network access to previews.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PolicyNetwork {
    /// The namespaces whose pods may connect to the port of the container, 1 to 32. Include the
    /// namespace of the route's controller. All other pods of the cluster may not connect, also not
    /// those of the preview's own namespace. Example: [gateways, monitoring]
    #[schemars(
        length(min = 1, max = LIST),
        inner(length(min = 1, max = 63)),
        extend("x-kubernetes-list-type" = "set")
    )]
    #[x_kube(validation = each(
        NAMESPACE,
        "write names of namespaces, as kubectl get namespaces shows them"
    ))]
    pub from_namespaces: Vec<String>,
}
