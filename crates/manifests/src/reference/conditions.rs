//! Conditions and reasons of a reconciled resource: those of the engine and of the operator.

use std::fmt::Write as _;

use kubewright_core::condition::{READY, RECONCILING, ROLLOUT, STALLED};
use kubewright_core::{ConditionType, reason};

use super::markdown::{cell, code, inline, table};

/// The standard conditions with their reasons, then the conditions of the operator.
pub(super) fn conditions(own: &[ConditionType]) -> String {
    let standard = [
        (READY, "all objects match the resource and are ready"),
        (RECONCILING, "the operator is still creating or updating objects; no action is needed"),
        (STALLED, "the operator waits for a person; the message describes the action"),
    ];
    let rows = standard.map(|(name, meaning)| [code(name), meaning.to_owned()]);
    let mut out = format!(
        "`status.conditions` contains these kstatus conditions. \
         `kubectl wait --for=condition=Ready`, Argo CD and Flux understand them:\n\n\
         {}\nTheir reasons:\n\n",
        table(["condition", "meaning of True"], &rows),
    );
    out.push_str(&reasons(reason::ALL.iter().chain(reasons_of(READY, own))));
    let others = [&[ROLLOUT], own].concat();
    let mut seen = vec![READY];
    for name in others.iter().map(|condition| condition.name()) {
        if !seen.contains(&name) {
            seen.push(name);
            let table = reasons(reasons_of(name, &others));
            // Writing to a String cannot fail.
            let _ = write!(out, "\nReasons of {}:\n\n{table}", code(name));
        }
    }
    out
}

/// A reason and its meaning.
type Reason = (&'static str, &'static str);

/// The reasons of all entries of one condition.
fn reasons_of<'a>(name: &'a str, own: &'a [ConditionType]) -> impl Iterator<Item = &'a Reason> {
    own.iter().filter(move |condition| condition.name() == name).flat_map(|c| c.reasons())
}

fn reasons<'a>(reasons: impl Iterator<Item = &'a Reason>) -> String {
    let rows: Vec<_> =
        reasons.map(|(name, meaning)| [code(name), cell(&inline(meaning))]).collect();
    table(["reason", "meaning"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_own_condition_has_a_table_and_own_ready_reasons_follow_the_standard_ones() {
        let own = [
            ConditionType::new("Open", &[("NoKey", "there is no key_")]),
            ConditionType::ready(&[("TooSmall", "it is too small")]),
            ConditionType::new("Open", &[("Locked", "the door is locked")]),
        ];
        let page = conditions(&own);
        let place =
            |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing: {page}"));
        assert!(place("| `InternalError` |") < place("| `TooSmall` | it is too small |"));
        assert!(place("| `TooSmall` |") < place("\n\nReasons of `Open`:\n\n| reason | meaning |"));
        assert!(
            place("| `NoKey` | there is no key\\_ |") < place("| `Locked` | the door is locked |")
        );
        assert!(place("| `SwitchedOff` |") < place("Reasons of `Open`"));
        assert_eq!(page.matches("Reasons of").count(), 2);
    }
}
