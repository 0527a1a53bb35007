//! One run for one resource: build, expire, plan, apply, report.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kubewright_core::condition::STANDARD;
use kubewright_core::controller::{AnyFacts, Built, Observation};
use kubewright_core::internals::child::ChildError;
use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::plan::{Existing, Step, plan};
use kubewright_core::observed::{ChildState, Hashes, ObservedChild, Outcome};
use kubewright_core::withdraw::Withdraw;
use kubewright_core::{Class, Invalid, KindInfo, Readiness, Report, kstatus, reason};
use serde_json::Value;

use super::context::{RunContext, RunOutcome};
use super::edits;
use super::expiry::{self, ExpiryOutcome};
use super::rollout::{self, Passage};
use super::undefined;
use super::unreadable::report_unreadable;
use crate::engine::Engine;
use crate::key::WorkKey;
use crate::work::schedule::Priority;
use crate::write::apply::{Applied, DeleteFailure, execute};
use crate::write::{status, unwatched};

/// Reconciles one resource.
pub(crate) async fn reconcile(engine: &Engine, key: &WorkKey) -> RunOutcome {
    let controller = engine.controller(key.controller);
    let Some((resource, error)) = status::with_written(controller, &key.key) else {
        return report_unreadable(engine, key).await;
    };
    // Garbage collection must win: nothing is applied for a resource that is being deleted.
    if resource.is_deleting() {
        engine.limiter.forget(key);
        controller.rollouts.forget(key);
        return RunOutcome::Done;
    }
    // The watch of namespaces may be behind the watch of resources for a moment.
    if engine.lacks_namespace(key) {
        return RunOutcome::Repeat;
    }
    let ctx = RunContext::new(engine, key, resource);
    if let Some(error) = error {
        let defect = format!("cannot read the status that this operator wrote: {error}");
        return report_defect(&ctx, &defect).await;
    }
    match undefined::hold(&ctx).await {
        Some(outcome) => outcome,
        None => run(&ctx).await,
    }
}

async fn run(ctx: &RunContext<'_>) -> RunOutcome {
    let Built { children, withdraw, facts, asked_times, expired, allowances, .. } = match build(ctx)
    {
        Ok(built) => built,
        Err(defect) => return report_defect(ctx, &defect.to_string()).await,
    };
    let (is_outdated, failure) =
        match expiry::expire(ctx, expired.as_ref(), asked_times.latest_past).await {
            ExpiryOutcome::Deleted => return RunOutcome::Done,
            ExpiryOutcome::Kept => (false, None),
            ExpiryOutcome::Outdated => (true, None),
            ExpiryOutcome::Failed(failure) => (false, Some(failure)),
        };
    let (desired, invalid) = match children {
        Ok(desired) => (desired, None),
        Err(invalid) => (Vec::new(), Some(invalid)),
    };
    let is_kept = match withdraw {
        _ if invalid.is_none() => false,
        Withdraw::Never => true,
        Withdraw::AfterEdit => !rollout::is_edit(ctx),
    };
    let applied = if is_kept {
        ctx.controller.rollouts.passed(ctx.key);
        Some(Applied::default())
    } else {
        apply(ctx, &desired, &allowances).await
    };
    // The namespace is being deleted with everything in it, the status included.
    let Some(mut applied) = applied else { return RunOutcome::Done };
    applied.failures.extend(failure);
    let outcome = match invalid {
        Some(invalid) => {
            let is_spared = is_kept && withdraw == Withdraw::AfterEdit;
            let invalid = if is_spared { spared(ctx, invalid) } else { invalid };
            report_invalid(ctx, &invalid, &applied, &facts).await
        }
        None => report(ctx, &desired, &applied, &facts).await,
    };
    match outcome {
        RunOutcome::Done | RunOutcome::Stalled if is_outdated => RunOutcome::Repeat,
        outcome => outcome,
    }
}

