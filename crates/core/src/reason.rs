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
/// An older object of that name, or one in whose place another is to be made, is still being
/// deleted.
pub const TERMINATING: &str = "Terminating";
/// The API server did not take a child.
pub const APPLY_FAILED: &str = "ApplyFailed";
/// The API server did not let an object go that is no longer wanted.
pub const DELETE_FAILED: &str = "DeleteFailed";
/// The operator itself failed.
pub const INTERNAL: &str = "InternalError";

/// A reason that an operator gives itself, for whoever reads about it: see
/// [`Operator::reasons`](crate::Operator::reasons).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Of which condition: `Ready` for those with which it refuses a resource, or an own one.
    pub condition: &'static str,
    /// The reason, in CamelCase.
    pub reason: &'static str,
    /// What it means for a person, in one sentence without a dot at its end.
    pub meaning: &'static str,
}

impl Explained {
    /// A reason of a condition.
    #[must_use]
    pub const fn new(condition: &'static str, reason: &'static str, meaning: &'static str) -> Self {
        Self { condition, reason, meaning }
    }
}

/// All of them, each with what it means for a person.
pub const ALL: [(&str, &str); 13] = [
    (READY, "everything is as the resource asks"),
    (PROGRESSING, "work goes on; the message says on what"),
    (REPLICAS_UNAVAILABLE, "fewer pods work than are asked for"),
    (PODS_REFUSED, "the API server refuses the pods: a quota, or Pod Security"),
    (PROGRESS_DEADLINE, "a rollout took longer than its deadline"),
    (JOB_FAILED, "a Job gave up"),
    (CHILD_FAILED, "the controller of an object that was made says that it is stalled"),
    (NO_LOAD_BALANCER, "a Service waits for an address"),
    (NOT_OWNED, "an object of a name that is needed belongs to somebody else; it is left alone"),
    (
        TERMINATING,
        "an older object of that name, or one in whose place another is to be made, is still being deleted",
    ),
    (APPLY_FAILED, "the API server did not take an object"),
    (DELETE_FAILED, "the API server did not let an object go that is no longer wanted"),
    (INTERNAL, "the operator itself failed; it tries again"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_listed() {
        let source = include_str!("reason.rs");
        let declared = source
            .lines()
            .filter(|line| line.starts_with("pub const ") && line.contains(": &str = "))
            .count();
        assert_eq!(ALL.len(), declared, "add the new one to ALL");
    }
}
