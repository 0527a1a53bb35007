//! Conditions and reasons of a reconciled resource: those of the engine, and those that the operator
//! adds.

use std::fmt::Write as _;

use kubewright_core::condition::{READY, RECONCILING, STALLED};
use kubewright_core::reason::{self, Explained};

use super::markdown::{cell, code, inline, table};

/// The standard conditions with their reasons, then the conditions of the operator.
pub(super) fn conditions(own: &[Explained]) -> String {
    let conditions = [
        (READY, "all objects match the resource and are ready"),
        (RECONCILING, "the operator is still creating or updating objects; no action is needed"),
        (STALLED, "the operator waits for a person; the message describes the action"),
    ];
    let rows = conditions.map(|(name, meaning)| [code(name), meaning.to_owned()]);
    let mut out = format!(
        "`status.conditions` contains these kstatus conditions. \
         `kubectl wait --for=condition=Ready`, Argo CD and Flux understand \
         them:\n\n{}\nReasons of these conditions:\n\n",
        table(["condition", "meaning of True"], &rows),
    );
    let framework = reason::ALL.iter().map(|(name, meaning)| (*name, *meaning));
    out.push_str(&table_of_reasons(framework.chain(reasons_of(READY, own))));
    let mut seen = vec![READY];
    for condition in own.iter().map(|explained| explained.condition) {
        if !seen.contains(&condition) {
            seen.push(condition);
            let _ = write!(
                out,
                "\nReasons of {}:\n\n{}",
                code(condition),
                table_of_reasons(reasons_of(condition, own))
            );
        }
    }
    out
}

fn reasons_of<'a>(
    condition: &'a str,
    all: &'a [Explained],
) -> impl Iterator<Item = (&'static str, &'static str)> + 'a {
    all.iter()
        .filter(move |explained| explained.condition == condition)
        .map(|explained| (explained.reason, explained.meaning))
}

fn table_of_reasons(all: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let rows: Vec<_> = all.map(|(name, meaning)| [code(name), cell(&inline(meaning))]).collect();
    table(["reason", "meaning"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_of_the_operator_has_a_table_and_its_ready_reasons_follow_the_standard_ones() {
        let own = [
            Explained::new("Open", "NoKey", "there is no key_"),
            Explained::new("Ready", "TooSmall", "it is too small"),
            Explained::new("Open", "Locked", "the door is locked"),
        ];
        let page = conditions(&own);
        let place =
            |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing: {page}"));
        assert!(place("| `InternalError` |") < place("| `TooSmall` | it is too small |"));
        assert!(place("| `TooSmall` |") < place("\n\nReasons of `Open`:\n\n| reason | meaning |"));
        assert!(
            place("| `NoKey` | there is no key\\_ |") < place("| `Locked` | the door is locked |")
        );
        assert_eq!(page.matches("Reasons of").count(), 1);
    }
}
