//! `Mapping` of `getambassador.io/v3alpha1`, a route of Ambassador (Emissary-ingress): only the
//! fields that we write or look at. It is somebody else's API: the CRD comes with Ambassador and is
//! never made from this type.

use kube::CustomResource;
use serde::{Deserialize, Serialize};

/// Which requests go to which Service. The names of the fields are Ambassador's.
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
    /// The host that requests have to name, or a DNS glob such as `*.example.com`. Without it, any
    /// host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,

    /// The beginning of the path that requests have to have; `/` for all of them.
    pub prefix: String,

    /// Where requests go: `NAME`, `NAME.NAMESPACE`, with `:PORT` unless it is 80. A name alone is
    /// looked up in the namespace of the Mapping.
    pub service: String,

    /// What takes the place of the prefix in the path. Ambassador's default is `/`; the empty
    /// string keeps the path as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<String>,

    /// How long a request may take, in milliseconds. Ambassador's default is 3000; 0 is without a
    /// limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,

    /// Protocols that a connection may be upgraded to, such as `websocket`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_upgrade: Vec<String>,

    /// The Ambassadors that heed this Mapping, by their ids, where a cluster has several; the one
    /// named `default` otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ambassador_id: Vec<String>,
}

/// What Ambassador says about a Mapping, where it says anything.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingStatus {
    /// `Running`, `Inactive`, or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,

    /// Why it is not running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
