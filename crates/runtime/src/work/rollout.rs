//! Whose change a run executes, and whether the change may happen now.
//!
//! The edit of a resource and the repair of drift happen at once. A disruptive change of another
//! cause passes the rollout limiter: the users of the resource do not expect it. Such causes are a
//! new version of the operator, an object that it reads, a kind that appeared or disappeared.

use kubewright_core::condition::{Condition, ROLLOUT_PENDING};
use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::plan::Plan;
use kubewright_core::{Timestamp, labels};

use super::context::RunContext;
use super::edits;
use crate::write::rollouts::{Cause, Pending};
use crate::write::status;

/// Why a plan may be executed now.
pub(crate) enum Passage {
    /// It disrupts nothing, or it has a slot or an allowance.
    Free,
    /// It is disruptive, and executes an edit.
    Edit,
    /// Its disruptive part waits; the condition says why.
    Held(Condition),
}

/// Whether this run executes an edit of the resource: its generation is newer than the one that the
/// status shows, or the changes of this generation are not applied completely.
pub(crate) fn is_edit(ctx: &RunContext<'_>) -> bool {
    // Without generations, an edit looks like any other change.
    let Some(generation) = ctx.resource.generation() else { return true };
    let is_unfinished =
        status::current(ctx).ok().and_then(|shown| edits::is_unfinished(&shown, generation));
    // Another client may have removed the generation from the status, or our field manager may be
    // new. Then only a resource without any status is surely new.
    is_unfinished.unwrap_or_else(|| !status::exists(ctx))
}

/// Holds a plan back if it must wait. Returns the plan to execute now, and why it may be.
/// `allowances` are the annotations [`labels::ALLOW_ROLLOUT`] of read objects.
pub(crate) fn limit(
    ctx: &RunContext<'_>,
    plan: Plan,
    desired: &[Desired],
    allowances: &[String],
) -> (Plan, Passage) {
    let rollouts = &ctx.controller.rollouts;
    if !plan.is_disruptive() {
        rollouts.passed(ctx.key);
        return (plan, Passage::Free);
    }
    if is_edit(ctx) {
        rollouts.forget(ctx.key);
        return (plan, Passage::Edit);
    }
    if is_allowed(ctx, allowances) {
        rollouts.passed(ctx.key);
        return (plan, Passage::Free);
    }
    let disruption = plan.describe_disruption(desired);
    let (controller, resource) = (ctx.controller.name, &ctx.key.key);
    let Err(pending) = rollouts.acquire(ctx.key, status::is_ready(ctx)) else {
        tracing::info!(controller, %resource, disruption, "a change without an edit passes");
        return (plan, Passage::Free);
    };
    if let Some(waiting) = pending.wait.report {
        let why = why(ctx, &pending);
        tracing::warn!(controller, waiting, why, "disruptive changes without an edit wait");
    }
    ctx.engine.queue.add_after(ctx.key.clone(), pending.wait.duration);
    (plan.held(), Passage::Held(condition(ctx, &disruption, &pending)))
}

fn is_allowed(ctx: &RunContext<'_>, allowances: &[String]) -> bool {
    let annotations = ctx.resource.object.meta().annotations.as_ref();
    let own = annotations.and_then(|all| all.get(labels::ALLOW_ROLLOUT));
    own.into_iter().chain(allowances).any(|value| counts(value, Timestamp::now()))
}

/// Whether the value of an annotation [`labels::ALLOW_ROLLOUT`] counts at this time.
fn counts(value: &str, now: Timestamp) -> bool {
    value == "true" || value.parse().is_ok_and(|until: Timestamp| now < until)
}

fn condition(ctx: &RunContext<'_>, disruption: &str, pending: &Pending) -> Condition {
    let (kind, key) = (&ctx.owner.kind, &ctx.owner.key);
    let namespace = key.namespace().map(|name| format!(" -n {name}")).unwrap_or_default();
    let message = format!(
        "{disruption}. No edit of this {kind} causes this change, but a new version of the \
         operator or an object that it reads. {why}. To let it pass now: kubectl annotate \
         {resource} {name}{namespace} {annotation}=true",
        why = why(ctx, pending),
        resource = kind.resource(),
        name = key.name,
        annotation = labels::ALLOW_ROLLOUT,
    );
    let reason = match pending.cause {
        Cause::Off => "SwitchedOff",
        Cause::Rate => "RateLimited",
        Cause::NotReady(_) => "OthersNotReady",
    };
    Condition::new(ROLLOUT_PENDING, Some(true), reason, message)
}

/// Why a change waits, as a sentence without its full stop.
fn why(ctx: &RunContext<'_>, pending: &Pending) -> String {
    let kind = &ctx.owner.kind;
    match pending.cause {
        Cause::Off => "The operator runs with --rollouts-per-minute 0".to_owned(),
        Cause::Rate => {
            let max = ctx.controller.rollouts.rate().per_minute;
            let place = match round_up(pending.wait.ahead) {
                Some(0) => "It is the next one".to_owned(),
                Some(ahead) => format!("At most {ahead} others are before it"),
                None => "Hundreds of others are before it".to_owned(),
            };
            format!("{place}, and the operator changes {max} of this kind per minute")
        }
        Cause::NotReady(1) => format!("One {kind} that was changed before is not Ready again"),
        Cause::NotReady(count) => {
            format!("{count} of the {kind} resources that were changed before are not Ready again")
        }
    }
}

/// The next of 1, 2, 5, 10, 20, 50, ... `None` for more than 200: a message with the exact number
/// would change with each resource that goes on.
fn round_up(ahead: usize) -> Option<usize> {
    [0, 1, 2, 5, 10, 20, 50, 100, 200].into_iter().find(|step| ahead <= *step)
}

#[cfg(test)]
mod tests;
