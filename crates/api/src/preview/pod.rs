//! The parts of the spec about the pods of a preview: image pulls and pod security.

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::schema;

/// The highest user or group id of Kubernetes.
const HIGHEST_ID: i64 = 2_147_483_647;
/// The maximum number of pull secrets.
const MOST_PULL_SECRETS: u32 = 8;

/// When a node pulls the image.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// Before each start of a container.
    Always,
    /// If the node does not have the image.
    IfNotPresent,
    /// Never: the image is already on the nodes.
    Never,
}

impl PullPolicy {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// The pod security settings that a preview can choose. In any case its pods are not privileged,
/// cannot gain privileges, have no capabilities and share nothing with their node.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(validation = Rule::new("!has(self.runAsUser) || self.runAsUser != 0 || \
                                 !has(self.runAsNonRoot) || !self.runAsNonRoot")
    .message(
        "user 0 is root, which runAsNonRoot forbids: write another runAsUser such as 1000, or \
         leave runAsNonRoot out"
    )
    .field_path(".runAsUser")
)]
pub struct PodSecurity {
    /// The user id of the program: 0 to 2147483647. By default the user of the image. 0 is root,
    /// which is rejected in a namespace that enforces the Pod Security Standard restricted.
    /// Example: 1000
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = HIGHEST_ID))]
    pub run_as_user: Option<i64>,

    /// The group id of the program: 0 to 2147483647. By default the group of its user. Example:
    /// 1000
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = HIGHEST_ID))]
    pub run_as_group: Option<i64>,

    /// A group id that owns the volumes of the pod: 0 to 2147483647. By default none. Example: 1000
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = HIGHEST_ID))]
    pub fs_group: Option<i64>,

    /// Whether the image must not run as root. By default true in a namespace that enforces the Pod
    /// Security Standard restricted, where false is rejected; otherwise false, because most images
    /// run as root. Example: true
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as_non_root: Option<bool>,

    /// Whether the files of the image are read-only. By default the program may change them, and
    /// the changes are lost with the container. Example: true
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only_root_filesystem: Option<bool>,
}

/// The schema of `imagePullSecrets`, a list of names.
pub(super) fn image_pull_secrets(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": MOST_PULL_SECRETS,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": {
            "type": "object",
            "required": ["name"],
            "properties": { "name": schema::object_name("The name of a Secret with credentials for \
                                                         a registry. Example: registry") },
        },
    })
}