/// Calls `build` and records its look-ups and times, which wake the resource later.
fn build(ctx: &RunContext<'_>) -> Result<Built, ChildError> {
    let engine = ctx.engine;
    let reads = engine.reads.snapshot(engine.deadlines.now());
    let controller = &ctx.controller.controller;
    let mut built = controller.build(engine.managed_by(), &*ctx.resource.object, &reads)?;
    if reads.record(ctx.key, std::mem::take(&mut built.lookups)) {
        engine.enqueue(ctx.key.clone(), Priority::Change);
    }
    engine.deadlines.record(ctx.key, built.asked_times.earliest_future);
    Ok(built)
}

/// The refusal of a resource whose objects are kept, because no edit caused it.
fn spared(ctx: &RunContext<'_>, invalid: Invalid) -> Invalid {
    let mut owned = ctx.controller.children.iter().flat_map(|c| c.owned_by(&ctx.owner.uid));
    if owned.all(|child| child.deleting) {
        return invalid;
    }
    let message = format!(
        "{}; its objects are kept, because no edit of this {} caused this",
        invalid.message(),
        ctx.owner.kind
    );
    Invalid::new(invalid.reason(), message)
}

/// Plans and executes the steps. `None` if the namespace is being deleted.
async fn apply(
    ctx: &RunContext<'_>,
    desired: &[Desired],
    allowances: &[String],
) -> Option<Applied> {
    let unread = unwatched::find(ctx, desired).await;
    let existing = existing(ctx, desired);
    let existing: Vec<_> = existing.iter().map(|(kind, child)| Existing { kind, child }).collect();
    let is_served =
        |kind: &_| ctx.controller.child_cache(kind).is_none_or(|cache| cache.is_served());
    let plan = plan(&ctx.owner.uid, desired, &existing, is_served);
    if !plan.writes() {
        record_verified(ctx, &plan.steps, desired, &existing);
    }
    let (plan, passage) = rollout::limit(ctx, plan, desired, allowances);
    let mut applied = execute(ctx, plan, desired).await?;
    applied.failures.extend(unread);
    let pending = match passage {
        Passage::Held(pending) => Some(pending),
        // From now on, the status shows the generation of this edit.
        Passage::Edit if outcome_of(&applied) != RunOutcome::Done => {
            Some(edits::unfinished(&ctx.owner.kind))
        }
        Passage::Edit | Passage::Free => None,
    };
    Some(Applied { pending, ..applied })
}

/// The cached objects that this resource controls, or that have a desired name.
fn existing(ctx: &RunContext<'_>, desired: &[Desired]) -> Vec<(KindInfo, Arc<ObservedChild>)> {
    let mut existing = Vec::with_capacity(desired.len());
    for cache in &ctx.controller.children {
        existing
            .extend(cache.owned_by(&ctx.owner.uid).into_iter().map(|c| (cache.kind.clone(), c)));
    }
    let owned: HashSet<_> = existing.iter().map(|(kind, child)| (kind, &child.key)).collect();
    let missing = desired.iter().filter(|want| !owned.contains(&(&want.kind, &want.key)));
    let of_others: Vec<_> = missing
        .filter_map(|want| {
            let cache = ctx.controller.child_cache(&want.kind)?;
            Some((want.kind.clone(), cache.get(&want.key)?))
        })
        .collect();
    existing.extend(of_others);
    existing
}

