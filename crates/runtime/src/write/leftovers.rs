//! Before an apply that drops fields: takes these fields from the other managers that own them, so
//! that the API server removes the fields.

use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::leftovers::{Leftover, leftovers};
use kubewright_core::internals::managed_fields;
use kubewright_core::internals::plan::Step;
use kubewright_core::observed::{DecodeError, decode_identity};

use super::patch::Precondition;
use crate::error::{ApiError, ApiResult};
use crate::work::context::RunContext;

/// A request for an object that failed.
pub(super) struct NotWritten {
    pub(super) error: ApiError,
    /// Which manager owns which field, and what to do, if that is why the request was sent.
    pub(super) leftover: Option<String>,
}

impl From<ApiError> for NotWritten {
    fn from(error: ApiError) -> Self {
        Self { error, leftover: None }
    }
}

/// Takes from other managers the fields that a step drops. Returns the precondition of the step.
///
/// The step then needs exactly the version in which no other manager owns the fields. If another
/// client writes between the two requests, our entry still shows what the step drops.
pub(super) async fn release<'s>(
    ctx: &RunContext<'_>,
    step: &'s Step,
    want: &Desired,
    precondition: Precondition<'s>,
) -> Result<Precondition<'s>, NotWritten> {
    let Step::Apply { uid, may_leave: true, .. } = step else { return Ok(precondition) };
    let (bytes, _) = ctx.engine.api.get(&want.kind, &want.key).await?;
    let entries = managed_fields::entries(&bytes).map_err(DecodeError::from);
    let leftovers = leftovers(&entries.map_err(ApiError::from)?, ctx.engine.manager, &want.tree());
    let version = version(&bytes)?;
    let Some(first) = leftovers.first() else { return Ok(Precondition::Version(uid, version)) };
    let Leftover { path, manager, .. } = first;
    let (controller, resource, kind, name) =
        (ctx.controller.name, &ctx.key.key, &want.kind, &want.key.name);
    tracing::info!(
        controller, %resource, child = %format_args!("{kind} {name}"), path, %manager,
        "taking a field that is no longer wanted from another manager"
    );
    let answer = ctx.engine.api.disown(&want.kind, &want.key, &leftovers, version).await;
    let leftover = || {
        format!(
            "{path} is no longer wanted, but the manager {manager} owns it as well; make that \
             manager omit the field, or allow the operator to patch metadata.managedFields"
        )
    };
    let answer = answer.map_err(|error| NotWritten { error, leftover: Some(leftover()) })?;
    Ok(Precondition::Version(uid, self::version(&answer)?))
}

fn version(object: &[u8]) -> ApiResult<u64> {
    Ok(decode_identity(object)?.2)
}

#[cfg(test)]
mod tests;
