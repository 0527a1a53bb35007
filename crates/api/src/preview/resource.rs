//! The resource `PreviewEnvironment` and its spec.

use std::time::Duration;

use k8s_openapi::api::core::v1::{
    EnvFromSource, EnvVar, LocalObjectReference, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{
    PodSecurity, PreviewEnvironmentStatus, Probes, PullPolicy, Route, Source, expiry, host, pod,
    program,
};
use crate::duration::DurationError;
use crate::{duration, schema};

/// The port of the container when `spec.port` is left out; the schema's default. One that needs no
/// privilege, and the usual one of images that are made for clusters.
pub const DEFAULT_PORT: i32 = 8080;
/// How many pods run when `spec.replicas` is left out; the schema's default. A preview is looked at
/// by a few people; it does not have to survive the loss of a node.
pub const DEFAULT_REPLICAS: i32 = 1;

/// What to run, and where it is reached.
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
    doc = "A preview of an application under a host name of its own, for example one for each pull request: a Deployment of its image, a Service, and a route from the host name.",
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
        description = "Whether its objects are as the spec asks, and its pods work; URL says where it is reached",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "URL",
        type_ = "string",
        description = "Where to look at it",
        json_path = ".status.url"
    ),
    printcolumn(
        name = "Expires",
        type_ = "string",
        description = "When it is deleted",
        json_path = ".status.expiresAt"
    ),
    printcolumn(
        name = "PR",
        type_ = "integer",
        description = "Which pull request it shows, as its author says",
        json_path = ".spec.source.pullRequest"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        description = "How long ago it was created",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        description = "What is missing, while it is not ready",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    validation = schema::name_rule()
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PreviewEnvironmentSpec {
    /// The image of the application, up to 512 characters; a tag or digest that is this pull
    /// request's own keeps the preview from showing something older. Example:
    /// registry.example.com/team/app:pr-17
    #[schemars(length(min = 1, max = schema::IMAGE_LENGTH))]
    #[x_kube(validation = schema::image_rule())]
    pub image: String,

    /// The host name at which the preview is reached, with its domain and in lower case: up to 253
    /// characters, no scheme, no port, no path, no wildcard, an internationalised name in its
    /// ASCII form. It belongs to one preview at a time: where several claim it, the oldest has
    /// it, and the next one takes over when that goes. Its DNS has to lead to the gateway of the
    /// cluster; one wildcard record does for all previews. Example: preview-1.example.com
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

    /// The port at which the program listens: 1 to 65535, by default 8080. The Service and the
    /// route lead there, and stay at their own ports whatever it is. Example: 3000
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535), extend("default" = DEFAULT_PORT))]
    pub port: Option<i32>,

    /// How many pods run: 0 to 5, by default 1. `kubectl scale` changes this field. Example: 2
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 5), extend("default" = DEFAULT_REPLICAS))]
    pub replicas: Option<i32>,

    /// The program to start in place of the image's own entrypoint, with its first arguments: up
    /// to 64 texts of 1 to 4096 characters. It is not run in a shell. $(NAME) stands for a
    /// variable of env, and $$ for a $. Example: [node, server.js]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "program::command")]
    pub command: Vec<String>,

    /// Arguments in place of the image's own: up to 64 texts of up to 4096 characters, in which
    /// $(NAME) and $$ are as in command. Example: [--verbose]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "program::args")]
    pub args: Vec<String>,

    /// Environment variables, up to 128, each name once, in the form that containers of a pod
    /// have. By default there are none but those of the image. Who may write here can read
    /// every Secret of the namespace that they can name. Example: [{name: LOG_LEVEL, value:
    /// debug}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "program::env")]
    pub env: Vec<EnvVar>,

    /// ConfigMaps and Secrets, up to 16, all keys of which become environment variables. A later
    /// one replaces variables of an earlier one, and env replaces both. Example: [{secretRef:
    /// {name: database}}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "program::env_from")]
    pub env_from: Vec<EnvFromSource>,

    /// The cpu and memory of each pod, in the form that containers of a pod have. By default
    /// nothing is set aside and nothing is limited, unless the namespace has a LimitRange.
    /// Example: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 256Mi}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::container_resources")]
    pub resources: Option<ResourceRequirements>,

    /// Secrets of the namespace, up to 8, with which the image is pulled; by default those of the
    /// namespace's default service account. Example: [{name: registry}]
    #[serde(
        default,
        deserialize_with = "schema::null_is_absent",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "pod::image_pull_secrets")]
    pub image_pull_secrets: Vec<LocalObjectReference>,

    /// When a node pulls the image. IfNotPresent: where it does not have it (the default, so that
    /// images that were loaded onto the nodes work). Always: at each start of a pod, for tags
    /// that move; see revision. Never: not at all. Example: Always
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = PullPolicy::default()))]
    pub pull_policy: Option<PullPolicy>,

    /// What the preview shows, in words of your own: any text of 1 to 256 characters. A change
    /// replaces the pods though the image is named as before; together with pullPolicy Always,
    /// a tag that moved shows its new content. status.revision says when that has happened. By
    /// default only a change of the spec replaces pods. Example: 3f2a9c1
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub revision: Option<String>,

    /// How the kubelet finds out whether the program works. By default a pod is ready when it
    /// accepts connections at its port, and is never started again for being silent. Example:
    /// {readiness: {path: /healthz}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes: Option<Probes>,

    /// Who the program runs as, and what it may write. By default the image's own user, but not
    /// root where the namespace enforces the Pod Security Standard restricted. Example:
    /// {runAsUser: 1000, readOnlyRootFilesystem: true}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_security: Option<PodSecurity>,

    /// What the preview shows, for people and their tools to read: nothing is decided from it, and
    /// none of it reaches the pods. Example: {provider: github, repository: team/app,
    /// pullRequest: 17}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,

    /// Whether the preview sleeps: no pod runs and there is no URL until this is false again (the
    /// default); replicas stays as it is. Ready is True nevertheless, because all is as the
    /// spec asks, so that nobody waits for a preview that sleeps; the condition Suspended says
    /// that it does. Example: true
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub suspend: Option<bool>,

    /// How long the preview is kept after the last change of its spec; then it is deleted. Numbers
    /// with units: hours (h), minutes (m), seconds (s), milliseconds (ms), up to 28
    /// characters, longer than zero. expiresAt wins over it, and pinned over both. By
    /// default it is kept until somebody deletes it. Example: 72h
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = duration::LENGTH))]
    #[x_kube(validation = duration::form_rule(), validation = duration::positive_rule())]
    pub ttl: Option<String>,

    /// The moment at which the preview is deleted, in RFC 3339 with an offset from UTC, up to 35
    /// characters; it wins over ttl, so that a preview is extended by this one field, and one
    /// that has passed deletes at once. By default ttl says when. Example: 2030-01-31T12:00:
    /// 00Z
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(min = 1, max = expiry::MOMENT_LENGTH))]
    #[x_kube(validation = expiry::moment_rule(), validation = expiry::day_rule())]
    pub expires_at: Option<Time>,

    /// Whether the preview is kept, whatever ttl and expiresAt say, until this is false again (the
    /// default). Example: true
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub pinned: Option<bool>,

    /// How the host name leads to the pods. By default by a route of the type that the
    /// administrator of the operator chose. Example: {type: Ingress, tls: {clusterIssuer:
    /// letsencrypt}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
}