/// Records which `managedFields` were compared with the wanted object and were equal. So each
/// version of a child is compared only once.
fn record_verified(
    ctx: &RunContext<'_>,
    steps: &[Step],
    desired: &[Desired],
    existing: &[Existing<'_>],
) {
    let verified = steps.iter().zip(desired).filter(|(s, _)| **s == Step::Keep { verified: true });
    let verified: HashMap<_, _> =
        verified.map(|(_, want)| ((&want.kind, &want.key), Hashes::of(want))).collect();
    if verified.is_empty() {
        return;
    }
    for Existing { kind, child } in existing {
        let hashes = verified.get(&(*kind, &child.key));
        if let (Some(hashes), Some(cache)) = (hashes, ctx.controller.child_cache(kind)) {
            cache.record_verified(child, *hashes);
        }
    }
}

/// Reports a resource whose children were applied.
async fn report(
    ctx: &RunContext<'_>,
    desired: &[Desired],
    applied: &Applied,
    facts: &AnyFacts,
) -> RunOutcome {
    let observed: Vec<Option<Arc<ObservedChild>>> = desired
        .iter()
        .map(|want| ctx.controller.child_cache(&want.kind)?.get(&want.key))
        .map(|child| child.filter(|child| child.is_controlled_by(&ctx.owner.uid)))
        .collect();
    let states = desired.iter().zip(&observed).zip(&applied.outcomes);
    let states: Vec<ChildState<'_>> = states
        .map(|((desired, observed), outcome)| ChildState {
            desired,
            observed: observed.as_deref(),
            outcome,
        })
        .collect();
    let outcome = outcome_of(applied);
    // If the status was made from the same inputs, nothing needs to be written. A run that is not
    // done always makes the status anew.
    let is_final = outcome == RunOutcome::Done && applied.pending.is_none();
    let status_inputs = if is_final { status::inputs(ctx, &states, facts) } else { None };
    if status_inputs.is_some_and(|inputs| status::is_written(ctx, inputs)) {
        return RunOutcome::Done;
    }
    let readiness = kstatus::resource_readiness(&ctx.controller.kind, &states);
    let readiness = with_failures(readiness, &applied.failures);
    let is_failed = matches!(outcome, RunOutcome::Failed(_));
    if let Readiness::Stalled(reason, message) | Readiness::Progressing(reason, message) =
        &readiness
        && is_failed
    {
        warn_failed(ctx, reason, message);
    }
    let mut report = match call_report(ctx, &states, facts, &readiness) {
        Ok(report) => report,
        Err(outcome) => return outcome,
    };
    report.conditions.extend(applied.pending.clone());
    let outcome = match (&report.readiness, &readiness) {
        (Readiness::Ready(_), _) if !is_failed => {
            ctx.engine.events.clear(&ctx.owner.uid);
            ctx.controller.rollouts.recovered(ctx.key);
            outcome
        }
        (Readiness::Stalled(reason, _), Readiness::Stalled(derived, _)) if reason == derived => {
            outcome
        }
        (Readiness::Stalled(reason, message), _) if outcome == RunOutcome::Done => {
            status::warn(ctx, reason, message);
            RunOutcome::Stalled
        }
        _ => outcome,
    };
    let status_inputs = status_inputs.filter(|_| outcome == RunOutcome::Done);
    with_status(outcome, status::write(ctx, report, status_inputs).await)
}

/// How a run ends after its status was written. A failed child decides about the retry, unless the
/// status itself failed.
fn with_status(outcome: RunOutcome, written: Result<(), RunOutcome>) -> RunOutcome {
    match written {
        Ok(()) => outcome,
        Err(RunOutcome::Repeat) if matches!(outcome, RunOutcome::Failed(_)) => outcome,
        Err(outcome) => outcome,
    }
}

/// Reports an invalid or withdrawn resource.
async fn report_invalid(
    ctx: &RunContext<'_>,
    invalid: &Invalid,
    applied: &Applied,
    facts: &AnyFacts,
) -> RunOutcome {
    let (reason, mut message) = (invalid.reason(), invalid.message().to_owned());
    if let Some(failure) = applied.failures.first() {
        message = format!("{message}; {}", failure.message);
    }
    let outcome = match outcome_of(applied) {
        RunOutcome::Done => {
            status::warn(ctx, reason, &message);
            RunOutcome::Stalled
        }
        outcome => {
            warn_failed(ctx, reason, &message);
            outcome
        }
    };
    let readiness = Readiness::Stalled(reason, message);
    match call_report(ctx, &[], facts, &readiness) {
        // The operator does not decide about the readiness of an invalid resource.
        Ok(mut report) => {
            report.conditions.extend(applied.pending.clone());
            with_status(outcome, status::write(ctx, Report { readiness, ..report }, None).await)
        }
        Err(outcome) => outcome,
    }
}

fn call_report(
    ctx: &RunContext<'_>,
    children: &[ChildState<'_>],
    facts: &AnyFacts,
    readiness: &Readiness,
) -> Result<Report<Value>, RunOutcome> {
    let observation = Observation { children, facts, readiness };
    let report = ctx.controller.controller.report(&*ctx.resource.object, observation);
    let mut report = report
        .map_err(|error| warn_defect(ctx, &format!("cannot write the status as JSON: {error}")))?;
    report.conditions.retain(|condition| !STANDARD.contains(&condition.type_));
    Ok(report)
}

/// Reports a defect of the operator: the class of the run is [`Class::Bug`], and the reason in the
/// status is `InternalError`. The author of the resource cannot fix the defect.
pub(crate) async fn report_defect(ctx: &RunContext<'_>, defect: &str) -> RunOutcome {
    // Other resources must not wait behind this one in the deletion limiter.
    ctx.engine.limiter.forget(ctx.key);
    let outcome = warn_defect(ctx, defect);
    if let Ok(status) = status::current(ctx) {
        let readiness = Readiness::Progressing(reason::INTERNAL, defect.to_owned());
        let status = Arc::unwrap_or_clone(status);
        let unfinished = rollout::is_edit(ctx).then(|| edits::unfinished(&ctx.owner.kind));
        let conditions = unfinished.into_iter().collect();
        // The outcome is a failure already.
        let _ = status::write(ctx, Report { status, conditions, readiness }, None).await;
    }
    outcome
}

fn warn_defect(ctx: &RunContext<'_>, defect: &str) -> RunOutcome {
    let (controller, resource) = (ctx.controller.name, &ctx.key.key);
    tracing::error!(controller, %resource, defect, "the operator has a defect");
    status::warn(ctx, reason::INTERNAL, defect);
    RunOutcome::Failed(Class::Bug)
}

fn warn_failed(ctx: &RunContext<'_>, reason: &str, message: &str) {
    let (controller, resource) = (ctx.controller.name, &ctx.key.key);
    tracing::warn!(controller, %resource, reason, message, "the reconcile failed");
    status::warn(ctx, reason, message);
}

/// How a run with these outcomes ends.
fn outcome_of(applied: &Applied) -> RunOutcome {
    let class = |outcome: &Outcome| match outcome {
        Outcome::Failed { class, .. } => Some(*class),
        Outcome::NotOwned(_) => Some(Class::NotOwned),
        Outcome::Unlabelled(_) => Some(Class::Denied),
        _ => None,
    };
    let classes = applied.outcomes.iter().filter_map(class);
    let classes = classes.chain(applied.failures.iter().map(|failure| failure.class));
    match classes.min_by_key(|class| rank(*class)) {
        Some(class) => RunOutcome::Failed(class),
        None if applied.outcomes.contains(&Outcome::Terminating) => RunOutcome::Repeat,
        None => RunOutcome::Done,
    }
}

/// The order in which the classes of failures decide. `Invalid` decides about the retry only if
/// every failure is `Invalid`.
fn rank(class: Class) -> (bool, Class) {
    (class == Class::Invalid, class)
}

/// A resource is not ready while an object could not be deleted.
fn with_failures(readiness: Readiness, failures: &[DeleteFailure]) -> Readiness {
    let failure = failures.iter().min_by_key(|failure| rank(failure.class));
    let Some(DeleteFailure { class, message }) = failure else { return readiness };
    match readiness {
        Readiness::Stalled(..) => readiness,
        _ if *class == Class::Invalid => Readiness::Stalled(reason::DELETE_FAILED, message.clone()),
        _ => Readiness::Progressing(reason::DELETE_FAILED, message.clone()),
    }
}

#[cfg(test)]
mod lookup_tests;
#[cfg(test)]
mod readiness_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod withdrawal_tests;
