//! Writes the status of a resource: only if it changed, and only from what was observed.

use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use jiff::Timestamp;
use kubewright_core::condition::{Condition, READY, STANDARD, merge, warnings};
use kubewright_core::controller::AnyFacts;
use kubewright_core::internals::hash;
use kubewright_core::internals::own_status::ForeignPart;
use kubewright_core::observed::{ChildState, decode_identity};
use kubewright_core::{Class, ObjectKey, Report};
use serde_json::Value;

use crate::cache::resources::Resource;
use crate::engine::ControllerState;
use crate::error::ApiError;
use crate::work::context::{RunContext, RunOutcome};

/// The hash of everything that a status is made from. Equal inputs lead to an equal status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inputs(u64);

/// The inputs of a status; `None` for a resource without a generation.
pub(crate) fn inputs(
    ctx: &RunContext<'_>,
    children: &[ChildState<'_>],
    facts: &AnyFacts,
) -> Option<Inputs> {
    let mut hasher = hash::hasher();
    ctx.resource.add_to(&mut hasher)?;
    facts.hash().hash(&mut hasher);
    for child in children {
        child.add_to(&mut hasher);
    }
    Some(Inputs(hasher.finish().max(1)))
}

/// Whether the status in the cluster is known to be made from these inputs.
pub(crate) fn is_written(ctx: &RunContext<'_>, Inputs(inputs): Inputs) -> bool {
    let (shown, pending) = latest(ctx);
    pending.is_none() && shown.has_status_of(inputs)
}

/// Publishes a warning, unless the status contains it already: then this process or an earlier one
/// published it.
///
/// Equal inputs may follow and end the warning, so the inputs of the status become unknown.
pub(crate) fn warn(ctx: &RunContext<'_>, reason: &str, message: &str) {
    if !is_reported(ctx, reason, message) {
        ctx.engine.events.warn(&ctx.owner, reason, message);
    }
    latest(ctx).0.record_status_of(0);
}

/// Whether the status shows that the resource is Ready.
pub(crate) fn is_ready(ctx: &RunContext<'_>) -> bool {
    let Ok(status) = current(ctx) else { return false };
    let conditions = status["conditions"].as_array();
    conditions.is_some_and(|all| all.iter().any(|c| c["type"] == READY && c["status"] == "True"))
}

/// Whether the status shows that the resource is not ready for this reason.
fn is_reported(ctx: &RunContext<'_>, reason: &str, message: &str) -> bool {
    let Ok(status) = current(ctx) else { return false };
    status["conditions"].as_array().is_some_and(|conditions| {
        conditions.iter().any(|c| {
            c["type"] == READY
                && c["status"] == "False"
                && c["reason"] == reason
                && c["message"] == message
        })
    })
}

/// Writes the status if it differs from the current one. `inputs` is what it was made from, if
/// equal inputs can only lead to an equal status.
///
/// # Errors
/// How the run ends because the status was not written.
pub(crate) async fn write(
    ctx: &RunContext<'_>,
    report: Report<Value>,
    inputs: Option<Inputs>,
) -> Result<(), RunOutcome> {
    let (key, controller) = (&ctx.key.key, ctx.controller);
    let (shown, pending) = latest(ctx);
    let inputs =
        inputs.map_or_else(|| hash_of(&report, ctx.resource.generation()), |Inputs(inputs)| inputs);
    if pending.is_none() && shown.has_status_of(inputs) {
        return Ok(());
    }
    let is_shown = pending.is_none();
    let Change { current, status, warnings } = match change(ctx, &shown, pending, report) {
        Ok(change) => change,
        Err(error) => {
            let controller = controller.name;
            tracing::error!(controller, resource = %key, %error, "cannot decode the status");
            return Err(RunOutcome::Failed(Class::Bug));
        }
    };
    // A write that the watch has not shown yet may have removed what the shown version has.
    let foreign = if is_shown { foreign(ctx, &shown, &status) } else { Vec::new() };
    if status == *current && foreign.is_empty() {
        shown.record_status_of(inputs);
        return Ok(());
    }
    if let Err(wait) = controller.written_statuses.allows(key, &current, &status) {
        ctx.engine.queue.add_after(ctx.key.clone(), wait);
        return Ok(());
    }
    if !foreign.is_empty() {
        let (controller, resource) = (controller.name, key);
        tracing::warn!(controller, %resource, "removing what another client wrote to the status");
        let removed = ctx.engine.api.remove(&ctx.owner.kind, key, &foreign, shown.version).await;
        removed.map_err(|error| not_removed(ctx, &error))?;
        ctx.engine.metrics.wrote(controller, &ctx.owner.kind.kind, "status");
        if status == *current {
            return Ok(());
        }
    }
    let version = apply(ctx, &status).await?;
    // The status remembers the warnings, also for the next process.
    for Condition { reason, message, .. } in warnings {
        ctx.engine.events.warn_anew(&ctx.owner, reason, &message);
    }
    // If another client keeps a condition beside ours, the shown status never equals ours and the
    // version does not change. Then the write counts until the resource changes.
    let is_changed = version != shown.version;
    let until = if is_changed { version } else { version + 1 };
    controller.written_statuses.remember(key.clone(), until, status, is_changed.then_some(inputs));
    Ok(())
}

/// Applies a status. Returns the version of the resource.
async fn apply(ctx: &RunContext<'_>, status: &Value) -> Result<u64, RunOutcome> {
    let (key, kind) = (&ctx.key.key, &ctx.owner.kind);
    let answer = ctx.engine.api.apply_status(kind, key, status, &ctx.owner.uid).await;
    let answer = answer.map_err(|error| not_written(ctx, &error))?;
    ctx.engine.metrics.wrote(ctx.controller.name, &kind.kind, "status");
    Ok(decode_identity(&answer).map(|(.., version)| version).unwrap_or_default())
}

/// The declared fields and conditions that only another client has. Server-side apply removes only
/// what we own. The last one in a list comes first, so that the index of the others stays right.
fn foreign<'a>(ctx: &RunContext<'_>, shown: &'a Resource, status: &Value) -> Vec<&'a ForeignPart> {
    let own = ctx.controller.controller.conditions().iter().map(|condition| condition.name());
    let declared: Vec<_> = STANDARD.into_iter().chain(own).collect();
    let conditions = status["conditions"].as_array();
    let is_wanted =
        |type_: &str| conditions.is_some_and(|all| all.iter().any(|c| c["type"] == *type_));
    let is_foreign = |part: &&ForeignPart| match part {
        ForeignPart::Field(name) => status.get(name).is_none(),
        ForeignPart::Condition(_, type_) => declared.contains(&&**type_) && !is_wanted(type_),
    };
    shown.foreign_status.iter().filter(is_foreign).rev().collect()
}

fn not_removed(ctx: &RunContext<'_>, error: &ApiError) -> RunOutcome {
    match error.class() {
        // The precondition failed: the resource changed, so an event follows.
        Class::Invalid => RunOutcome::Repeat,
        _ => not_written(ctx, error),
    }
}

fn not_written(ctx: &RunContext<'_>, error: &ApiError) -> RunOutcome {
    let (controller, resource) = (ctx.controller.name, &ctx.key.key);
    if error.is_not_found() || error.is_identity_conflict() {
        // The resource is gone or another one, so an event follows. Or one API server does not know
        // the kind yet, so the run is repeated.
        tracing::debug!(controller, %resource, %error, "the resource is gone");
        return RunOutcome::Repeat;
    }
    tracing::warn!(controller, %resource, %error, "could not write the status");
    ctx.respect_retry_after(error);
    RunOutcome::Failed(match error.class() {
        // If the API server rejects the status, the operator has a defect.
        Class::Invalid => Class::Bug,
        class => class,
    })
}

/// The resource as last shown by the watch, and the status that was written since.
///
/// The resource may be newer than the one of this run: an event of our own status causes no run.
fn latest(ctx: &RunContext<'_>) -> (Arc<Resource>, Option<Arc<Value>>) {
    let key = &ctx.key.key;
    // In this order: an event removes the pending status after it updated the cache.
    let pending = ctx.controller.written_statuses.last(key);
    let shown = ctx.controller.resources.get(key).filter(|r| r.uid() == ctx.resource.uid());
    let shown = shown.unwrap_or_else(|| Arc::clone(&ctx.resource));
    let pending = pending.filter(|(version, _)| *version > shown.version);
    (shown, pending.map(|(_, status)| status))
}

/// The resource as `build` gets it: with the status that was written last, even if the watch has
/// not shown that write yet. So an operator never reads back a status older than its last one.
/// Also returns an error if the operator cannot read the status that it wrote.
pub(crate) fn with_written(
    controller: &ControllerState,
    key: &ObjectKey,
) -> Option<(Arc<Resource>, Option<serde_json::Error>)> {
    // In this order: an event removes the written status after it updated the cache.
    let written = controller.written_statuses.last(key);
    let shown = controller.resources.get(key)?;
    let Some((_, status)) = written.filter(|(version, _)| *version > shown.version) else {
        return Some((shown, None));
    };
    Some(match controller.controller.with_status(&*shown.object, &status) {
        Ok(object) => (Arc::new(shown.with_written(object)), None),
        Err(error) => (shown, Some(error)),
    })
}

/// Whether the resource has a status, also if another client wrote it.
pub(crate) fn exists(ctx: &RunContext<'_>) -> bool {
    let (shown, pending) = latest(ctx);
    pending.is_some() || shown.has_status
}

/// The status in the cluster, as far as it is known.
pub(crate) fn current(ctx: &RunContext<'_>) -> Result<Arc<Value>, serde_json::Error> {
    let (shown, pending) = latest(ctx);
    status_of(ctx, &shown, pending)
}

fn status_of(
    ctx: &RunContext<'_>,
    shown: &Resource,
    pending: Option<Arc<Value>>,
) -> Result<Arc<Value>, serde_json::Error> {
    pending.map_or_else(|| ctx.controller.controller.status(&*shown.object).map(Arc::new), Ok)
}

/// A change of a status.
struct Change {
    current: Arc<Value>,
    status: Value,
    /// The conditions that warn and become true.
    warnings: Vec<Condition>,
}

/// The current status and the next one, whose conditions keep their times.
fn change(
    ctx: &RunContext<'_>,
    shown: &Resource,
    pending: Option<Arc<Value>>,
    report: Report<Value>,
) -> Result<Change, serde_json::Error> {
    let current = status_of(ctx, shown, pending)?;
    let Report { mut status, conditions, readiness } = report;
    let before: Vec<_> = match current.get("conditions") {
        Some(conditions) => serde_json::from_value(conditions.clone())?,
        None => Vec::new(),
    };
    let wanted: Vec<_> = readiness.conditions().into_iter().chain(conditions).collect();
    let generation = ctx.resource.generation();
    // The API server stores whole seconds.
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    status["conditions"] = serde_json::to_value(merge(&before, &wanted, generation, now))?;
    if let Some(generation) = generation {
        status["observedGeneration"] = generation.into();
    }
    let warnings = warnings(&before, &wanted).cloned().collect();
    Ok(Change { current, status, warnings })
}

/// The hash of everything in a status except its times; never 0. The generation is part of it: a
/// status may be written after an edit that its run did not see.
fn hash_of(report: &Report<Value>, generation: Option<i64>) -> u64 {
    let mut text = format!("{}{generation:?}", report.status);
    for condition in report.readiness.conditions().iter().chain(&report.conditions) {
        // A NUL separates parts: no part contains one.
        for part in [condition.type_, condition.reason, &condition.message] {
            text.push('\0');
            text.push_str(part);
        }
        text.push(match condition.status {
            Some(true) => '+',
            Some(false) => '-',
            None => '?',
        });
    }
    hash::of(text.as_bytes()).max(1)
}

#[cfg(test)]
mod tests;
