//! `Echo` of `test.com/v1`: an echo server that answers one fixed text at a port of every node.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use crate::echo::EchoStatus;
use crate::schema;

/// The number of servers, and their answer.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "test.com",
    version = "v1",
    kind = "Echo",
    plural = "echoes",
    singular = "echo",
    shortname = "echo",
    category = "all",
    namespaced,
    doc = "An echo server: a Deployment of servers that answer every HTTP request with one text, \
           and a Service with a port on every node.",
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
    /// The number of servers: 0 to 100. `kubectl scale` and autoscalers also change this field.
    /// Example: 2
    #[schemars(range(min = 0, max = 100))]
    pub replicas: i32,

    /// The answer to every request: 1 to 4096 characters. Example: Hello world
    #[schemars(length(min = 1, max = 4096))]
    pub text: String,
}
