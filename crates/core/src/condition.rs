//! Conditions: the types and reasons of an operator, and how conditions change over time.
//!
//! The engine writes `Ready`, `Reconciling` and `Stalled` with the meaning that kstatus
//! (sigs.k8s.io/cli-utils) gives them, so `kubectl wait --for=condition=Ready`, Argo CD and Flux
//! understand them. An operator returns a [`Condition`], which has no time. [`merge`] turns it into
//! a metav1.Condition ([`MetaCondition`]) with a time.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

/// A condition with its time and generation, as the API server stores it.
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as MetaCondition;

/// Everything is as the resource asks: [`Readiness::Ready`](crate::Readiness::Ready).
pub const READY: &str = "Ready";
/// Something is not yet as the resource asks, and work goes on:
/// [`Readiness::Progressing`](crate::Readiness::Progressing).
pub const RECONCILING: &str = "Reconciling";
/// A person has to act, even if the engine still retries:
/// [`Readiness::Stalled`](crate::Readiness::Stalled).
pub const STALLED: &str = "Stalled";

/// True while a disruptive change waits that no edit of the resource causes. False while a
/// disruptive edit is not applied completely: nothing holds it back, also after a restart.
/// Otherwise absent.
pub const ROLLOUT_PENDING: &str = "RolloutPending";

/// The reasons of [`ROLLOUT_PENDING`].
pub const ROLLOUT: ConditionType = ConditionType::new(
    ROLLOUT_PENDING,
    &[
        ("RateLimited", "other resources are changed first; the message counts them"),
        ("OthersNotReady", "resources that were changed before are not Ready again"),
        ("SwitchedOff", "the operator runs with --rollouts-per-minute 0"),
        (EDIT_UNFINISHED, "the last edit is not applied completely, and does not wait"),
    ],
);

/// The reason of [`ROLLOUT_PENDING`] for an edit that is not applied completely.
pub const EDIT_UNFINISHED: &str = "EditUnfinished";

/// The types that the engine writes; an operator's own conditions have other types.
pub const STANDARD: [&str; 4] = [READY, RECONCILING, STALLED, ROLLOUT_PENDING];

/// The type of a condition and its reasons: see [`Operator::CONDITIONS`].
///
/// Declare it beside the code that creates the condition:
///
/// ```
/// use kubewright_core::{Condition, ConditionType};
/// pub const BACKUP: ConditionType = ConditionType::new(
///     "BackupSucceeded",
///     &[("Succeeded", "the last backup succeeded"), ("Failed", "the last backup failed")],
/// );
/// fn condition(failed: bool) -> Condition {
///     let reason = if failed { "Failed" } else { "Succeeded" };
///     Condition::new(BACKUP.name(), Some(!failed), reason, "")
/// }
/// ```
///
/// [`Operator::CONDITIONS`]: crate::Operator::CONDITIONS
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionType {
    name: &'static str,
    reasons: &'static [(&'static str, &'static str)],
}

impl ConditionType {
    /// A condition type. Each reason (CamelCase) has its meaning for a person: one sentence without
    /// a full stop.
    #[must_use]
    pub const fn new(name: &'static str, reasons: &'static [(&'static str, &'static str)]) -> Self {
        Self { name, reasons }
    }

    /// Reasons that the operator gives to `Ready`: those of [`Invalid`](crate::Invalid) and of
    /// [`Report::readiness`](crate::Report::readiness).
    #[must_use]
    pub const fn ready(reasons: &'static [(&'static str, &'static str)]) -> Self {
        Self::new(READY, reasons)
    }

    /// The type, such as `BackupSucceeded`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The reasons and their meanings.
    #[must_use]
    pub const fn reasons(self) -> &'static [(&'static str, &'static str)] {
        self.reasons
    }
}

/// One condition that an operator reports. The engine adds the time and the generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The type, such as `RouteAccepted`.
    pub type_: &'static str,
    /// Whether the condition is true: `Some(true)` is the status True, `Some(false)` is False, and
    /// `None` is Unknown.
    pub status: Option<bool>,
    /// CamelCase.
    pub reason: &'static str,
    /// A sentence for a person.
    pub message: String,
    /// Whether the engine publishes a Warning Event when the status becomes True.
    pub warns: bool,
}

