//! What a preview says about its pods beside the program that runs in them: when the image is
//! pulled, who the program runs as.

use kube::KubeSchema;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::schema;

/// The highest user or group id that Kubernetes takes.
const HIGHEST_ID: i64 = 2_147_483_647;
/// More registries than one image comes from.
const MOST_PULL_SECRETS: u32 = 8;

/// When a node pulls the image.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PullPolicy {
    /// Before each start of a container.
    Always,
    /// Where the node does not have it.
    #[default]
    IfNotPresent,
    /// Never: somebody loaded it onto the nodes.
    Never,
}

impl PullPolicy {
    /// The name that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// How the pods are confined, as far as that is open. Whatever is written here, they are not
/// privileged, cannot gain privileges, have no capabilities and share nothing with their node.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
#[x_kube(validation = Rule::new("!has(self.runAsUser) || self.runAsUser != 0 || !has(self.runAsNonRoot) || !self.runAsNonRoot")
    .message("user 0 is root, which runAsNonRoot forbids: write another runAsUser such as 1000, or leave runAsNonRoot out")
    .field_path(".runAsUser")
)]
pub struct PodSecurity {
    /// The user id that the program runs as: 0 to 2147483647. By default the image's own user. 0
    /// is root, which a namespace that enforces the Pod Security Standard restricted does not
    /// let in. Example: 1000
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = HIGHEST_ID))]
    pub run_as_user: Option<i64>,

    /// The group id that the program runs as: 0 to 2147483647. By default the group of its user.
    /// Example: 1000
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = HIGHEST_ID))]
    pub run_as_group: Option<i64>,

    /// One more group id of the program, which owns what is mounted into the pod: 0 to 2147483647.
    /// By default there is none. Example: 1000
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = HIGHEST_ID))]
    pub fs_group: Option<i64>,

    /// Whether the kubelet refuses to start the image as root. By default it does where the
    /// namespace enforces the Pod Security Standard restricted, which does not let false in,
    /// and otherwise not, because most images of applications run as root. Example: true
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_as_non_root: Option<bool>,

    /// Whether the program is kept from writing to the files of its image. By default it may, and
    /// what it writes is lost with the container. Example: true
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
            "properties": { "name": schema::object_name("The name of a Secret with credentials for a registry. Example: registry") },
        },
    })
}
