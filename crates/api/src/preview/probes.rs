//! How a preview is asked whether it works: a small form of the probes of a pod. One struct for
//! HTTP and TCP, because what else core/v1 knows (commands, gRPC, headers) is little use for an
//! image behind a host name, and would make every mistake harder to explain.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// How the kubelet finds out what state the program is in.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct Probes {
    /// When a pod counts as ready, and requests are sent to it. By default when it accepts
    /// connections at its port. Example: {path: /ready}
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness: Option<Probe>,

    /// When the program is ended and started again. By default never, unless it ends by itself.
    /// Example: {path: /live}
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Probe>,

    /// When the program has started; the other probes wait for it, so that a slow start is not
    /// taken for a failure. By default they do not wait. Example: {failureThreshold: 60}
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<Probe>,
}

/// One question that the kubelet asks again and again: by HTTP where there is a path, and otherwise
/// whether the program accepts connections.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct Probe {
    /// The path that has to answer a GET with a status of 200 to 399, up to 1024 characters. By
    /// default only a connection is opened. Example: /healthz
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(validation = Rule::new("self.startsWith('/')").message("write a path from the root, like /healthz: no scheme, no host"))]
    pub path: Option<String>,

    /// The port that is asked: 1 to 65535, by default the container's. Example: 9090
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,

    /// Seconds between the start of the container and the first question: 0 to 3600, by default 0.
    /// Example: 5
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub initial_delay_seconds: Option<i32>,

    /// Seconds from one question to the next: 1 to 300, by default 10. Example: 5
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub period_seconds: Option<i32>,

    /// Seconds within which there has to be an answer: 1 to 300, by default 1. Example: 3
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub timeout_seconds: Option<i32>,

    /// How many failures in a row it takes: 1 to 600, by default 3. Example: 30
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 600))]
    pub failure_threshold: Option<i32>,
}