impl Condition {
    /// A condition. `status` is `Some(true)` for True, `Some(false)` for False, `None` for Unknown.
    pub fn new(
        type_: &'static str,
        status: Option<bool>,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { type_, status, reason, message: message.into(), warns: false }
    }

    /// Adds a Warning Event: the engine sends it when the condition changes to True. A restart does
    /// not send the Event again.
    #[must_use]
    pub fn with_warning(self) -> Self {
        Self { warns: true, ..self }
    }
}

/// Longest message of a condition (metav1.Condition), in bytes.
const MAX_MESSAGE: usize = 32_768;

/// The conditions to write: `wanted`, with the times of `before` where the status did not change.
///
/// # Guarantees
/// Each type occurs once, in the order of `wanted`. `lastTransitionTime` changes only when the
/// status does. Conditions that are not in `wanted` are removed.
#[must_use]
pub fn merge(
    before: &[MetaCondition],
    wanted: &[Condition],
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<MetaCondition> {
    let mut merged: Vec<MetaCondition> = Vec::with_capacity(wanted.len());
    for condition in wanted {
        let status = match condition.status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        };
        let old = before.iter().find(|c| c.type_ == condition.type_ && c.status == status);
        let written = MetaCondition {
            type_: condition.type_.to_owned(),
            status: status.to_owned(),
            reason: condition.reason.to_owned(),
            message: cut(&condition.message, MAX_MESSAGE).to_owned(),
            observed_generation: generation,
            last_transition_time: old.map_or(Time(now), |c| c.last_transition_time.clone()),
        };
        match merged.iter_mut().find(|c| c.type_ == written.type_) {
            Some(slot) => *slot = written,
            None => merged.push(written),
        }
    }
    merged
}

/// The conditions of `wanted` that warn and were not True `before`.
pub fn warnings<'a>(
    before: &'a [MetaCondition],
    wanted: &'a [Condition],
) -> impl Iterator<Item = &'a Condition> {
    let was_true = |type_: &str| before.iter().any(|c| c.type_ == type_ && c.status == "True");
    wanted.iter().filter(move |c| c.warns && c.status == Some(true) && !was_true(c.type_))
}

/// The longest beginning of `text` of at most `max` bytes.
fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn ready(status: bool, message: &str) -> Condition {
        Condition::new(READY, Some(status), "Ready", message)
    }

    #[test]
    fn the_time_moves_only_when_the_status_does() {
        let first = merge(&[], &[ready(false, "a")], Some(1), at(10));
        let second = merge(&first, &[ready(false, "b")], Some(2), at(20));
        assert_eq!((second[0].last_transition_time.0, second[0].message.as_str()), (at(10), "b"));
        assert_eq!(second[0].observed_generation, Some(2));
        let third = merge(&second, &[ready(true, "c")], Some(2), at(30));
        assert_eq!(third[0].last_transition_time.0, at(30));
    }

    #[test]
    fn a_type_never_appears_twice_and_an_unwanted_one_goes() {
        let before =
            merge(&[], &[ready(true, ""), Condition::new("Old", None, "X", "")], None, at(1));
        let after = merge(&before, &[ready(true, "one"), ready(true, "two")], None, at(2));
        assert_eq!(after.len(), 1);
        assert_eq!(after[0].message, "two");
    }

    #[test]
    fn a_condition_warns_when_it_becomes_true_and_not_while_it_is() {
        let soon = |status| Condition::new("Soon", status, "Soon", "soon").with_warning();
        let warned = |before: &[Condition], now: Condition| {
            let before = merge(&[], before, None, at(1));
            warnings(&before, &[now]).map(|c| c.type_).collect::<Vec<_>>()
        };
        assert_eq!(warned(&[], soon(Some(true))), ["Soon"]);
        assert_eq!(warned(&[soon(Some(false))], soon(Some(true))), ["Soon"]);
        assert_eq!(warned(&[soon(None), ready(true, "")], soon(Some(true))), ["Soon"]);
        assert!(warned(&[soon(Some(true))], soon(Some(true))).is_empty());
        assert!(warned(&[], soon(Some(false))).is_empty() && warned(&[], soon(None)).is_empty());
        assert!(warned(&[], ready(true, "")).is_empty());
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        let long = "é".repeat(MAX_MESSAGE);
        let after = merge(&[], &[ready(true, &long)], None, at(1));
        assert_eq!(after[0].message.len(), MAX_MESSAGE);
    }
}
