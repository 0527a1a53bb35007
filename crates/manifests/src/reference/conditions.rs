//! What is reported about a resource that has a controller, and why: by the engine about every one,
//! and by the operator itself.

use std::fmt::Write as _;

use kubewright_core::condition::{READY, RECONCILING, STALLED};
use kubewright_core::reason::{self, Explained};

use super::markdown::{cell, code, inline, table};

/// The standard conditions with their reasons, and then those that the operator adds.
pub(super) fn conditions(own: &[Explained]) -> String {
    let conditions = [
        (READY, "everything is as the resource asks, and works"),
        (RECONCILING, "something is not yet as the resource asks; it goes on by itself"),
        (STALLED, "nothing more happens until a person acts; the message says what to do"),
    ];
    let rows = conditions.map(|(name, meaning)| [code(name), meaning.to_owned()]);
    let mut out = format!(
        "`status.conditions` has at least these, as kstatus defines them, so that `kubectl wait --for=condition=Ready`, Argo CD \
         and Flux understand them:\n\n{}\nTheir reasons:\n\n",
        table(["condition", "is True while"], &rows),
    );
    let framework = reason::ALL.iter().map(|(name, meaning)| (*name, *meaning));
    out.push_str(&reasons(framework.chain(of(READY, own))));
    let mut seen = vec![READY];
    for condition in own.iter().map(|explained| explained.condition) {
        if !seen.contains(&condition) {
            seen.push(condition);
            let _ =
                write!(out, "\nReasons of {}:\n\n{}", code(condition), reasons(of(condition, own)));
        }
    }
    out
}

fn of<'a>(
    condition: &'a str,
    all: &'a [Explained],
) -> impl Iterator<Item = (&'static str, &'static str)> + 'a {
    all.iter()
        .filter(move |explained| explained.condition == condition)
        .map(|explained| (explained.reason, explained.meaning))
}

fn reasons(all: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let rows: Vec<_> = all.map(|(name, meaning)| [code(name), cell(&inline(meaning))]).collect();
    table(["reason", "meaning"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_of_the_operator_has_a_table_and_what_it_refuses_stands_with_the_reasons_of_ready()
     {
        let own = [
            Explained::new("Open", "NoKey", "there is no key_"),
            Explained::new("Ready", "TooSmall", "it is too small"),
            Explained::new("Open", "Locked", "somebody locked it"),
        ];
        let page = conditions(&own);
        let place =
            |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing: {page}"));
        assert!(place("| `InternalError` |") < place("| `TooSmall` | it is too small |"));
        assert!(place("| `TooSmall` |") < place("\n\nReasons of `Open`:\n\n| reason | meaning |"));
        assert!(
            place("| `NoKey` | there is no key\\_ |") < place("| `Locked` | somebody locked it |")
        );
        assert_eq!(page.matches("Reasons of").count(), 1);
    }
}
