//! Reasons of the standard conditions: a closed set, in CamelCase.

/// `Ready` is true.
pub const READY: &str = "Ready";
/// Work goes on.
pub const PROGRESSING: &str = "Progressing";
/// Fewer replicas work than are wanted.
pub const REPLICAS_UNAVAILABLE: &str = "ReplicasUnavailable";
/// The API server refuses the pods (a quota, Pod Security).
pub const PODS_REFUSED: &str = "PodsRefused";
/// A rollout took longer than its deadline.
pub const PROGRESS_DEADLINE: &str = "ProgressDeadlineExceeded";
/// A Job gave up.
pub const JOB_FAILED: &str = "JobFailed";
/// A child's own controller says that it is stalled.
pub const CHILD_FAILED: &str = "ChildFailed";
/// A Service waits for an address.
pub const NO_LOAD_BALANCER: &str = "WaitingForLoadBalancer";
/// An object of a name that we want belongs to somebody else.
pub const NOT_OWNED: &str = "NotOwned";
/// An older object of that name is still being deleted.
pub const TERMINATING: &str = "Terminating";
/// The API server did not take a child.
pub const APPLY_FAILED: &str = "ApplyFailed";
/// The API server did not let an object go that is no longer wanted.
pub const DELETE_FAILED: &str = "DeleteFailed";
/// The operator itself failed.
pub const INTERNAL: &str = "InternalError";
