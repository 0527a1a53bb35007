//! The part of the spec of an `Echo` that describes its Service.

use std::fmt;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// The default of `spec.service.port`.
pub const DEFAULT_PORT: i32 = 80;

/// The Service of the servers.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(validation = Rule::new("!has(self.nodePort) || (has(self.type) && self.type != \
                                 'ClusterIP')")
    .message(
        "a Service of type ClusterIP has no node port: write type: NodePort, or leave nodePort out"
    )
    .field_path(".nodePort")
)]
pub struct EchoService {
    /// From where the servers can be reached. ClusterIP (the default): from inside the cluster.
    /// NodePort: also at a port of every node. LoadBalancer: also at an address of the cloud
    /// provider.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = ServiceType::default()))]
    pub type_: Option<ServiceType>,

    /// The port of the Service: 1 to 65535, by default 80. Example: 8080
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535), extend("default" = DEFAULT_PORT))]
    pub port: Option<i32>,

    /// The port on every node, for the types NodePort and LoadBalancer. It must be free and in the
    /// range of the cluster, usually 30000 to 32767. By default the cluster chooses a port.
    /// Example: 30080
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub node_port: Option<i32>,
}

impl EchoService {
    /// The type; `ClusterIP` by default.
    pub fn service_type(&self) -> ServiceType {
        self.type_.unwrap_or_default()
    }

    /// The port; [`DEFAULT_PORT`] by default.
    pub fn port(&self) -> i32 {
        self.port.unwrap_or(DEFAULT_PORT)
    }

    /// Whether no field is set. Then the whole object is not sent.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The types of Service.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceType {
    /// Reachable from inside the cluster.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// Also reachable at a port of every node.
    NodePort,
    /// Also reachable at an address of the cloud provider.
    LoadBalancer,
}

impl ServiceType {
    /// The name in the API.
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
