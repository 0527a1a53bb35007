//! An update that the API server rejects because of a list item that we no longer want, and that
//! another manager owns as well. The rules are in `kubewright_core::internals::leftovers`.

use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::leftovers;
use kubewright_core::observed::DecodeError;
use serde_json::Value;

use crate::error::{ApiError, ApiResult};
use crate::work::context::RunContext;

/// Takes the items out of the other entries in `managedFields`, so that the next apply removes
/// them. Returns whether there were any: then the update can be sent again.
pub(super) async fn disown(ctx: &RunContext<'_>, want: &Desired, rejection: &ApiError) -> bool {
    let fields = rejection.rejected_fields();
    if fields.is_empty() {
        return false;
    }
    let disowned = try_disown(ctx, want, &fields).await;
    disowned.unwrap_or_else(|error| {
        // The rejection is reported, and the run is repeated.
        tracing::warn!(child = %want.key, %error, "cannot change who owns a list item");
        false
    })
}

async fn try_disown(ctx: &RunContext<'_>, want: &Desired, fields: &[&str]) -> ApiResult<bool> {
    let (bytes, _) = ctx.engine.api.get(&want.kind, &want.key).await?;
    let object: Value = serde_json::from_slice(&bytes).map_err(DecodeError::from)?;
    let operations = leftovers::disown(&object, ctx.engine.manager, &want.tree(), fields);
    if operations.is_empty() {
        return Ok(false);
    }
    let (controller, resource) = (ctx.controller.name, &ctx.key.key);
    tracing::info!(
        controller, %resource, child = %format_args!("{} {}", want.kind, want.key.name), ?fields,
        "other field managers own list items that are no longer wanted; removing their ownership",
    );
    ctx.engine.api.edit(&want.kind, &want.key, operations).await?;
    ctx.engine.metrics.wrote(controller, &want.kind.kind, "disown");
    Ok(true)
}
