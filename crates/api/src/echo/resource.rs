//! The resource `Echo` of `example.com/v1` and its spec.

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{EchoService, EchoStatus};
use crate::schema;

/// How many servers run when `spec.replicas` is left out; the schema's default.
pub const DEFAULT_REPLICAS: i32 = 1;

/// What to run: how many servers, what they answer, and how they are reached. Every field has a
/// default, so that an empty spec runs one server.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "example.com",
    version = "v1",
    kind = "Echo",
    plural = "echoes",
    singular = "echo",
    shortname = "echo",
    category = "all",
    namespaced,
    doc = "An echo server: a Deployment of servers that answer every HTTP request, and a Service in front of them.",
    status = "EchoStatus",
    derive = "PartialEq",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        description = "Whether all servers run what the spec asks for",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Replicas",
        type_ = "string",
        description = "How many servers are ready, of how many",
        json_path = ".status.ready"
    ),
    printcolumn(
        name = "Text",
        type_ = "string",
        description = "What the servers answer",
        json_path = ".spec.text"
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
pub struct EchoSpec {
    /// How many servers run: 0 to 100, by default 1. `kubectl scale` and autoscalers change this
    /// field; leave it out where an autoscaler decides. Example: 3
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100), extend("default" = DEFAULT_REPLICAS))]
    pub replicas: Option<i32>,

    /// What the servers answer to every request: 1 to 4096 characters. Without it they answer with
    /// the request itself: its method, path and headers. Example: Hello world
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = Rule::new("size(self) > 0").message(
        "text is empty: leave text out instead, and the servers answer with the request itself"
    ))]
    pub text: Option<String>,

    /// The image to run in place of the operator's own choice, up to 512 characters. It has to
    /// take the arguments and the environment of the image that it replaces. By default the
    /// operator chooses: one image answers with a text, another with the request. Example:
    /// registry.example.com/mirror/http-echo:1.0.0
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::IMAGE_LENGTH))]
    #[x_kube(validation = schema::image_rule())]
    pub image: Option<String>,

    /// How the servers are reached. By default inside the cluster only, at port 80.
    #[serde(default, skip_serializing_if = "EchoService::is_empty")]
    #[schemars(extend("default" = {}))]
    pub service: EchoService,

    /// The cpu and memory of each server, in the form that containers of a pod have. By default
    /// nothing is set aside and nothing is limited, unless the namespace has a LimitRange.
    /// Example: {requests: {cpu: 10m, memory: 16Mi}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::container_resources")]
    pub resources: Option<ResourceRequirements>,
}

impl EchoSpec {
    /// How many servers are asked for; [`DEFAULT_REPLICAS`] when the spec does not say.
    pub fn replicas(&self) -> i32 {
        self.replicas.unwrap_or(DEFAULT_REPLICAS)
    }
}
