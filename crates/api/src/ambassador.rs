//! `Mapping` of `getambassador.io/v3alpha1`, a route of Ambassador (Emissary-ingress): only the
//! fields that the operators write or read. Its CRD is part of Ambassador.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// Which requests go to which Service. The field names are those of Ambassador.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "getambassador.io",
    version = "v3alpha1",
    kind = "Mapping",
    plural = "mappings",
    singular = "mapping",
    category = "ambassador-crds",
    namespaced,
    status = "MappingStatus",
    derive = "PartialEq",
    schema = "disabled"
)]
pub struct MappingSpec {
    /// The host of the requests, or a DNS glob such as `*.example.com`. By default any host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,

    /// The path prefix of the requests; `/` for all requests.
    pub prefix: String,

    /// The Service: `NAME` in the namespace of the Mapping, or `NAME.NAMESPACE`; with `:PORT`
    /// unless the port is 80.
    pub service: String,

    /// The text that replaces the prefix. The default of Ambassador is `/`; an empty text keeps the
    /// path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<String>,

    /// The timeout of a request in milliseconds. The default of Ambassador is 3000; 0 is no
    /// timeout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,

    /// Protocols to which a connection can be upgraded, such as `websocket`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_upgrade: Vec<String>,

    /// The ids of the Ambassadors that serve this Mapping, in a cluster with several. By default
    /// the one with the id `default`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ambassador_id: Vec<String>,
}

/// The status of a Mapping. By default Ambassador does not write it.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingStatus {
    /// `Running`, `Inactive`, or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,

    /// Why the Mapping is not running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
