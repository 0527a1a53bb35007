//! Every reason is documented: each operator declares its own reasons for the API reference, and
//! `docs/previews/troubleshooting.md` explains exactly the reasons that a PreviewEnvironment can
//! have.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kubewright::core::reason::{self, Explained};
use operator_api::preview::{HOST_CONFLICT, NOT_ACCEPTED, TOO_MANY_PREVIEWS};

/// Words in CamelCase in the operator's source that are no reasons of the operator.
const WORDS: [&str; 15] = [
    // Values that other controllers write.
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
const OF_OTHER_KINDS: [&str; 2] = [reason::JOB_FAILED, reason::NO_LOAD_BALANCER];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The source of an operator without its tests, samples and declarations.
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

/// String literals of one word in CamelCase.
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

/// The conditions and reasons that the operator of a kind declares.
fn declared(kind: &str) -> Vec<Explained> {
    let registry = operator::registry();
    let of_kind =
        registry.controllers().iter().filter(|controller| controller.resource().kind == kind);
    of_kind.flat_map(|controller| controller.reasons()).collect()
}

#[test]
fn the_declared_reasons_of_a_preview_are_those_in_its_source() {
    let mut files = Vec::new();
    sources(&root().join("crates/operator/src/preview"), &mut files);
    files.push(fs::read_to_string(root().join("crates/operator/src/naming.rs")).unwrap());
    let declared = declared("PreviewEnvironment");
    let known = |word: &str| {
        declared.iter().any(|explained| [explained.reason, explained.condition].contains(&word))
    };
    // Some reasons are constants of the API crate.
    let used = files.iter().flat_map(|source| words(source)).chain([
        HOST_CONFLICT,
        NOT_ACCEPTED,
        TOO_MANY_PREVIEWS,
    ]);
    let used: BTreeSet<&str> = used.filter(|word| !WORDS.contains(word)).collect();
    let missing: Vec<_> = used
        .iter()
        .filter(|word| !known(word) && reason::ALL.iter().all(|(name, _)| name != *word))
        .collect();
    assert!(
        missing.is_empty(),
        "{missing:?} are not declared: add reasons to crates/operator/src/preview/reasons.rs, and other words to WORDS in this test"
    );
    let unused: Vec<_> = declared
        .iter()
        .map(|explained| explained.reason)
        .filter(|reason| !used.contains(reason))
        .collect();
    assert!(
        unused.is_empty(),
        "{unused:?} are declared in crates/operator/src/preview/reasons.rs, but the operator does not use them"
    );
}

#[test]
fn the_declared_reasons_of_an_echo_are_those_of_its_refusals() {
    let mut files = Vec::new();
    sources(&root().join("crates/operator/src/echo"), &mut files);
    files.push(fs::read_to_string(root().join("crates/operator/src/naming.rs")).unwrap());
    let refusals = files
        .iter()
        .flat_map(|source| source.split("Invalid::new(").skip(1))
        .map(|call| call.split('"').nth(1).unwrap());
    let used: BTreeSet<&str> = refusals.collect();
    assert_eq!(used, declared("Echo").iter().map(|explained| explained.reason).collect());
}

#[test]
fn the_troubleshooting_page_explains_exactly_the_reasons_of_a_preview() {
    let declared = declared("PreviewEnvironment");
    let of_framework =
        reason::ALL.iter().map(|(name, _)| *name).filter(|name| !OF_OTHER_KINDS.contains(name));
    let reasons: BTreeSet<&str> =
        declared.iter().map(|explained| explained.reason).chain(of_framework).collect();
    assert!(reasons.len() > 15, "{reasons:?}");

    let page = fs::read_to_string(root().join("docs/previews/troubleshooting.md")).unwrap();
    let headings: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    let missing: Vec<_> = reasons.iter().filter(|reason| !headings.contains(reason)).collect();
    assert!(
        missing.is_empty(),
        "{missing:?} have no entry: write `### `REASON`` in docs/previews/troubleshooting.md, with what to do"
    );
    let unknown: Vec<_> = headings.iter().filter(|reason| !reasons.contains(*reason)).collect();
    assert!(
        unknown.is_empty(),
        "{unknown:?} are explained in docs/previews/troubleshooting.md, but no operator declares them"
    );
    for condition in declared.iter().map(|explained| explained.condition) {
        assert!(
            page.contains(&format!("\n## {condition}\n")),
            "docs/previews/troubleshooting.md has no section for the condition {condition}"
        );
    }
}

#[test]
fn every_reason_has_an_explanation_below_its_heading() {
    let page = fs::read_to_string(root().join("docs/previews/troubleshooting.md")).unwrap();
    for section in page.split("\n### ").skip(1) {
        let (heading, rest) = section.split_once('\n').unwrap();
        let explanation = rest.split("\n## ").next().unwrap().trim();
        assert!(explanation.len() > 40, "{heading}: {explanation:?}");
    }
}
