//! How an `Echo` is reached: the part of its spec that becomes the Service.

use std::fmt;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// The Service's port when `spec.service.port` is left out; the schema's default.
pub const DEFAULT_PORT: i32 = 80;

/// How the servers are reached.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(validation = Rule::new("!has(self.nodePort) || (has(self.type) && self.type != 'ClusterIP')")
    .message("a Service of type ClusterIP has no port on the nodes: write type: NodePort beside nodePort, or leave nodePort out")
    .field_path(".nodePort")
)]
pub struct EchoService {
    /// Who can reach the servers. ClusterIP: what runs in the cluster (the default). NodePort:
    /// also whoever reaches a node, at a port that is the same on every node. LoadBalancer:
    /// also whoever reaches the address that the cloud provider gives it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = ServiceType::default()))]
    pub type_: Option<ServiceType>,

    /// The port of the Service: 1 to 65535, by default 80. Example: 8080
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535), extend("default" = DEFAULT_PORT))]
    pub port: Option<i32>,

    /// The port on every node, for the types NodePort and LoadBalancer: one that is free in the
    /// range of the cluster, which is 30000 to 32767 unless its administrator chose another.
    /// By default the cluster picks one. Example: 30080
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<i32>,
}

impl EchoService {
    /// The type that is asked for; `ClusterIP` when the spec does not say.
    pub fn service_type(&self) -> ServiceType {
        self.type_.unwrap_or_default()
    }

    /// The port that is asked for; [`DEFAULT_PORT`] when the spec does not say.
    pub fn port(&self) -> i32 {
        self.port.unwrap_or(DEFAULT_PORT)
    }

    /// Whether the spec says nothing about the Service: it is then not sent at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The kinds of Service that make sense in front of an echo server.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceType {
    /// Reached from inside the cluster only.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// Reached at a port of every node, too.
    NodePort,
    /// Reached at an address that the cloud provider gives it, too.
    LoadBalancer,
}

impl ServiceType {
    /// The name that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIp => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
        }
    }
}

impl fmt::Display for ServiceType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
