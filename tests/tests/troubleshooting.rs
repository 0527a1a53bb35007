//! Every reason is documented: each operator declares its own reasons for the API reference, and
//! `docs/previews/troubleshooting.md` explains exactly the reasons that a PreviewEnvironment can
//! have.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kubewright::reason;
use operator_api::preview::{HOST_CONFLICT, NOT_ACCEPTED, POLICY_NOT_READABLE, TOO_MANY_PREVIEWS};

/// Words in CamelCase in the operator's source that are no reasons of the operator.
const WORDS: [&str; 18] = [
    // Values that other controllers write.
    "False",
    "True",
    "Inactive",
    "Running",
    "NewReplicaSetAvailable",
    "ErrImagePull",
    "Error",
    "Failed",
    "PodInitializing",
    "ResolvedRefs",
    // Kinds, and values of fields.
    "ClusterIP",
    "Gateway",
    "In",
    "Ingress",
    "PathPrefix",
    "Prefix",
    "PreviewEnvironment",
    "RollingUpdate",
];

/// Reasons of the framework for kinds that a preview does not own.
const OF_OTHER_KINDS: [&str; 2] = [reason::JOB_FAILED, reason::NO_LOAD_BALANCER];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The code of a source file, without comments and tests.
fn read_code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap().lines();
    code.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The code of an operator without its samples.
fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if !path.ends_with("samples.rs") {
            into.push(read_code(&path));
        }
    }
}

/// A string literal, and the code around it.
struct Literal<'a> {
    before: &'a str,
    text: &'a str,
    after: &'a str,
}

fn literals(source: &str) -> Vec<Literal<'_>> {
    let mut literals = Vec::new();
    let mut from = 0;
    while let Some(open) = source[from..].find('"').map(|at| from + at) {
        if source[..open].ends_with('\'') {
            // The character literal of a quotation mark.
            from = open + 1;
            continue;
        }
        let mut escaped = false;
        let ends = |c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        };
        let Some(length) = source[open + 1..].find(ends) else { break };
        let close = open + 1 + length;
        let (before, after) = (&source[..open], &source[close + 1..]);
        literals.push(Literal { before, text: &source[open + 1..close], after });
        from = close + 1;
    }
    literals
}

impl Literal<'_> {
    /// Whether this is the reason in `("Reason", "meaning")`. In a declaration, no name stands
    /// before the parenthesis.
    fn is_declaration(&self) -> bool {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '!');
        let opens_tuple = |before: &str| !before.ends_with(is_name);
        let is_first = self.before.trim_end().strip_suffix('(').is_some_and(opens_tuple);
        let meaning = self.after.trim_start().strip_prefix(',').map(str::trim_start);
        is_first && meaning.is_some_and(|meaning| meaning.starts_with('"'))
    }

    /// Whether the text is one word in CamelCase.
    fn is_camel_case(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_uppercase())
            && self.text.chars().all(|c| c.is_ascii_alphabetic())
            && self.text.contains(|c: char| c.is_ascii_lowercase())
    }
}

/// The words in CamelCase that the code uses, without those that it only declares.
fn words(source: &str) -> Vec<&str> {
    let used = literals(source).into_iter().filter(|literal| !literal.is_declaration());
    used.filter(Literal::is_camel_case).map(|literal| literal.text).collect()
}

/// The reasons of refusals: `Invalid::new("Reason", ..)` and `.or_invalid("Reason")`.
fn refusals(source: &str) -> Vec<&str> {
    let is_refusal = |literal: &Literal<'_>| {
        let call = literal.before.trim_end();
        call.ends_with("Invalid::new(") || call.ends_with(".or_invalid(")
    };
    literals(source).into_iter().filter(is_refusal).map(|literal| literal.text).collect()
}

/// The conditions and reasons that the operator of a kind declares.
fn declared(kind: &str) -> Vec<(&'static str, &'static str)> {
    let registry = operator::registry();
    let controllers = registry.controllers().iter();
    let conditions = controllers
        .filter(|controller| controller.resource().kind == kind)
        .flat_map(|controller| controller.conditions());
    conditions
        .flat_map(|condition| {
            condition.reasons().iter().map(|(reason, _)| (condition.name(), *reason))
        })
        .collect()
}

