//! Executes the steps of a plan. This is the only place that writes children.
//!
//! Every write has a precondition on the identity of the object. If the precondition fails, the
//! object is read and planned again by the same pure function.

use futures::future::join_all;
use kubewright_core::condition::Condition;
use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::plan::{Deletion, Plan, Step, Why, step_for};
use kubewright_core::observed::{self, Hashes, Holder, ObservedChild, Outcome};
use kubewright_core::{Class, KindInfo, ObjectKey};

use super::conflict;
use super::leftovers::{NotWritten, release};
use super::patch::Precondition;
use crate::error::{ApiError, ApiResult};
use crate::work::context::RunContext;
use crate::work::schedule::Priority;

/// How often one child is planned again in one run while others change it.
const MAX_ROUNDS: usize = 4;

/// The results of all steps of one run.
#[derive(Default)]
pub(crate) struct Applied {
    /// One for each desired child, in their order.
    pub(crate) outcomes: Vec<Outcome>,
    /// The objects that could not be deleted.
    pub(crate) failures: Vec<DeleteFailure>,
    /// What the rollout limiter holds back, or an edit that is not applied completely.
    pub(crate) pending: Option<Condition>,
}

/// An object that could not be deleted.
pub(crate) struct DeleteFailure {
    /// Whether a retry can help.
    pub(crate) class: Class,
    /// Which object, and why.
    pub(crate) message: String,
}

/// Executes deletions first, then all steps concurrently. `None` if the namespace is being deleted.
pub(crate) async fn execute(
    ctx: &RunContext<'_>,
    plan: Plan,
    desired: &[Desired],
) -> Option<Applied> {
    let pruned = join_all(plan.deletions.iter().map(|deletion| prune(ctx, deletion))).await;
    let (mut gone, mut failures) = (Vec::new(), Vec::new());
    for (deletion, pruned) in plan.deletions.iter().zip(pruned) {
        match pruned {
            Ok(true) => gone.push((&deletion.kind, &deletion.key)),
            Ok(false) => {}
            Err(failure) => failures.push(failure),
        }
    }
    let children = plan.steps.into_iter().zip(desired);
    let outcomes = children.map(|(step, want)| apply_child(ctx, step.without(&gone), want));
    let outcomes = join_all(outcomes).await.into_iter().collect::<Option<_>>()?;
    Some(Applied { outcomes, failures, pending: None })
}

/// Executes the step of one child. `None` if the namespace is being deleted.
async fn apply_child(ctx: &RunContext<'_>, step: Step, want: &Desired) -> Option<Outcome> {
    let (mut step, mut is_cached) = (step, true);
    for _ in 0..MAX_ROUNDS {
        let (precondition, action) = match prepare(ctx, &step, want, is_cached).await {
            Ok(write) => write,
            Err(outcome) => return Some(outcome),
        };
        let written = match release(ctx, &step, want, precondition).await {
            Ok(precondition) => {
                write(ctx, want, precondition, action).await.map_err(NotWritten::from)
            }
            Err(error) => Err(error),
        };
        let NotWritten { error, leftover } = match written {
            Ok(missing_label) => {
                return Some(missing_label.map_or(Outcome::InSync, Outcome::Unlabelled));
            }
            Err(failure) => failure,
        };
        // A namespaced resource is deleted with its namespace. A cluster-scoped one stays, and may
        // have children elsewhere.
        if error.is_namespace_terminating() && ctx.owner.key.namespace().is_some() {
            return None;
        }
        let cache = ctx.controller.child_cache(&want.kind);
        if error.is_not_found() && cache.is_some_and(|c| c.optional && !c.is_served()) {
            // The API has just disappeared. While its definition exists, something else is missing:
            // a namespace, or one of several API servers is behind.
            return Some(Outcome::NotServed);
        }
        if !error.is_identity_conflict() {
            return Some(failed(ctx, &error, leftover));
        }
        ctx.engine.throttle.release(&want.kind, &want.key);
        step = match plan_again(ctx, &step, want).await {
            Ok(step) => step,
            Err(outcome) => return Some(outcome),
        };
        is_cached = false;
    }
    Some(transient("other clients change it at the same time"))
}

/// The precondition and the metric label of a step that writes.
///
/// # Errors
/// The outcome of a step that does not write.
async fn prepare<'s>(
    ctx: &RunContext<'_>,
    step: &'s Step,
    want: &Desired,
    is_cached: bool,
) -> Result<(Precondition<'s>, &'static str), Outcome> {
    let is_allowed = || ctx.engine.throttle.acquire(&want.kind, &want.key);
    match step {
        Step::Create if !is_allowed() => Err(transient(conflict::DELETED_REPEATEDLY)),
        Step::Create => Ok((Precondition::Absent, "create")),
        Step::Apply { why, .. } if !is_allowed() => {
            Err(transient(conflict::explain(ctx, want, why).await))
        }
        Step::Apply { uid, why, .. } => {
            log(ctx, &want.kind, &want.key, &format!("applying: {why}"));
            let action = if matches!(why, Why::Drift(_)) { "repair" } else { "update" };
            Ok((Precondition::Uid(uid), action))
        }
        // The owner is deleted: garbage collection deletes this object.
        Step::LeaveAlone(Holder::Controller(owner))
            if is_cached && ctx.engine.is_deleted(owner) =>
        {
            Err(Outcome::Terminating)
        }
        Step::LeaveAlone(holder) => Err(Outcome::NotOwned(holder.clone())),
        Step::Wait => Err(Outcome::Terminating),
        // The event of the deletion, or of the end of its API, wakes the resource.
        Step::AwaitDeletion(before) => Err(Outcome::AwaitsDeletion(names(before).into())),
        Step::Skip => Err(Outcome::NotServed),
        Step::Keep { .. } => Err(Outcome::InSync),
        Step::Hold => Err(Outcome::Held),
    }
}

