//! The framework's reasons of the condition `Ready`: a closed set, in CamelCase.

macro_rules! reasons {
    ($($name:ident = $reason:literal: $meaning:literal,)*) => {
        $( #[doc = concat!("`", $reason, "`: ", $meaning, ".")] pub const $name: &str = $reason; )*

        /// All of them, each with its meaning for a person.
        pub const ALL: &[(&str, &str)] = &[$(($name, $meaning)),*];
    };
}

reasons! {
    READY = "Ready": "everything is as the resource asks",
    PROGRESSING = "Progressing": "work goes on; the message names what is awaited",
    REPLICAS_UNAVAILABLE = "ReplicasUnavailable": "fewer pods are ready than the spec asks for",
    PODS_REFUSED = "PodsRefused":
        "the API server rejects the pods: a quota, or Pod Security admission",
    PROGRESS_DEADLINE = "ProgressDeadlineExceeded": "a rollout took longer than its deadline",
    JOB_FAILED = "JobFailed": "a Job failed",
    CHILD_FAILED = "ChildFailed":
        "a Pod failed, or the controller of a child reports that the child is stalled",
    NO_LOAD_BALANCER = "WaitingForLoadBalancer": "a Service waits for an address",
    NOT_OWNED = "NotOwned":
        "an object that this resource does not own has the name of a child; it was not changed",
    TERMINATING = "Terminating":
        "an older object of that name, or the object to be replaced, is still being deleted",
    APPLY_FAILED = "ApplyFailed":
        "the operator could not write a child; the message names the cause",
    DENIED = "Denied":
        "a policy, a webhook or a quota of the cluster denies a child, or removes its label; the \
         operator retries",
    DELETE_FAILED = "DeleteFailed": "the API server did not delete an object",
    DEFINITION_MISSING = "DefinitionMissing":
        "a CustomResourceDefinition is missing whose objects may limit the resource",
    INVALID_SPEC = "InvalidSpec": "the spec has a value that cannot work; the message names it",
    UNREADABLE = "Unreadable":
        "this version of the operator cannot read the resource; nothing is changed for it",
    INTERNAL = "InternalError": "the operator itself failed; it retries",
}
