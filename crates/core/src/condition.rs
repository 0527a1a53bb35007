//! Conditions: the standard three that every resource gets, and how they change over time.
//!
//! `Ready`, `Reconciling` and `Stalled` follow kstatus, so that `kubectl wait
//! --for=condition=Ready`, Argo CD and Flux understand them. The types are those of the API
//! conventions (metav1.Condition).

use std::fmt::Write as _;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition as Written, Time};
use k8s_openapi::jiff::Timestamp;

use crate::error::Class;
use crate::health::Health;
use crate::kind::KindInfo;
use crate::observed::{ChildState, Holder, Outcome};
use crate::{health, reason};

/// Everything works and is as the resource asks.
pub const READY: &str = "Ready";
/// Work goes on: something is not yet as the resource asks.
pub const RECONCILING: &str = "Reconciling";
/// Nothing more happens until a person acts.
pub const STALLED: &str = "Stalled";

/// The types that the engine derives from the children; an operator's own conditions have other
/// types.
pub const STANDARD: [&str; 3] = [READY, RECONCILING, STALLED];

/// One condition, before it has a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// e.g. `Ready`.
    pub type_: &'static str,
    /// `Some(true)` for True, `Some(false)` for False, `None` for Unknown.
    pub status: Option<bool>,
    /// CamelCase.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
    /// Whether a person is warned of it by an Event when it becomes true; see
    /// [`warned`](Self::warned).
    pub warns: bool,
}

impl Condition {
    /// A condition.
    pub fn new(
        type_: &'static str,
        status: Option<bool>,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { type_, status, reason, message: message.into(), warns: false }
    }

    /// The same, and whoever looks at the resource's Events is warned: once, when its status
    /// becomes True, with its reason and message. An operator that starts again warns of
    /// nothing that the status told before.
    #[must_use]
    pub fn warned(self) -> Self {
        Self { warns: true, ..self }
    }
}

/// How a run ended: where `Ready`, `Reconciling` and `Stalled` come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Ready(String),
    /// Not yet, but it goes on by itself.
    Progressing(&'static str, String),
    /// It needs a person.
    Stalled(&'static str, String),
}

impl Verdict {
    /// The three standard conditions.
    #[must_use]
    pub fn conditions(&self) -> [Condition; 3] {
        let (ready, reconciling, stalled, reason, message) = match self {
            Self::Ready(message) => (true, false, false, reason::READY, message),
            Self::Progressing(reason, message) => (false, true, false, *reason, message),
            Self::Stalled(reason, message) => (false, false, true, *reason, message),
        };
        // A condition that is not true needs no story of its own; `Ready` tells it.
        let told = |on: bool| if on { message.clone() } else { String::new() };
        [
            Condition::new(READY, Some(ready), reason, message.clone()),
            Condition::new(RECONCILING, Some(reconciling), reason, told(reconciling)),
            Condition::new(STALLED, Some(stalled), reason, told(stalled)),
        ]
    }
}

/// The verdict on a resource from the states of its children; `owner` is the resource's kind, for
/// messages.
#[must_use]
pub fn verdict(owner: &KindInfo, children: &[ChildState<'_>]) -> Verdict {
    let mut ready = String::new();
    let mut worst: Option<(u8, Verdict)> = None;
    for child in children {
        let (weight, verdict) = match judge(owner, child) {
            Verdict::Ready(message) => {
                if !message.is_empty() {
                    let separator = if ready.is_empty() { "" } else { "; " };
                    let _ = write!(ready, "{separator}{message}");
                }
                continue;
            }
            progressing @ Verdict::Progressing(..) => (1, progressing),
            stalled @ Verdict::Stalled(..) => (2, stalled),
        };
        if worst.as_ref().is_none_or(|(w, _)| weight > *w) {
            worst = Some((weight, verdict));
        }
    }
    worst.map_or_else(
        || {
            Verdict::Ready(if ready.is_empty() {
                "all objects are in place".to_owned()
            } else {
                ready
            })
        },
        |(_, v)| v,
    )
}

fn judge(owner: &KindInfo, child: &ChildState<'_>) -> Verdict {
    let name = || format!("{} {}", child.desired.kind, child.desired.key.name);
    match child.outcome {
        Outcome::InSync => match health::of(child) {
            Health::Ready { message } => Verdict::Ready(message),
            Health::Progressing { reason, message } => Verdict::Progressing(reason, message),
            Health::Failed { reason, message } => Verdict::Stalled(reason, message),
        },
        Outcome::NotServed => Verdict::Ready(String::new()),
        Outcome::Terminating => Verdict::Progressing(
            reason::TERMINATING,
            format!("{} is being deleted; it is made again when that has ended", name()),
        ),
        Outcome::Held(before) => Verdict::Progressing(
            reason::TERMINATING,
            format!(
                "{before} is no longer wanted and still there; {} is made when it is gone, as there is one at a time",
                name()
            ),
        ),
        Outcome::Refused(holder) => {
            Verdict::Stalled(reason::NOT_OWNED, refusal(owner, &name(), holder))
        }
        Outcome::Failed { class: Class::Invalid, message } => Verdict::Stalled(
            reason::APPLY_FAILED,
            format!("{} was not accepted: {message}", name()),
        ),
        Outcome::Failed { message, .. } => Verdict::Progressing(
            reason::APPLY_FAILED,
            format!("{} could not be written, trying again: {message}", name()),
        ),
    }
}

/// What a person reads when a name is taken.
#[must_use]
pub fn refusal(owner: &KindInfo, name: &str, holder: &Holder) -> String {
    match holder {
        Holder::Controller(by) => format!(
            "{name} exists and is controlled by {} {}, not by this {owner}; it was left untouched: rename this {owner}, or delete \
             that {}",
            by.kind, by.name, by.kind
        ),
        Holder::Nobody => format!(
            "{name} exists and was not made for this {owner}; it was left untouched: rename this {owner}, or delete that object"
        ),
    }
}

/// Longest message of a condition (metav1.Condition), in bytes.
const MAX_MESSAGE: usize = 32_768;

/// The conditions to write: `wanted` with times taken over from `before` where the status did not
/// change.
///
/// # Guarantees
/// Each type once, in the order of `wanted`; `lastTransitionTime` moves only when the status does;
/// conditions that are no longer wanted are gone.
#[must_use]
pub fn merge(
    before: &[Written],
    wanted: &[Condition],
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Written> {
    let mut merged: Vec<Written> = Vec::with_capacity(wanted.len());
    for condition in wanted {
        let status = match condition.status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        };
        let old = before.iter().find(|c| c.type_ == condition.type_ && c.status == status);
        let written = Written {
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

/// Those of `wanted` that warn, and were not true `before`.
pub fn warnings<'a>(
    before: &'a [Written],
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
        Condition::new(READY, Some(status), reason::READY, message)
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
        let soon = |status| Condition::new("Soon", status, "Soon", "soon").warned();
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

    #[test]
    fn exactly_one_of_the_three_conditions_is_true() {
        for verdict in [
            Verdict::Ready("r".into()),
            Verdict::Progressing(reason::PROGRESSING, "p".into()),
            Verdict::Stalled(reason::NOT_OWNED, "s".into()),
        ] {
            assert_eq!(verdict.conditions().iter().filter(|c| c.status == Some(true)).count(), 1);
        }
    }
}
