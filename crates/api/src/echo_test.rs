//! `Echo` of `test.com/v1`: an echo server that answers one fixed text, reached through a port of
//! every node.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

pub use crate::echo::EchoStatus;
use crate::schema;

/// What to run: how many servers, and what they answer.
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
    doc = "An echo server: a Deployment of servers that answer every HTTP request with one text, and a Service that opens a port on every node.",
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
    /// How many servers run: 0 to 100. `kubectl scale` and autoscalers change this field, too.
    /// Example: 2
    #[schemars(range(min = 0, max = 100))]
    pub replicas: i32,

    /// What the servers answer to every request: 1 to 4096 characters. Example: Hello world
    #[schemars(length(min = 1, max = 4096))]
    pub text: String,
}
