//! The resource `PreviewEnvironment` and its spec.

use std::time::Duration;

use k8s_openapi::api::core::v1::{
    EnvFromSource, EnvVar, LocalObjectReference, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{
    PodSecurity, PreviewEnvironmentStatus, Probes, PullPolicy, Route, Source, expiry, host, image,
    pod, program,
};
use crate::duration::DurationError;
use crate::{duration, schema};

/// The default of `spec.port`: a usual port of images for clusters that needs no privilege.
pub const DEFAULT_PORT: i32 = 8080;
/// The default of `spec.replicas`. A preview has few users, and need not survive the loss of a
/// node.
pub const DEFAULT_REPLICAS: i32 = 1;

/// The image, its host name, and how it runs.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "platform9.com",
    version = "v1",
    kind = "PreviewEnvironment",
    plural = "previewenvironments",
    singular = "previewenvironment",
    shortname = "pe",
    shortname = "previewenv",
    shortname = "preview",
    category = "all",
    namespaced,
    doc = "A preview of an application under its own host name, for example one for each pull \
           request: a Deployment of its image, a Service, and a route from the host name.",
    status = "PreviewEnvironmentStatus",
    derive = "PartialEq",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        description = "Whether all objects have the current spec, the pods run, and the route \
                       works",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "URL",
        type_ = "string",
        description = "The address of the preview",
        json_path = ".status.url"
    ),
    printcolumn(
        name = "Expires",
        type_ = "string",
        description = "The time at which the preview is deleted",
        json_path = ".status.expiresAt"
    ),
    printcolumn(
        name = "PR",
        type_ = "integer",
        description = "The pull request that the preview shows, from its spec",
        json_path = ".spec.source.pullRequest"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        description = "The time since the creation",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        description = "What is missing if the preview is not ready",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    validation = schema::name_rule()
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PreviewEnvironmentSpec {
    /// The image of the application, up to 512 characters. Use a separate tag or digest for each
    /// build, so that no node runs an older image. Example: registry.example.com/team/app:pr-17
    #[schemars(length(min = 1, max = schema::IMAGE_LENGTH))]
    #[x_kube(validation = schema::image_rule())]
    pub image: String,

    /// The host name of the preview with its domain, in lower case: up to 253 characters, no
    /// scheme, port, path or wildcard; an internationalised name in its ASCII form. One preview at
    /// a time holds a host: the one in whose status it is, or else the oldest of those that claim
    /// it, and then the next oldest. DNS must resolve the host to the gateway of the cluster; one
    /// wildcard record is enough for all previews. Example: preview-1.example.com
    #[schemars(length(min = 1, max = host::HOST_LENGTH))]
    #[x_kube(
        validation = host::name_alone(),
        validation = host::no_wildcard(),
        validation = host::in_ascii(),
        validation = host::as_routes_write_it(),
        validation = host::labels(),
        validation = host::with_domain(),
        validation = host::no_address()
    )]
    pub fqdn: String,

    /// The port that the program listens on: 1 to 65535, by default 8080. The ports of the Service
    /// and of the route do not depend on it. Example: 3000
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535), extend("default" = DEFAULT_PORT))]
    pub port: Option<i32>,

    /// The number of pods: 0 to 5, by default 1. `kubectl scale` changes this field. Example: 2
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 5), extend("default" = DEFAULT_REPLICAS))]
    pub replicas: Option<i32>,

    /// The program and its first arguments, in place of the entrypoint of the image: up to 64 texts
    /// of 1 to 4096 characters. No shell runs it. $(NAME) is replaced with a variable of env, and
    /// $$ with $. Example: [node, server.js]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "program::command")]
    pub command: Vec<String>,

    /// The arguments, in place of those of the image: up to 64 texts of up to 4096 characters.
    /// $(NAME) and $$ are replaced as in command. Example: [--verbose]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "program::args")]
    pub args: Vec<String>,

    /// Environment variables, up to 128, each name once, in the format of a container of a pod. By
    /// default only those of the image. A user who may write this field can read every Secret of
    /// the namespace. Example: [{name: LOG_LEVEL, value: debug}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "program::env")]
    pub env: Vec<EnvVar>,

    /// ConfigMaps and Secrets, up to 16, whose keys become environment variables. A later item
    /// replaces variables of an earlier one, and env replaces both. Example: [{secretRef: {name:
    /// database}}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "program::env_from")]
    pub env_from: Vec<EnvFromSource>,

    /// The cpu and memory of each pod, in the format of a container of a pod. By default there are
    /// no requests and no limits, unless the namespace has a LimitRange. Example: {requests: {cpu:
    /// 50m, memory: 64Mi}, limits: {memory: 256Mi}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::container_resources")]
    pub resources: Option<ResourceRequirements>,

    /// Secrets of the namespace with credentials for the image, up to 8. By default those of the
    /// default service account of the namespace. Example: [{name: registry}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "pod::image_pull_secrets")]
    pub image_pull_secrets: Vec<LocalObjectReference>,

    /// When a node pulls the image. IfNotPresent: if the node does not have the image. Always: at
    /// each start of a container, for tags whose content changes. Never: not at all. The default is
    /// Always if there is a revision that the tag does not name, because then the tag may move, and
    /// a node may have its old content; otherwise it is IfNotPresent. Write IfNotPresent for images
    /// that were loaded onto the nodes. Example: IfNotPresent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_policy: Option<PullPolicy>,

    /// The version that the preview shows: one line of text, 1 to 256 characters. A change replaces
    /// the pods even if the image has the same name, and by default they pull it again; see
    /// pullPolicy. status.revision has the text once all pods are replaced. By default none.
    /// Example: 3f2a9c1
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = schema::no_control())]
    pub revision: Option<String>,

    /// The probes of the program. By default a pod is ready when it accepts connections at its
    /// port, and no probe restarts it. Example: {readiness: {path: /healthz}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<Probes>,

    /// The user of the program, and its access to files. By default the user of the image, but not
    /// root in a namespace that enforces the Pod Security Standard restricted. Example: {runAsUser:
    /// 1000, readOnlyRootFilesystem: true}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security: Option<PodSecurity>,

    /// The code that the preview shows, for people and tools. The operator does not use it, and the
    /// pods do not receive it. Example: {provider: github, repository: team/app, pullRequest: 17}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,

    /// Whether the preview is suspended: no pods run and there is no URL until this is false (the
    /// default) again; replicas does not change. A suspended preview is Ready, and has the
    /// condition Suspended. Example: true
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub suspend: Option<bool>,

    /// The lifetime of the preview after the last change of its spec; then it is deleted. Numbers
    /// with units: hours (h), minutes (m), seconds (s), milliseconds (ms), up to 28 characters,
    /// longer than zero. expiresAt has precedence over ttl, and pinned over both. By default the
    /// preview has no end. Example: 72h
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = duration::LENGTH))]
    #[x_kube(validation = duration::form_rule(), validation = duration::positive_rule())]
    pub ttl: Option<String>,

    /// The time at which the preview is deleted, in RFC 3339 with an offset from UTC, up to 35
    /// characters. It has precedence over ttl; a time in the past deletes the preview at once. By
    /// default ttl applies. Example: 2030-01-31T12:00:00Z
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = expiry::TIME_LENGTH))]
    #[x_kube(validation = expiry::time_rule(), validation = expiry::day_rule())]
    pub expires_at: Option<Time>,

    /// Whether the preview never expires, whatever ttl and expiresAt are, until this is false (the
    /// default) again. Example: true
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub pinned: Option<bool>,

    /// The route from the host name to the pods. By default a PreviewPolicy, the settings of the
    /// operator or the cluster decide its type. Example: {type: Ingress, tls: {clusterIssuer:
    /// letsencrypt}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
}

