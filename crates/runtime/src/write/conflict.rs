//! Explains why one object is written too often: which other client changes it.
//!
//! An explanation stays the same during a conflict, because every change of a message is a write of
//! the status.

use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::managed_fields::{self, Missing, Taker};
use kubewright_core::internals::plan::Why;
use kubewright_core::observed::DecodeError;

use crate::work::context::RunContext;

/// Why an object is created less often.
pub(super) const DELETED_REPEATEDLY: &str = "another client deletes it repeatedly, so the operator \
     creates it less often; find the client in the audit log of the API server (it may be another \
     version of this operator) and stop it";
/// Why an object is deleted less often.
pub(super) const CREATED_REPEATEDLY: &str = "another client creates it repeatedly, so the operator \
     deletes it less often; find the client in the audit log of the API server (it may be another \
     version of this operator) and stop it";

/// Explains why an object is applied so often, from the cache if that is recent.
pub(super) async fn explain(ctx: &RunContext<'_>, want: &Desired, why: &Why) -> String {
    let throttle = &ctx.engine.throttle;
    if let Some(explanation) = throttle.explanation(&want.kind, &want.key) {
        return explanation;
    }
    let explanation = match why {
        Why::Changed => "the desired object changes repeatedly, so the operator writes it less \
             often; the cause is an edit, an object that the operator reads, or another version of \
             this operator"
            .to_owned(),
        Why::Unlabelled(label) => format!(
            "another client removes or changes its label {label} repeatedly, so the operator \
             repairs the object less often; find the client in the audit log of the API server \
             and stop it"
        ),
        Why::Orphan => "another client removes its owner reference repeatedly, so the operator \
             takes the object back less often; stop that client"
            .to_owned(),
        Why::Unknown => "another client clears metadata.managedFields repeatedly, so the operator \
             repairs the object less often; stop that client"
            .to_owned(),
        Why::Drift(path) => explain_drift(ctx, want, path).await,
    };
    throttle.explain(&want.kind, &want.key, explanation.clone());
    explanation
}

async fn explain_drift(ctx: &RunContext<'_>, want: &Desired, path: &Missing) -> String {
    let answer = ctx.engine.api.get(&want.kind, &want.key).await;
    let taker = answer.and_then(|(bytes, _)| {
        let entries = managed_fields::entries(&bytes).map_err(DecodeError::from)?;
        Ok(managed_fields::taker(&entries, ctx.engine.manager, &want.tree(), path))
    });
    let taker = match taker {
        Ok(taker) => taker,
        Err(error) => {
            tracing::debug!(child = %want.key, %error, "cannot read who changes an object");
            Taker::Unknown
        }
    };
    let effect = "so the operator repairs it less often";
    match taker {
        Taker::Holds(manager) => format!(
            "{path} is changed repeatedly by {manager}, {effect}; stop that client, or make it \
             omit this field"
        ),
        Taker::Probably(manager) => format!(
            "{path} is removed repeatedly, probably by {manager}, which wrote last, {effect}; \
             stop that client, or make it omit this field"
        ),
        Taker::Unknown => format!(
            "{path} is changed repeatedly by a client that metadata.managedFields does not name, \
             {effect}; find the client in the audit log of the API server and stop it"
        ),
    }
}
