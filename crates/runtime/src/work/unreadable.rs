//! Reports a resource that cannot be decoded: conditions in its status, and an Event. Its spec is
//! not needed for that. When the resource can be decoded again, a normal run writes its status.

use jiff::Timestamp;
use kubewright_core::condition::{Condition, MetaCondition, STANDARD, merge};
use kubewright_core::internals::owner::Owner;
use kubewright_core::{Class, Readiness, reason};
use serde_json::{Value, json};

use super::context::RunOutcome;
use super::edits;
use crate::cache::unreadable::UnreadableResource;
use crate::engine::Engine;
use crate::key::WorkKey;

/// Reports the resource with this key if it exists and cannot be decoded.
pub(crate) async fn report_unreadable(engine: &Engine, key: &WorkKey) -> RunOutcome {
    let controller = engine.controller(key.controller);
    let Some(resource) = controller.unreadable.get(&key.key) else { return RunOutcome::Done };
    let unread = Readiness::Stalled(reason::UNREADABLE, resource.message.clone()).conditions();
    let is_unfinished = |generation| edits::is_unfinished(&resource.status, generation);
    let is_unfinished = resource.generation.and_then(is_unfinished) == Some(true);
    let unfinished = is_unfinished.then(|| edits::unfinished(&controller.kind));
    let wanted: Vec<_> = unread.into_iter().chain(unfinished).collect();
    if is_reported(&resource, &wanted) {
        return RunOutcome::Stalled;
    }
    let (kind, uid) = (&controller.kind, resource.uid.clone());
    let about = Owner { kind: kind.clone(), key: key.key.clone(), uid };
    engine.events.warn(&about, reason::UNREADABLE, &resource.message);
    if !engine.throttle.acquire(kind, &key.key) {
        return RunOutcome::Repeat;
    }
    let status = status_with(&resource, &wanted);
    let Err(error) = engine.api.apply_status(kind, &key.key, &status, &resource.uid).await else {
        engine.metrics.wrote(controller.name, &kind.kind, "status");
        return RunOutcome::Stalled;
    };
    if error.is_not_found() || error.is_identity_conflict() {
        return RunOutcome::Repeat;
    }
    let (controller, resource) = (controller.name, &key.key);
    tracing::warn!(controller, %resource, %error, "could not write the status");
    if let Some(wait) = error.retry_after() {
        engine.retries.record_retry_after(key, wait);
    }
    RunOutcome::Failed(match error.class() {
        Class::Invalid => Class::Bug,
        class => class,
    })
}

/// The conditions of a status, as far as they can be read.
fn conditions(status: &Value) -> &[Value] {
    status["conditions"].as_array().map_or(&[], Vec::as_slice)
}

/// Whether the status shows these conditions for this generation.
fn is_reported(resource: &UnreadableResource, wanted: &[Condition]) -> bool {
    wanted.iter().all(|want| {
        conditions(&resource.status).iter().any(|shown| {
            let status = if want.status == Some(true) { "True" } else { "False" };
            shown["type"] == want.type_
                && shown["status"] == status
                && shown["reason"] == want.reason
                && shown["message"] == want.message
                && shown["observedGeneration"].as_i64() == resource.generation
        })
    })
}

/// The status with these conditions. Everything else stays: it may say when the resource ends.
fn status_with(resource: &UnreadableResource, wanted: &[Condition]) -> Value {
    let shown = conditions(&resource.status);
    let is_standard = |condition: &Value| STANDARD.iter().any(|type_| condition["type"] == *type_);
    let before: Vec<MetaCondition> = shown
        .iter()
        .filter_map(|condition| serde_json::from_value(condition.clone()).ok())
        .collect();
    // The API server stores whole seconds.
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    let merged = merge(&before, wanted, resource.generation, now);
    let merged = merged.iter().filter_map(|condition| serde_json::to_value(condition).ok());
    let others = shown.iter().filter(|condition| !is_standard(condition)).cloned();
    let conditions: Vec<Value> = merged.chain(others).collect();
    let mut status = if resource.status.is_object() { resource.status.clone() } else { json!({}) };
    status["conditions"] = conditions.into();
    if let Some(generation) = resource.generation {
        status["observedGeneration"] = generation.into();
    }
    status
}

#[cfg(test)]
mod tests;
