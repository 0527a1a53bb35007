//! What the engine reports about every resource that has a controller.

use kubewright_core::condition::{READY, RECONCILING, STALLED};
use kubewright_core::reason;

use super::markdown::{code, table};

/// The standard conditions and their reasons.
pub(super) fn conditions() -> String {
    let conditions = [
        (READY, "everything is as the resource asks, and works"),
        (RECONCILING, "something is not yet as the resource asks; it goes on by itself"),
        (STALLED, "nothing more happens until a person acts; the message says what to do"),
    ];
    let rows = conditions.map(|(name, meaning)| [code(name), meaning.to_owned()]);
    let reasons: Vec<_> = reason::ALL.iter().map(|(name, meaning)| [code(name), (*meaning).to_owned()]).collect();
    format!(
        "`status.conditions` has at least these, as kstatus defines them, so that `kubectl wait --for=condition=Ready`, Argo CD \
         and Flux understand them:\n\n{}\nTheir reasons, beside those with which the operator itself refuses a resource:\n\n{}",
        table(["condition", "is True while"], &rows),
        table(["reason", "meaning"], &reasons)
    )
}