/// Reads the object after a failed precondition and plans its next step.
async fn plan_again(ctx: &RunContext<'_>, step: &Step, want: &Desired) -> Result<Step, Outcome> {
    let found =
        read(ctx, &want.kind, &want.key).await.map_err(|error| failed(ctx, &error, None))?;
    if let Some(found) = &found
        && is_terminating(ctx, found)
    {
        // No event of a watch may show the end of an object that lost our label.
        return Err(transient("an older object of that name is still being deleted"));
    }
    if found.is_none() && !want.exclusive().is_empty() && *step != Step::Create {
        // The next run also looks at the other objects of the group.
        return Err(transient("another client deleted it; the operator creates it again"));
    }
    Ok(found.map_or(Step::Create, |found| step_for(&ctx.owner.uid, want, &found)))
}

/// Whether an object is ours, or that of a deleted resource with our name, and will disappear.
fn is_terminating(ctx: &RunContext<'_>, found: &ObservedChild) -> bool {
    found.controller.as_ref().is_some_and(|owner| {
        found.deleting && *owner.uid == *ctx.owner.uid || ctx.engine.is_predecessor(owner, ctx.key)
    })
}

/// Applies a child. Returns the label of ours that the stored object does not have.
async fn write(
    ctx: &RunContext<'_>,
    want: &Desired,
    precondition: Precondition<'_>,
    action: &'static str,
) -> ApiResult<Option<&'static str>> {
    // Children of a kind without a cache do not compile.
    let Some(cache) = ctx.controller.child_cache(&want.kind) else { return Ok(None) };
    let active = cache.begin_write(&want.key, &ctx.owner.uid);
    let answer = ctx.engine.api.apply(want, precondition).await;
    let child = answer.and_then(|answer| Ok(observed::decode(&answer, ctx.engine.managed_by())?));
    let (is_latest, written) = match child {
        Ok(child) => {
            ctx.engine.metrics.wrote(ctx.controller.name, &want.kind.kind, action);
            let missing_label = child.missing_label;
            (active.succeeded(child, Hashes::of(want)), Ok(missing_label))
        }
        Err(error) => (active.failed(), Err(error)),
    };
    // Events during the write did not wake the resource.
    if !is_latest {
        ctx.engine.enqueue(ctx.key.clone(), Priority::Change);
    }
    written
}

/// Reads the metadata of an object.
pub(super) async fn read(
    ctx: &RunContext<'_>,
    kind: &KindInfo,
    key: &ObjectKey,
) -> ApiResult<Option<ObservedChild>> {
    match ctx.engine.api.get(kind, key).await {
        Ok((bytes, _)) => Ok(Some(observed::decode(&bytes, ctx.engine.managed_by())?)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes an object that is no longer wanted. Returns whether it is gone; if it has finalizers,
/// the event of its deletion follows.
async fn prune(ctx: &RunContext<'_>, deletion: &Deletion) -> Result<bool, DeleteFailure> {
    let Deletion { kind, key, uid, resource_version } = deletion;
    let failed = |class, why: &str| {
        let message =
            format!("could not delete {kind} {}, which is no longer wanted: {why}", key.name);
        Err(DeleteFailure { class, message })
    };
    if let Some(stale) = ctx.engine.sync.stale(ctx.key.controller) {
        let why = format!("the watch of {stale} fails, and the cache may be out of date");
        return failed(Class::Transient, &why);
    }
    if !ctx.engine.throttle.acquire(kind, key) {
        return failed(Class::Transient, conflict::CREATED_REPEATEDLY);
    }
    log(ctx, kind, key, "deleting: no longer wanted");
    let deleted = ctx.engine.api.delete(kind, key, uid, *resource_version).await;
    if deleted.is_ok() {
        ctx.engine.metrics.wrote(ctx.controller.name, &kind.kind, "delete");
    }
    let is_gone = match &deleted {
        Ok(is_gone) => *is_gone,
        Err(error) => error.is_not_found(),
    };
    if is_gone && let Some(cache) = ctx.controller.child_cache(kind) {
        // The event of the deletion needs no read to show that the object did not lose our label.
        cache.record_deleted(key, uid);
    }
    match deleted {
        Ok(_) => Ok(is_gone),
        Err(_) if is_gone => Ok(true),
        Err(error) => {
            ctx.respect_retry_after(&error);
            let is_conflict = error.is_identity_conflict();
            let class = if is_conflict { Class::Transient } else { error.class() };
            failed(class, &error.to_string())
        }
    }
}

fn log(ctx: &RunContext<'_>, kind: &KindInfo, key: &ObjectKey, action: &str) {
    let (controller, resource) = (ctx.controller.name, &ctx.key.key);
    tracing::info!(controller, %resource, child = %format_args!("{kind} {}", key.name), action);
}

/// A failed request; `context` says why it was sent, if a person must know that.
fn failed(ctx: &RunContext<'_>, error: &ApiError, context: Option<String>) -> Outcome {
    ctx.respect_retry_after(error);
    let message = context.map_or_else(|| error.to_string(), |text| format!("{text}: {error}"));
    Outcome::Failed { class: error.class(), message }
}

fn transient(message: impl Into<String>) -> Outcome {
    Outcome::Failed { class: Class::Transient, message: message.into() }
}

/// Such as `Ingress web and Mapping web`.
fn names(objects: &[(KindInfo, ObjectKey)]) -> String {
    let names: Vec<_> = objects.iter().map(|(kind, key)| format!("{kind} {}", key.name)).collect();
    names.join(" and ")
}

#[cfg(test)]
mod tests;
