//! The resource `Echo` of `example.com/v1` and its spec.

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::{EchoService, EchoStatus};
use crate::schema;

/// The default of `spec.replicas`.
pub const DEFAULT_REPLICAS: i32 = 1;

/// The servers, their answer and their Service. Every field has a default: an empty spec runs one
/// server.
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
    doc = "An echo server: a Deployment of servers that answer every HTTP request, and a Service.",
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
        description = "Whether all servers run and have the current spec",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Replicas",
        type_ = "string",
        description = "The number of ready servers, of all servers",
        json_path = ".status.ready"
    ),
    printcolumn(
        name = "Text",
        type_ = "string",
        description = "The answer of the servers",
        json_path = ".spec.text"
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
        description = "What is missing if the Echo is not ready",
        json_path = r#".status.conditions[?(@.type=="Ready")].message"#,
        priority = 1
    ),
    validation = schema::name_rule()
)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct EchoSpec {
    /// The number of servers: 0 to 100, by default 1. `kubectl scale` and autoscalers change this
    /// field. Leave it out if an autoscaler manages it. Example: 3
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100), extend("default" = DEFAULT_REPLICAS))]
    pub replicas: Option<i32>,

    /// The answer to every request: 1 to 4096 characters. By default the servers answer with the
    /// request itself: its method, path and headers. Example: Hello world
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    #[x_kube(validation = Rule::new("size(self) > 0").message(
        "text is empty: write a text, or leave text out to get the request itself as the answer"
    ))]
    pub text: Option<String>,

    /// The image of the servers, up to 512 characters. It must accept the same arguments and
    /// environment variables as the default image. By default the operator chooses an image: one
    /// for a text, another one for the request. Example:
    /// registry.example.com/mirror/http-echo:1.0.0
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = schema::IMAGE_LENGTH))]
    #[x_kube(validation = schema::image_rule())]
    pub image: Option<String>,

    /// The Service of the servers. By default only programs in the cluster can reach it, at port
    /// 80.
    #[serde(default, skip_serializing_if = "EchoService::is_empty")]
    #[schemars(extend("default" = {}))]
    pub service: EchoService,

    /// The cpu and memory of each server, in the format of a container of a pod. By default the
    /// operator sets small requests and no limits. Example: {requests: {cpu: 10m, memory: 16Mi}}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::container_resources")]
    pub resources: Option<ResourceRequirements>,
}

impl EchoSpec {
    /// The number of servers; [`DEFAULT_REPLICAS`] by default.
    pub fn replicas(&self) -> i32 {
        self.replicas.unwrap_or(DEFAULT_REPLICAS)
    }
}