#[test]
fn declarations_do_not_count_as_uses_of_a_reason() {
    let source = r#"
        const A: T = T::new("Accepted", &[("Yes", "it is"), ("No", "it is \"not\"")]);
        let quote = '"';
        Invalid::new("TooBig", "too big"); x.or_invalid(
            "NotANumber",
        )?; f("Yes", 'x');
    "#;
    assert_eq!(words(source), ["Accepted", "TooBig", "NotANumber", "Yes"]);
    assert_eq!(refusals(source), ["TooBig", "NotANumber"]);
}

/// The code of one operator, and of what the operators share.
fn code_of(folder: &str) -> Vec<String> {
    let root = root().join("crates/operator/src");
    let mut files = vec![read_code(&root.join("naming.rs"))];
    sources(&root.join(folder), &mut files);
    files
}

#[test]
fn the_declared_reasons_of_a_preview_are_those_in_its_code() {
    let files = code_of("preview");
    let declared = declared("PreviewEnvironment");
    let is_declared = |word: &str| {
        declared.iter().any(|(condition, reason)| [*condition, *reason].contains(&word))
    };
    // Some reasons are constants of the API crate.
    let constants = [HOST_CONFLICT, NOT_ACCEPTED, POLICY_NOT_READABLE, TOO_MANY_PREVIEWS];
    let used: BTreeSet<&str> = files.iter().flat_map(|code| words(code)).chain(constants).collect();
    let is_of_framework = |word: &str| reason::ALL.iter().any(|(name, _)| *name == word);
    let missing: Vec<_> = used
        .iter()
        .filter(|word| !WORDS.contains(word) && !is_declared(word) && !is_of_framework(word))
        .collect();
    assert!(
        missing.is_empty(),
        "{missing:?} are not declared: add reasons to a ConditionType in CONDITIONS of the \
         operator, and other words to WORDS in this test"
    );
    let reasons = declared.iter().map(|(_, reason)| reason);
    let unused: Vec<_> = reasons.filter(|reason| !used.contains(*reason)).collect();
    assert!(unused.is_empty(), "{unused:?} are in CONDITIONS, but the operator does not use them");
}

#[test]
fn the_declared_reasons_of_a_policy_are_those_in_its_code() {
    let files = code_of("policy");
    let used: BTreeSet<&str> = files.iter().flat_map(|code| words(code)).collect();
    for (condition, reason) in declared("PreviewPolicy") {
        assert!(used.contains(reason), "{reason} of {condition} is not used");
    }
    let page = fs::read_to_string(root().join("docs/previews/policies.md")).unwrap();
    for (condition, reason) in declared("PreviewPolicy") {
        assert!(page.contains(condition) || page.contains(reason), "{condition} {reason}");
    }
}

#[test]
fn the_declared_reasons_of_an_echo_are_those_of_its_refusals() {
    let files = code_of("echo");
    let used: BTreeSet<&str> = files.iter().flat_map(|code| refusals(code)).collect();
    assert_eq!(used, declared("Echo").iter().map(|(_, reason)| *reason).collect());
}

#[test]
fn the_troubleshooting_page_explains_exactly_the_reasons_of_a_preview() {
    let declared = declared("PreviewEnvironment");
    let of_framework =
        reason::ALL.iter().map(|(name, _)| *name).filter(|name| !OF_OTHER_KINDS.contains(name));
    let reasons: BTreeSet<&str> =
        declared.iter().map(|(_, reason)| *reason).chain(of_framework).collect();
    assert!(reasons.len() > 15, "{reasons:?}");

    let page = fs::read_to_string(root().join("docs/previews/troubleshooting.md")).unwrap();
    let headings: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    let missing: Vec<_> = reasons.iter().filter(|reason| !headings.contains(reason)).collect();
    assert!(
        missing.is_empty(),
        "{missing:?} have no entry: write `### `REASON`` in docs/previews/troubleshooting.md, \
         with what to do"
    );
    let unknown: Vec<_> = headings.iter().filter(|reason| !reasons.contains(*reason)).collect();
    assert!(
        unknown.is_empty(),
        "{unknown:?} are explained in docs/previews/troubleshooting.md, but no operator \
         declares them"
    );
    for (condition, _) in declared {
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