impl PreviewEnvironmentSpec {
    /// The port of the container; [`DEFAULT_PORT`] when the spec does not say.
    pub fn port(&self) -> i32 {
        self.port.unwrap_or(DEFAULT_PORT)
    }

    /// How many pods are asked for; [`DEFAULT_REPLICAS`] when the spec does not say.
    pub fn replicas(&self) -> i32 {
        self.replicas.unwrap_or(DEFAULT_REPLICAS)
    }

    /// Whether the preview sleeps; it does not when the spec does not say.
    pub fn is_suspended(&self) -> bool {
        self.suspend.unwrap_or_default()
    }

    /// How long it is kept after the last change of its spec, where it says so;
    /// [`Self::expires_at`] and [`Self::is_pinned`] win.
    ///
    /// # Errors
    ///
    /// The text is no duration: the API server lets none pass, but it may be from elsewhere.
    pub fn ttl(&self) -> Result<Option<Duration>, DurationError> {
        self.ttl.as_deref().map(duration::parse).transpose()
    }

    /// Whether it is kept whatever its time says; it is not when the spec does not say.
    pub fn is_pinned(&self) -> bool {
        self.pinned.unwrap_or_default()
    }

    /// When the image is pulled; `IfNotPresent` when the spec does not say.
    pub fn pull_policy(&self) -> PullPolicy {
        self.pull_policy.unwrap_or_default()
    }
}