impl PreviewEnvironmentSpec {
    /// The port of the container; [`DEFAULT_PORT`] by default.
    pub fn port(&self) -> i32 {
        self.port.unwrap_or(DEFAULT_PORT)
    }

    /// The number of pods; [`DEFAULT_REPLICAS`] by default.
    pub fn replicas(&self) -> i32 {
        self.replicas.unwrap_or(DEFAULT_REPLICAS)
    }

    /// Whether the preview is suspended; `false` by default.
    pub fn is_suspended(&self) -> bool {
        self.suspend.unwrap_or_default()
    }

    /// The lifetime after the last change of the spec. [`Self::expires_at`] and
    /// [`Self::is_pinned`] have precedence.
    ///
    /// # Errors
    ///
    /// The text is not a duration. The API server rejects such a text, but a file may have it.
    pub fn ttl(&self) -> Result<Option<Duration>, DurationError> {
        self.ttl.as_deref().map(duration::parse).transpose()
    }

    /// Whether the preview never expires; `false` by default.
    pub fn is_pinned(&self) -> bool {
        self.pinned.unwrap_or_default()
    }

    /// When a node pulls the image. Without a choice, each revision pulls a tag that does not name
    /// the revision: the content of such a tag may have changed, and a node may have the old one.
    pub fn pull_policy(&self) -> PullPolicy {
        let moves = |revision: &str| !image::names_revision(&self.image, revision);
        let default = if self.revision.as_deref().is_some_and(moves) {
            PullPolicy::Always
        } else {
            PullPolicy::IfNotPresent
        };
        self.pull_policy.unwrap_or(default)
    }
}
