//! The probes of a preview: a short form of the probes of a pod, HTTP or TCP. Other probes of
//! core/v1 (commands, gRPC, headers) are rarely useful for an image behind a host name.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// The probes of the program.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct Probes {
    /// When a pod is ready and receives requests. By default when it accepts connections at its
    /// port. Example: {path: /ready}
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Probe>,

    /// When the program is restarted because this probe fails. By default only when it exits.
    /// Example: {path: /live}
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Probe>,

    /// When the program has started. The other probes wait for it, so that a slow start is not a
    /// failure. By default they do not wait. Example: {failureThreshold: 60}
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<Probe>,
}

/// A probe: by HTTP if it has a path, else whether the program accepts connections.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct Probe {
    /// The path that must answer GET with a status of 200 to 399, up to 1024 characters. By default
    /// the probe only opens a connection. Example: /healthz
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = Rule::new("self.startsWith('/')")
        .message("write a path from the root, like /healthz: no scheme, no host"))]
    pub path: Option<String>,

    /// The port of the probe: 1 to 65535, by default the port of the container. Example: 9090
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,

    /// Seconds from the start of the container to the first probe: 0 to 3600, by default 0.
    /// Example: 5
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub initial_delay_seconds: Option<i32>,

    /// Seconds from one probe to the next: 1 to 300, by default 10. Example: 5
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub period_seconds: Option<i32>,

    /// Seconds until a probe without an answer fails: 1 to 300, by default 1. Example: 3
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub timeout_seconds: Option<i32>,

    /// The number of consecutive failures that count: 1 to 600, by default 3. Example: 30
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 600))]
    pub failure_threshold: Option<i32>,
}
