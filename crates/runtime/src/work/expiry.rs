//! Deletes an expired resource: exactly the version that the operator saw, not before the clock of
//! the API server agrees, and not more per minute than the limiter allows.

use std::time::Duration;

use kubewright_core::expiry::Expired;
use kubewright_core::observed::decode_identity;
use kubewright_core::{Class, Timestamp};

use super::context::RunContext;
use crate::error::ApiError;
use crate::write::apply::DeleteFailure;
use crate::write::events::EventType;

/// The shortest wait for the clock of the API server.
const MIN_WAIT: Duration = Duration::from_millis(250);
/// The longest wait for the clock of the API server: clocks can be set.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// How long to wait while the cache is stale.
const STALE_WAIT: Duration = Duration::from_secs(10);

/// The outcome of an attempt to delete an expired resource.
pub(crate) enum ExpiryOutcome {
    /// The resource is deleted, or its deletion is in progress.
    Deleted,
    /// The resource still exists: it is not expired, or its deletion must wait. The run continues.
    Kept,
    /// The resource changed since the build.
    Outdated,
    /// The API server did not delete the resource.
    Failed(DeleteFailure),
}

/// How long to wait until a clock that shows `now` shows `expires_at`; `None` if that time is past.
fn until(expires_at: Timestamp, now: Timestamp) -> Option<Duration> {
    let left = Duration::try_from(expires_at.duration_since(now)).unwrap_or_default();
    (now < expires_at).then(|| left.clamp(MIN_WAIT, MAX_WAIT))
}

/// Deletes the resource if it is expired and may be deleted now.
///
/// `expires_at` is the expiry time: the latest past time that `build` asked about. It is `None` if
/// `build` did not ask.
pub(crate) async fn expire(
    ctx: &RunContext<'_>,
    expired: Option<&Expired>,
    expires_at: Option<Timestamp>,
) -> ExpiryOutcome {
    let engine = ctx.engine;
    let Some(expired) = expired else {
        engine.limiter.forget(ctx.key);
        return ExpiryOutcome::Kept;
    };
    if engine.sync.stale(ctx.key.controller).is_some() {
        return postpone(ctx, STALE_WAIT);
    }
    let clock = expires_at.zip(engine.server_clock.latest());
    if let Some(wait) = clock.and_then(|(expires_at, now)| until(expires_at, now)) {
        return postpone(ctx, wait);
    }
    if let Err(wait) = engine.limiter.acquire(ctx.key) {
        if let Some(waiting) = wait.report {
            tracing::warn!(waiting, "expired resources wait: the limit of deletions is reached");
        }
        return postpone(ctx, wait.duration);
    }
    let expiry = delete(ctx, expired, expires_at).await;
    if !matches!(expiry, ExpiryOutcome::Deleted) {
        engine.limiter.release();
    }
    expiry
}

async fn delete(
    ctx: &RunContext<'_>,
    expired: &Expired,
    expires_at: Option<Timestamp>,
) -> ExpiryOutcome {
    let (engine, controller) = (ctx.engine, ctx.controller.name);
    let (kind, key) = (&ctx.owner.kind, &ctx.key.key);
    let (answer, server_time) = match engine.api.get(kind, key).await {
        Ok(answer) => answer,
        Err(error) => return not_deleted(ctx, &error),
    };
    // If the resource was edited and the watch has not shown the edit yet, do not delete it.
    if !decode_identity(&answer)
        .is_ok_and(|(_, uid, version)| *uid == *ctx.owner.uid && version == ctx.resource.version)
    {
        return ExpiryOutcome::Outdated;
    }
    match (expires_at, server_time) {
        (None, _) => {}
        (Some(expires_at), Some(now)) => {
            engine.server_clock.record(now);
            if let Some(wait) = until(expires_at, now) {
                tracing::info!(controller, resource = %key, %expires_at, %now, "not expired yet");
                return postpone(ctx, wait);
            }
        }
        (Some(_), None) => {
            return failed(ctx, Class::Transient, "the API server sends no Date header");
        }
    }
    match engine.api.delete(kind, key, &ctx.owner.uid, ctx.resource.version).await {
        Ok(_) => {
            let Expired { reason, message } = expired;
            tracing::info!(controller, resource = %key, reason, message, "deleted: expired");
            engine.metrics.wrote(controller, &kind.kind, "delete");
            engine.events.record(&ctx.owner, EventType::Normal, reason, message);
            ExpiryOutcome::Deleted
        }
        Err(error) => not_deleted(ctx, &error),
    }
}

fn not_deleted(ctx: &RunContext<'_>, error: &ApiError) -> ExpiryOutcome {
    if error.is_not_found() {
        return ExpiryOutcome::Deleted;
    }
    if error.is_identity_conflict() {
        return ExpiryOutcome::Outdated;
    }
    ctx.respect_retry_after(error);
    failed(ctx, error.class(), &error.to_string())
}

fn failed(ctx: &RunContext<'_>, class: Class, why: &str) -> ExpiryOutcome {
    let message = format!("could not delete this {}, which is expired: {why}", ctx.owner.kind);
    ExpiryOutcome::Failed(DeleteFailure { class, message })
}

fn postpone(ctx: &RunContext<'_>, wait: Duration) -> ExpiryOutcome {
    ctx.engine.queue.add_after(ctx.key.clone(), wait);
    ExpiryOutcome::Kept
}

#[cfg(test)]
mod tests;
