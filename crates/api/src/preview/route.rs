//! The part of the spec about the route from the host name to the pods.

use std::fmt;

use kube::KubeSchema;
use kube::core::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::{self, cel_string};

/// The default of `spec.route.path`: all paths.
pub const DEFAULT_PATH: &str = "/";

/// The characters of a path that every controller treats as text.
///
/// Some controllers write a path into a configuration file or a regular expression, where `;`,
/// `'`, `$`, `(` or `*` could do more than select a path. Controllers also differ in when they
/// decode `%`. By default ingress-nginx rejects all of these, and `~`.
const PATH: &str = "^/[A-Za-z0-9/._-]*$";
/// Parts of a path that gateways treat differently.
const AMBIGUOUS: &str = r"//|/\.\.?(/|$)";

/// Whether a text is a path that every kind of route accepts, as the schema checks it. For
/// resources that a weaker schema accepted.
#[must_use]
pub fn is_path(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let is_ambiguous = |part: &str| part == "." || part == "..";
    text.starts_with('/')
        && text.chars().all(is_plain)
        && !text.contains("//")
        && !text.split('/').any(is_ambiguous)
}

/// Rejects paths that some kinds of routes do not accept.
fn path_rule() -> Rule {
    Rule::new(format!(
        "self.matches({}) && !self.matches({})",
        cel_string(PATH),
        cel_string(AMBIGUOUS)
    ))
    .message(
        "write a path from the root, of letters, digits, hyphens, underscores, dots and slashes, \
         like /app: no query, no other characters, no //, no /./ and no /../",
    )
}

/// Rejects a field that the route type does not have. Type None accepts it, so that one field can
/// remove a route for a while.
fn belongs_to(field: &str, kind: &str, message: &'static str) -> Rule {
    Rule::new(format!("!has(self.{field}) || (has(self.type) && self.type in ['{kind}', 'None'])"))
        .message(message)
}

/// Rejects a certificate for other route types than Ingress.
fn certificate_belongs_to_ingress() -> Rule {
    Rule::new(
        "!has(self.tls) || !(has(self.tls.secretName) || has(self.tls.issuer) \
         || has(self.tls.clusterIssuer)) || (has(self.type) && self.type in ['Ingress', 'None'])",
    )
    .message(
        "only an Ingress has a certificate of its own: write type: Ingress, or tls: {} if the \
         gateway has a certificate",
    )
}

/// The route from the host name to the pods.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(
    validation = belongs_to(
        "parentRefs",
        "HTTPRoute",
        "only an HTTPRoute has parentRefs: write type: HTTPRoute, or leave parentRefs out"
    ),
    validation = belongs_to(
        "ingressClassName",
        "Ingress",
        "only an Ingress has a class: write type: Ingress, or leave ingressClassName out"
    ),
    validation = certificate_belongs_to_ingress()
)]
pub struct Route {
    /// The route type: HTTPRoute (Gateway API), Ingress (Kubernetes), Mapping (Ambassador,
    /// Emissary-ingress) or None (no route: only programs in the cluster can reach the preview). By
    /// default the type of a PreviewPolicy, else of the operator's settings, else the first that
    /// the cluster serves: HTTPRoute (if a Gateway is configured), Ingress (if an IngressClass
    /// exists), Mapping. A change deletes the old route and creates a new one. Example: Ingress
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<RouteType>,

    /// The Gateways of an HTTPRoute, up to 4. To name a Gateway twice, give each a sectionName. By
    /// default those of a PreviewPolicy, else of the operator's settings; without a Gateway there
    /// is no HTTPRoute. Example: [{name: public, namespace: gateways}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 4), extend("x-kubernetes-list-type" = "atomic"))]
    pub parent_refs: Vec<GatewayRef>,

    /// The class of an Ingress, which selects its controller. By default the class of a
    /// PreviewPolicy, else of the operator's settings, else the default class of the cluster, else
    /// its oldest. Example: nginx
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub ingress_class_name: Option<String>,

