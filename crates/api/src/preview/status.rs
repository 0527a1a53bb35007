//! The status of a `PreviewEnvironment`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{conditions, schema};

/// The condition: whether the host leads to the preview, as far as the controller of the route
/// reports it.
pub const ROUTE_ACCEPTED: &str = "RouteAccepted";
/// The reason of `RouteAccepted` if the controller rejects the route. The controller may accept it
/// later.
pub const NOT_ACCEPTED: &str = "NotAccepted";
/// The condition of a preview whose host another preview holds. Other previews do not have it.
pub const HOST_CONFLICT: &str = "HostConflict";
/// The reason of a preview that waits for older previews of its namespace, because a policy allows
/// no more.
pub const TOO_MANY_PREVIEWS: &str = "TooManyPreviews";
/// The reason of a new preview that a policy concerns which cannot be read.
pub const POLICY_NOT_READABLE: &str = "PolicyNotReadable";
/// The condition of a preview that an edit of a policy refuses later. Other previews do not have
/// it.
pub const REFUSAL_ANNOUNCED: &str = "RefusalAnnounced";
/// The condition of a preview that asks for more than its policies allow. Other previews do not
/// have it.
pub const LIMIT_EXCEEDED: &str = "LimitExceeded";
/// The condition of a suspended preview. Other previews do not have it.
pub const SUSPENDED: &str = "Suspended";
/// The condition of a preview whose program may run as root, in a namespace that warns about the
/// Pod Security Standard *restricted*. Other previews do not have it.
pub const MAY_RUN_AS_ROOT: &str = "MayRunAsRoot";
/// The condition of a preview that expires soon. Other previews do not have it.
pub const EXPIRING: &str = "Expiring";

/// The last observed state. The operator writes it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = schema::kubernetes_style)]
pub struct PreviewEnvironmentStatus {
    /// The metadata.generation that this status describes. If it is lower than
    /// metadata.generation, the operator has not seen the last edit yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// The address of the preview, once it has a route and a ready pod. Example:
    /// `http://preview-1.example.com`
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub url: Option<String>,

    /// The host that the preview holds. No other preview gets the host while this one claims it.
    /// Absent if another preview holds the host, and without a claim. Example:
    /// preview-1.example.com
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub host: Option<String>,

    /// The number of pods, ready or not, of the current spec or an older one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub replicas: Option<i32>,

    /// The number of pods that are ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ready_replicas: Option<i32>,

    /// The number of ready pods, of all pods that should run. Example: 1/1
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub ready: Option<String>,

    /// The label selector of the pods, for `kubectl scale` and autoscalers. Example:
    /// app.kubernetes.io/name=preview
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub selector: Option<String>,

    /// The spec.revision of all pods. Absent while older pods are replaced, without pods, and
    /// without spec.revision. Example: 3f2a9c1
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub revision: Option<String>,

    /// The time at which the preview is deleted, in RFC 3339. Absent if nothing ends the preview,
    /// and while it is pinned. Example: 2030-01-31T12:00:00Z
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,

    /// The time at which the operator first saw the current spec, in RFC 3339: the creation for the
    /// first generation. Lifetimes count from it. Example: 2030-01-28T12:00:00Z
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Time>,

    /// The current conditions, one of each type. All previews have Ready, Reconciling, Stalled and
    /// RouteAccepted. Suspended: the preview is suspended. HostConflict: another preview holds the
    /// host. LimitExceeded: the preview asks for more than a PreviewPolicy allows.
    /// RefusalAnnounced: an edit of a PreviewPolicy takes pods or route away soon. MayRunAsRoot:
    /// the program may run as root, and the namespace warns about that. Expiring: the preview
    /// expires soon, which is the last tenth of its lifetime, at most an hour; or at once if a
    /// limit became shorter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions::conditions")]
    pub conditions: Vec<Condition>,
}

kubewright_core::status_fields!(PreviewEnvironmentStatus);
