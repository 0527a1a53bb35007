//! The one home of label keys, annotation keys and what goes into them.

use std::collections::BTreeMap;

/// The operator's name for what this is, e.g. `echo` (recommended labels of Kubernetes).
pub const NAME: &str = "app.kubernetes.io/name";
/// Which instance of it: the custom resource's name.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Who manages the object: the registry's name. The engine's watches on owned kinds select on it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The [bucket](crate::shard::bucket) of its owner, on every child of an operator that runs in
/// shards. Watches select on it.
pub const SHARD: &str = "kubewright.dev/shard";

/// Annotation on every child: the [`DesiredHash`](crate::hash::DesiredHash) of what was last
/// applied.
pub const DESIRED_HASH: &str = "kubewright.dev/desired-hash";

/// Annotation on a resource: its UID, and the generation of an edit whose time nothing else tells;
/// see [`Changed`](crate::time::Changed).
pub const CHANGED_IN: &str = "kubewright.dev/changed-in-generation";

/// Labels by key.
pub type Labels = BTreeMap<String, String>;

/// The labels that a workload's selector should use: they never change during the life of a
/// resource.
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

/// The label selector as a query string: `a=b,c=d`, as `kubectl -l` and the scale subresource want
/// it.
#[must_use]
pub fn to_query(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    pairs.join(",")
}
