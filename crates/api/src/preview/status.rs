//! What was observed of a `PreviewEnvironment`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{conditions, schema};

/// The condition that says whether the host name leads to the preview, as far as the route's
/// controller says anything.
pub const ROUTE_ACCEPTED: &str = "RouteAccepted";
/// Its reason where the route's controller refuses the route. It may take it later: what it is
/// attached to can change, too.
pub const NOT_ACCEPTED: &str = "NotAccepted";
/// The condition that says that another preview holds the host; there is none while none does.
pub const HOST_CONFLICT: &str = "HostConflict";
/// The reason of a preview that waits until others of its namespace are gone: a policy allows no
/// more of them.
pub const TOO_MANY_PREVIEWS: &str = "TooManyPreviews";
/// The condition that says that the preview asks for more than its policies allow; there is none
/// while it does not.
pub const LIMIT_EXCEEDED: &str = "LimitExceeded";
/// The condition that says that the preview sleeps; there is none while it does not.
pub const SUSPENDED: &str = "Suspended";
/// The condition that says that the preview's program may be root, which the Pod Security Standard
/// *restricted* forbids; there is none where it may not.
pub const MAY_RUN_AS_ROOT: &str = "MayRunAsRoot";
/// The condition that says that the preview is deleted soon; there is none before, and while it is
/// pinned.
pub const EXPIRING: &str = "Expiring";

/// What was last observed. Written by the operator; nobody else needs to.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PreviewEnvironmentStatus {
    /// The metadata.generation that this status is about. Where it is lower than the resource's,
    /// the last edit has not been looked at yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// Where to look at the preview, once there is a route to it and a pod answers. Example: `http://preview-1.example.com`
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub url: Option<String>,

    /// How many pods exist, ready or not, of this spec or of an older one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub replicas: Option<i32>,

    /// How many pods answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ready_replicas: Option<i32>,

    /// How many pods are ready, of how many that are asked for. Example: 1/1
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub ready: Option<String>,

    /// The label selector of the pods, by which `kubectl scale` and its like find them.
    /// Example: app.kubernetes.io/name=preview
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub selector: Option<String>,

    /// The spec.revision that all pods show, once they do: absent while older pods are being
    /// replaced, where no pod is asked for, and where the spec names none. Example: 3f2a9c1
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub revision: Option<String>,

    /// When the preview is deleted, in UTC, in RFC 3339: absent where nothing ends it, and while
    /// it is pinned. Example: 2030-01-31T12:00:00Z
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,

    /// When the spec was last changed, in UTC, in RFC 3339, as its time is counted from: absent
    /// where nothing ends the preview, and while it is pinned. Example: 2030-01-28T12:00:00Z
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Time>,

    /// What is so at present, one entry for each type: Ready, Reconciling, Stalled, RouteAccepted;
    /// Suspended while it sleeps, HostConflict while another preview holds the host,
    /// LimitExceeded while it asks for more than a PreviewPolicy allows, MayRunAsRoot where
    /// nothing forbids its program to be root, and Expiring when it is deleted soon: for the last
    /// tenth of the time that it is kept, an hour at most, and at once where an
    /// administrator's limit became shorter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::conditions")]
    pub conditions: Vec<Condition>,
}
