//! Children that lost a label on which the watch selects, and that are no longer wanted: reads
//! them, so that the plan of the run deletes them.
//!
//! A wanted child without our label needs no read: the request that applies it finds it by name.

use kubewright_core::internals::desired::Desired;

use super::apply::{DeleteFailure, read};
use crate::work::context::RunContext;

/// Reads the unwanted children of a resource that its watches do not show. Returns what could not
/// be read.
pub(crate) async fn find(ctx: &RunContext<'_>, desired: &[Desired]) -> Vec<DeleteFailure> {
    let mut failures = Vec::new();
    for cache in &ctx.controller.children {
        for key in cache.unwatched(&ctx.owner.uid) {
            let kind = &cache.kind;
            if desired.iter().any(|want| want.kind == *kind && want.key == key) {
                continue;
            }
            match read(ctx, kind, &key).await {
                Ok(found) => {
                    let ours = found.filter(|child| child.is_controlled_by(&ctx.owner.uid));
                    cache.record_unwatched(&key, ours);
                }
                Err(error) => {
                    ctx.respect_retry_after(&error);
                    let message = format!(
                        "could not read {kind} {}, which lost its label and is no longer wanted: \
                         {error}",
                        key.name
                    );
                    failures.push(DeleteFailure { class: error.class(), message });
                }
            }
        }
    }
    failures
}

#[cfg(test)]
mod tests;
