//! Label keys, annotation keys and their values.

use std::collections::BTreeMap;

/// The operator's name, e.g. `echo` (recommended labels of Kubernetes).
pub const NAME: &str = "app.kubernetes.io/name";
/// The custom resource's name.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// The registry's name. The engine's watches on owned kinds select on it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// On every child, if several processes divide the resources: the first two digits of a hash of the
/// owner's UID. The watches of each process select on it.
pub const SHARD: &str = "kubewright.dev/shard";

/// Annotation on every child: the [`AppliedHash`](crate::internals::hash::AppliedHash) of the last
/// applied object.
pub const DESIRED_HASH: &str = "kubewright.dev/desired-hash";

/// Annotation on a resource: the resource takes back the objects that this operator created for a
/// resource of this name and that have no owner, for example after a restore. The value is `true`.
pub const ADOPT: &str = "kubewright.dev/adopt";

/// Annotation on a resource, or on an object that its operator reads: the rollout limiter lets
/// changes pass at once. The value is `true`, or a time (RFC 3339) until which the annotation
/// counts.
pub const ALLOW_ROLLOUT: &str = "kubewright.dev/allow-rollout";

/// Annotation on a pod template: a hash of the content of mounted ConfigMaps and Secrets, so that
/// new content replaces the pods; see [`builders`](crate::builders).
pub const CONTENT_HASH: &str = "kubewright.dev/content-hash";

/// The manager that all children of a program carry in their metadata.
#[derive(Clone, Copy, Debug)]
pub struct ManagedBy<'a> {
    /// The registry's name, for [`MANAGED_BY`].
    pub manager: &'a str,
    /// Whether the program runs in shards; see [`SHARD`].
    pub sharded: bool,
}

impl<'a> From<&'a str> for ManagedBy<'a> {
    /// The manager of this name, not in shards.
    fn from(manager: &'a str) -> Self {
        Self { manager, sharded: false }
    }
}

/// Labels by key.
pub type Labels = BTreeMap<String, String>;

/// The labels for a workload's selector; they never change during the life of a resource.
///
/// # Guarantees
/// The values are valid label values whatever `instance` is (see
/// [`names::label_value`](crate::names::label_value)).
#[must_use]
pub fn selector(name: &str, instance: &str) -> Labels {
    Labels::from([
        (NAME.to_owned(), name.to_owned()),
        (INSTANCE.to_owned(), crate::names::label_value(instance)),
    ])
}

/// The label selector as a query, `a=b,c=d`, for `kubectl -l` and the scale subresource.
#[must_use]
pub fn to_query(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(",")
}
