//! What a status shows of the last edit of its resource.
//!
//! The status always shows the generation that the operator saw: `kubectl wait`, kstatus and Argo
//! CD trust no condition of an older one. So a condition shows that the changes of this generation
//! are not applied completely. The condition survives a restart of the operator.

use kubewright_core::KindInfo;
use kubewright_core::condition::{Condition, EDIT_UNFINISHED, ROLLOUT_PENDING};
use serde_json::Value;

/// Whether changes of the edit that created this generation are still to be applied. `None` if the
/// status does not show which generation the operator saw.
pub(crate) fn is_unfinished(status: &Value, generation: i64) -> Option<bool> {
    let seen = status["observedGeneration"].as_i64()?;
    let is_marker = |condition: &Value| {
        condition["type"] == ROLLOUT_PENDING
            && condition["reason"] == EDIT_UNFINISHED
            && condition["observedGeneration"].as_i64() == Some(generation)
    };
    let conditions = status["conditions"].as_array();
    Some(seen < generation || conditions.is_some_and(|all| all.iter().any(is_marker)))
}

/// The condition of a resource of this kind whose edit is not applied completely.
pub(crate) fn unfinished(kind: &KindInfo) -> Condition {
    let message = format!(
        "The last edit of this {kind} is not applied completely. The operator applies the rest \
         without a wait for other resources."
    );
    Condition::new(ROLLOUT_PENDING, Some(false), EDIT_UNFINISHED, message)
}
