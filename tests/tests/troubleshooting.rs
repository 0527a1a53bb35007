//! What can be known about reasons is: each operator declares those that it gives itself, for the
//! API reference, and `docs/previews/troubleshooting.md` explains every one that a
//! PreviewEnvironment can show, and no other.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kubewright::core::reason::{self, Explained};
use operator_api::preview::{HOST_CONFLICT, NOT_ACCEPTED, TOO_MANY_PREVIEWS};

/// Words in CamelCase in the operator's source that are no reasons of its own.
const WORDS: [&str; 15] = [
    // What others say, and we read.
    "False",
    "True",
    "Inactive",
    "Running",
    "NewReplicaSetAvailable",
    "ErrImagePull",
    "Error",
    "Failed",
    "ResolvedRefs",
    // Kinds, and values of fields.
    "ClusterIP",
    "Gateway",
    "In",
    "Ingress",
    "PathPrefix",
    "Prefix",
];

/// Reasons of the framework for kinds that a preview does not own.
const OF_OTHERS: [&str; 2] = [reason::JOB_FAILED, reason::NO_LOAD_BALANCER];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The source of an operator without its tests and samples, and without what it declares.
fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if !["samples.rs", "reasons.rs"].iter().any(|file| path.ends_with(file)) {
            let text = fs::read_to_string(path).unwrap();
            into.push(text.split("#[cfg(test)]").next().unwrap().to_owned());
        }
    }
}

/// Texts in quotes that are one word of letters, beginning with a capital one and not all in
/// capitals.
fn words(source: &str) -> Vec<&str> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let quoted = code.flat_map(|line| line.split('"').skip(1).step_by(2));
    let is_word = |text: &&str| {
        text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_alphabetic())
            && text.contains(|c: char| c.is_ascii_lowercase())
    };
    quoted.filter(is_word).collect()
}

/// What the operator of a kind declares: conditions and reasons.
fn declared(kind: &str) -> Vec<Explained> {
    let registry = operator::registry();
    let of_kind =
        registry.controllers().iter().filter(|controller| controller.resource().kind == kind);
    of_kind.flat_map(|controller| controller.reasons()).collect()
}

#[test]
fn every_reason_in_the_source_of_an_operator_is_declared_and_nothing_else_is() {
    let mut files = Vec::new();
    sources(&root().join("crates/operator/src/preview"), &mut files);
    files.push(fs::read_to_string(root().join("crates/operator/src/naming.rs")).unwrap());
    let declared = declared("PreviewEnvironment");
    let known = |word: &str| {
        declared.iter().any(|explained| [explained.reason, explained.condition].contains(&word))
    };
    // Some have their names where clients find them, too.
    let said = files.iter().flat_map(|source| words(source)).chain([
        HOST_CONFLICT,
        NOT_ACCEPTED,
        TOO_MANY_PREVIEWS,
    ]);
    let said: BTreeSet<&str> = said.filter(|word| !WORDS.contains(word)).collect();
    let missing: Vec<_> = said
        .iter()
        .filter(|word| !known(word) && reason::ALL.iter().all(|(name, _)| name != *word))
        .collect();
    assert!(
        missing.is_empty(),
        "{missing:?} are not declared: add them to crates/operator/src/preview/reasons.rs, or put what is no reason into WORDS here"
    );
    let unused: Vec<_> = declared
        .iter()
        .map(|explained| explained.reason)
        .filter(|reason| !said.contains(reason))
        .collect();
    assert!(
        unused.is_empty(),
        "{unused:?} are declared in crates/operator/src/preview/reasons.rs, and nothing says them"
    );
}

#[test]
fn every_reason_to_refuse_an_echo_is_declared() {
    let mut files = Vec::new();
    sources(&root().join("crates/operator/src/echo"), &mut files);
    files.push(fs::read_to_string(root().join("crates/operator/src/naming.rs")).unwrap());
    let refusals = files
        .iter()
        .flat_map(|source| source.split("Invalid::new(").skip(1))
        .map(|call| call.split('"').nth(1).unwrap());
    let said: BTreeSet<&str> = refusals.collect();
    assert_eq!(said, declared("Echo").iter().map(|explained| explained.reason).collect());
}

#[test]
fn every_reason_of_a_preview_has_an_entry_and_nothing_else_has() {
    let declared = declared("PreviewEnvironment");
    let of_framework =
        reason::ALL.iter().map(|(name, _)| *name).filter(|name| !OF_OTHERS.contains(name));
    let reasons: BTreeSet<&str> =
        declared.iter().map(|explained| explained.reason).chain(of_framework).collect();
    assert!(reasons.len() > 15, "{reasons:?}");

    let page = fs::read_to_string(root().join("docs/previews/troubleshooting.md")).unwrap();
    let explained: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    let missing: Vec<_> = reasons.iter().filter(|reason| !explained.contains(reason)).collect();
    assert!(
        missing.is_empty(),
        "{missing:?} have no entry: write `### `REASON`` in docs/previews/troubleshooting.md, with what to do"
    );
    let unknown: Vec<_> = explained.iter().filter(|reason| !reasons.contains(*reason)).collect();
    assert!(
        unknown.is_empty(),
        "{unknown:?} are explained in docs/previews/troubleshooting.md, and nothing says them"
    );
    for condition in declared.iter().map(|explained| explained.condition) {
        assert!(
            page.contains(&format!("\n## {condition}\n")),
            "the condition {condition} has no chapter"
        );
    }
}

#[test]
fn no_reason_is_explained_in_nothing_but_its_heading() {
    let page = fs::read_to_string(root().join("docs/previews/troubleshooting.md")).unwrap();
    for section in page.split("\n### ").skip(1) {
        let (heading, rest) = section.split_once('\n').unwrap();
        let words = rest.split("\n## ").next().unwrap().trim();
        assert!(words.len() > 40, "{heading}: {words:?}");
    }
}
