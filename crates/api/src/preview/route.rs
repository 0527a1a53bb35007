//! What a preview says about the route from its host name to its pods.

use std::fmt;

use kube::KubeSchema;
use kube::core::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{self, cel_string};

/// The path of a route when `spec.route.path` is left out: everything.
pub const DEFAULT_PATH: &str = "/";

/// What a path is made of: of what RFC 3986 lets be in a path, that which every controller takes
/// for text.
///
/// Some write a path into a configuration file or a regular expression, where `;`, `'`, `$`, `(`,
/// `*` and the like mean more than themselves, so that a path could do more than lead to its
/// preview. What is escaped with `%` is compared before it is decoded by some, and after by others.
/// ingress-nginx refuses all of these, and `~`, where it is not told otherwise.
const PATH: &str = "^/[A-Za-z0-9/._-]*$";
/// What gateways read in different ways, and none of them takes.
const NO_PATH: &str = r"//|/\.\.?(/|$)";

/// Refuses paths that not all kinds of routes take.
fn path_rule() -> Rule {
    Rule::new(format!("self.matches({}) && !self.matches({})", cel_string(PATH), cel_string(NO_PATH)))
        .message("write a path from the root of letters, digits, hyphens, underscores, dots and slashes, like /app: no query, no //, no /./ and no /../, and nothing that controllers read as more than text")
}

/// Refuses a field that the route's type knows nothing of. With type None it may stay, so that a
/// route can be taken away for a while by one field.
fn belongs_to(field: &str, kind: &str, message: &'static str) -> Rule {
    Rule::new(format!("!has(self.{field}) || (has(self.type) && self.type in ['{kind}', 'None'])"))
        .message(message)
}

/// Refuses the certificate of an Ingress for what is not one.
fn certificate_belongs_to_ingress() -> Rule {
    Rule::new(
        "!has(self.tls) || !(has(self.tls.secretName) || has(self.tls.issuer) || has(self.tls.clusterIssuer)) \
         || (has(self.type) && self.type in ['Ingress', 'None'])",
    )
    .message(
        "only an Ingress names its certificate: write type: Ingress beside it, or tls: {} where the gateway has a certificate",
    )
}

/// How the host name leads to the pods.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(
    validation = belongs_to("parentRefs", "HTTPRoute", "parentRefs are the Gateways of an HTTPRoute: write type: HTTPRoute beside them, or leave them out"),
    validation = belongs_to("ingressClassName", "Ingress", "only an Ingress has a class: write type: Ingress beside ingressClassName, or leave it out"),
    validation = certificate_belongs_to_ingress()
)]
pub struct Route {
    /// What the route is. HTTPRoute: of the Gateway API. Ingress: of Kubernetes itself. Mapping:
    /// of Ambassador (Emissary-ingress). None: there is none, and the preview is reached
    /// inside the cluster only. By default what the administrator of the operator
    /// chose, or else the first that the cluster serves of HTTPRoute (where the administrator
    /// named a Gateway), Ingress (where there is an IngressClass) and Mapping. A change
    /// removes the old route and makes the new one. Example: Ingress
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<RouteType>,

    /// The Gateways of an HTTPRoute, up to 4; one that is named twice needs a sectionName each
    /// time. By default those that the administrator of the operator chose; without any, an
    /// HTTPRoute is not made. Example: [{name: public, namespace: gateways}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "atomic"))]
    pub parent_refs: Vec<GatewayRef>,

    /// The class of an Ingress, which says what controller heeds it. By default the one that a
    /// PreviewPolicy or the administrator of the operator names, else the class that the
    /// cluster has as its default, else its oldest. Example: nginx
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub ingress_class_name: Option<String>,

    /// That the preview is reached by HTTPS, and where an Ingress has its certificate from. The
    /// empty {} means that the gateway or the ingress controller has a certificate for the
    /// host already, usually a wildcard. By default the URL begins with http.
    /// Example: {clusterIssuer: letsencrypt}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<RouteTls>,

    /// The beginning of the paths that lead to the preview, of letters, digits, hyphens,
    /// underscores, dots and slashes, up to 1024 characters, by default / for all of them; the
    /// program gets the whole path. HTTPRoute and Ingress compare parts between slashes, so
    /// that /app is not the beginning of /apple; a Mapping compares characters. Example: /app
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = path_rule())]
    pub path: Option<String>,

    /// What becomes of the route while the preview is suspended. Keep (the default): it stays, so
    /// that its address and certificate do, and whoever follows it is told that nothing
    /// answers. Remove: the host name is free. Example: Remove
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = WhenSuspended::default()))]
    pub when_suspended: Option<WhenSuspended>,
}

impl Route {
    /// The beginning of the paths that lead to the preview; [`DEFAULT_PATH`] when the spec does not
    /// say.
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or(DEFAULT_PATH)
    }

    /// What becomes of it while the preview is suspended; `Keep` when the spec does not say.
    pub fn when_suspended(&self) -> WhenSuspended {
        self.when_suspended.unwrap_or_default()
    }
}

/// The kinds of route.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteType {
    /// Of the Gateway API.
    #[serde(rename = "HTTPRoute")]
    HttpRoute,
    /// Of Kubernetes itself.
    Ingress,
    /// Of Ambassador (Emissary-ingress).
    Mapping,
    /// None at all.
    None,
}

impl RouteType {
    /// The name that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HttpRoute => "HTTPRoute",
            Self::Ingress => "Ingress",
            Self::Mapping => "Mapping",
            Self::None => "None",
        }
    }
}

impl fmt::Display for RouteType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A Gateway, or a listener of one.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct GatewayRef {
    /// The name of the Gateway, up to 253 characters. Example: public
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub name: String,

    /// Its namespace, which has to let routes of this one in; by default that of the preview.
    /// Example: gateways
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub namespace: Option<String>,

    /// The name of one of its listeners, up to 253 characters; by default every one that takes the
    /// host. Example: https
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub section_name: Option<String>,
}

/// Where the certificate of an Ingress comes from.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(validation = Rule::new("!has(self.issuer) || !has(self.clusterIssuer)")
    .message("a certificate has one issuer: write issuer for one of the namespace, or clusterIssuer, not both"),
    validation = Rule::new("!has(self.secretName) || !(has(self.issuer) || has(self.clusterIssuer))")
    .message("an issuer has its certificate put into a Secret of the preview's own, and whatever is in another one would be lost: leave secretName out, or name no issuer where that Secret has a certificate already"))]
pub struct RouteTls {
    /// The Secret that has the certificate already, in the preview's namespace. It cannot be named
    /// beside an issuer: cert-manager would overwrite what is in it, whoever it belongs to;
    /// the Secret is then NAME-preview-tls. By default the certificate that the ingress
    /// controller has as its default. Example: previews-wildcard
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub secret_name: Option<String>,

    /// The Issuer of cert-manager in the preview's namespace that makes the certificate, and puts
    /// it into the Secret NAME-preview-tls; by default none does. Example: staging
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub issuer: Option<String>,

    /// The ClusterIssuer of cert-manager that makes the certificate, and puts it into the Secret
    /// NAME-preview-tls; by default none does. Example: letsencrypt
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub cluster_issuer: Option<String>,
}

/// What becomes of a route to which nothing answers for a while.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenSuspended {
    /// It stays.
    #[default]
    Keep,
    /// It goes, and comes back with the pods.
    Remove,
}