    /// HTTPS, and the certificate of an Ingress. An empty {} means that the gateway or the ingress
    /// controller already has a certificate for the host, usually a wildcard certificate. By
    /// default the URL starts with http. Example: {clusterIssuer: letsencrypt}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<RouteTls>,

    /// The prefix of the paths that lead to the preview: letters, digits, hyphens, underscores,
    /// dots and slashes, up to 1024 characters, by default / for all paths. The program receives
    /// the whole path. HTTPRoute and Ingress compare the parts between slashes, so /app does not
    /// match /apple; Mapping compares characters. Example: /app
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = path_rule())]
    pub path: Option<String>,

    /// What happens to the route while the preview is suspended. Keep (the default): the route
    /// keeps its address and certificate, and requests get an error. Remove: the route is deleted,
    /// and another preview can use the host. Example: Remove
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = WhenSuspended::default()))]
    pub when_suspended: Option<WhenSuspended>,
}

impl Route {
    /// The prefix of the paths that lead to the preview; [`DEFAULT_PATH`] by default.
    pub fn path(&self) -> &str {
        self.path.as_deref().unwrap_or(DEFAULT_PATH)
    }
}

/// The route types.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteType {
    /// A route of the Gateway API.
    #[serde(rename = "HTTPRoute")]
    HttpRoute,
    /// A route of Kubernetes.
    Ingress,
    /// A route of Ambassador (Emissary-ingress).
    Mapping,
    /// No route.
    None,
}

impl RouteType {
    /// All types, in the order in which the operator chooses a default.
    pub const ALL: [Self; 4] = [Self::HttpRoute, Self::Ingress, Self::Mapping, Self::None];

    /// The name in the API.
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

    /// The namespace of the Gateway, by default that of the preview. The Gateway must allow routes
    /// of the preview's namespace. Example: gateways
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub namespace: Option<String>,

    /// The name of a listener of the Gateway, up to 253 characters; by default every listener that
    /// accepts the host. Example: https
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub section_name: Option<String>,
}

/// The certificate of an Ingress.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(validation = Rule::new("!has(self.issuer) || !has(self.clusterIssuer)")
    .message("write issuer or clusterIssuer, not both"),
    validation = Rule::new(
        "!has(self.secretName) || !(has(self.issuer) || has(self.clusterIssuer))"
    )
    .message(
        "cert-manager would overwrite the Secret secretName: leave secretName out, or leave the \
         issuer out if that Secret has a certificate"
    ))]
pub struct RouteTls {
    /// The Secret with the certificate, in the namespace of the preview. It excludes an issuer,
    /// whose certificate is in the Secret NAME-preview-tls: cert-manager would overwrite any other
    /// Secret. By default the ingress controller uses its default certificate. Example:
    /// previews-wildcard
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub secret_name: Option<String>,

    /// The Issuer of cert-manager that issues the certificate, in the namespace of the preview. The
    /// Secret of the certificate is NAME-preview-tls. By default none. Example: staging
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub issuer: Option<String>,

    /// The ClusterIssuer of cert-manager that issues the certificate. The Secret of the certificate
    /// is NAME-preview-tls. By default none. Example: letsencrypt
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::OBJECT_NAME_LENGTH))]
    #[x_kube(validation = schema::object_name_rule())]
    pub cluster_issuer: Option<String>,
}

/// What happens to the route of a suspended preview.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenSuspended {
    /// The route is kept.
    #[default]
    Keep,
    /// The route is deleted, and created again with the pods.
    Remove,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_gateways_treat_differently_is_no_path() {
        for path in ["/", "/app", "/a/b.c/_d-1", "/a/...", "/.well-known/x"] {
            assert!(is_path(path), "{path}");
        }
        for path in [
            "", "app", "//", "/a//b", "/.", "/./a", "/..", "/a/../b", "/a/..", "/a?b", "/a b", "/~",
        ] {
            assert!(!is_path(path), "{path}");
        }
    }
}
