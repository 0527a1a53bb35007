//! Resources of a controller that looks up a kind whose definition is missing.
//!
//! It is unknown what the objects of such a kind allow or forbid. So nothing is created for a new
//! resource, and its status names the definition. A resource that owns objects keeps them as they
//! are; it is built from the last known objects of the kind, if there are any.

use std::sync::Arc;

use kubewright_core::{Class, Readiness, Report, reason};

use super::context::{RunContext, RunOutcome};
use crate::write::status;

/// How the run of a resource ends because a definition is missing. `None` if the run goes on.
pub(crate) async fn hold(ctx: &RunContext<'_>) -> Option<RunOutcome> {
    let undefined = ctx.engine.sync.undefined(ctx.key.controller)?;
    if is_new(ctx) {
        return Some(report(ctx, &undefined.name).await);
    }
    // When the definition appears, all resources run.
    (!undefined.was_synced).then_some(RunOutcome::Done)
}

/// Whether the resource owns nothing, although resources of its kind can own objects.
fn is_new(ctx: &RunContext<'_>) -> bool {
    let caches = &ctx.controller.children;
    !caches.is_empty() && caches.iter().all(|cache| cache.owned_by(&ctx.owner.uid).is_empty())
}

async fn report(ctx: &RunContext<'_>, definition: &str) -> RunOutcome {
    let message = format!(
        "the CustomResourceDefinition {definition} is missing, and its objects may limit this \
         resource: install the definition. Until then nothing is created for a new resource"
    );
    status::warn(ctx, reason::DEFINITION_MISSING, &message);
    let Ok(status) = status::current(ctx) else { return RunOutcome::Failed(Class::Bug) };
    let status = Arc::unwrap_or_clone(status);
    let readiness = Readiness::Stalled(reason::DEFINITION_MISSING, message);
    let report = Report { status, conditions: Vec::new(), readiness };
    match status::write(ctx, report, None).await {
        Ok(()) => RunOutcome::Stalled,
        Err(outcome) => outcome,
    }
}
