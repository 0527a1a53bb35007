//! The readiness of a custom resource, from the states of its children.

use std::fmt::Write as _;

use super::object::child_readiness;
use crate::error::Class;
use crate::kind::KindInfo;
use crate::labels::ADOPT;
use crate::observed::{ChildState, Holder, Outcome};
use crate::readiness::Readiness;
use crate::reason;

/// The readiness of a resource: Stalled if a child is, else Progressing if a child is, else Ready.
///
/// The first Stalled (or Progressing) child in the order of `build` gives reason and message. The
/// message of Ready joins the messages of all children.
///
/// `owner` is the kind of the resource, for messages.
#[must_use]
pub fn resource_readiness(owner: &KindInfo, children: &[ChildState<'_>]) -> Readiness {
    let mut ready = String::new();
    let mut progressing: Option<Readiness> = None;
    for child in children {
        match outcome_readiness(owner, child) {
            Readiness::Ready(message) if message.is_empty() => {}
            Readiness::Ready(message) => {
                let separator = if ready.is_empty() { "" } else { "; " };
                // Writing to a String cannot fail.
                let _ = write!(ready, "{separator}{message}");
            }
            first @ Readiness::Progressing(..) => progressing = progressing.or(Some(first)),
            stalled @ Readiness::Stalled(..) => return stalled,
        }
    }
    if ready.is_empty() {
        ready.push_str("all objects exist");
    }
    progressing.unwrap_or(Readiness::Ready(ready))
}

fn outcome_readiness(owner: &KindInfo, child: &ChildState<'_>) -> Readiness {
    let name = || format!("{} {}", child.desired.kind, child.desired.key.name);
    match child.outcome {
        Outcome::InSync | Outcome::Held => child_readiness(child),
        Outcome::NotServed => Readiness::Ready(String::new()),
        Outcome::Terminating => Readiness::Progressing(
            reason::TERMINATING,
            format!(
                "an older {} is being deleted; the operator creates a new one afterwards",
                name()
            ),
        ),
        Outcome::AwaitsDeletion(before) => Readiness::Progressing(
            reason::TERMINATING,
            format!("{} replaces {before}; the operator creates it when {before} is gone", name()),
        ),
        Outcome::NotOwned(holder) => {
            Readiness::Stalled(reason::NOT_OWNED, not_owned_message(owner, &name(), holder))
        }
        Outcome::Unlabelled(label) => Readiness::Progressing(
            reason::DENIED,
            format!(
                "{} was written, but a mutating admission policy or webhook removes or changes \
                 its label {label}, and the operator watches only objects with that label; make \
                 the policy or webhook keep the label (the operator retries at least once a \
                 minute)",
                name()
            ),
        ),
        Outcome::Failed { class: Class::Invalid, message } => Readiness::Stalled(
            reason::APPLY_FAILED,
            format!("the API server rejected {}: {message}", name()),
        ),
        Outcome::Failed { class: Class::Denied, message } => Readiness::Progressing(
            reason::DENIED,
            format!(
                "the cluster denies {}, and the operator retries at least once a minute: \
                 {message}; ask an administrator to allow it, or change this {owner}",
                name()
            ),
        ),
        Outcome::Failed { message, .. } => Readiness::Progressing(
            reason::APPLY_FAILED,
            format!("the operator could not write {}, and retries: {message}", name()),
        ),
    }
}

/// The message for an object that exists and that the resource does not own.
#[must_use]
pub fn not_owned_message(owner: &KindInfo, name: &str, holder: &Holder) -> String {
    match holder {
        Holder::Controller(by) => format!(
            "{name} exists and belongs to {} {}, so it was not changed; rename this {owner}, or \
             delete that {}",
            by.kind, by.name, by.kind
        ),
        Holder::Orphan => format!(
            "{name} exists without an owner, so it was not changed; this operator created it for a \
             {owner} of this name, and the owner reference was lost (a restored backup, or a \
             deletion without the dependents); to take it back, set the annotation {ADOPT}=true on \
             this {owner}, or delete {name}"
        ),
        Holder::NoController => format!(
            "{name} exists and was not created for this {owner}, so it was not changed; rename \
             this {owner}, or delete {name}"
        ),
    }
}
