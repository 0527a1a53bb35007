//! The steps of CI as data, in their order.

use super::error::CiError;
use crate::invocation::Invocation;
use crate::project::Project;

/// A step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The name for `--only`.
    pub(super) name: &'static str,
    /// What the step checks.
    pub(super) about: &'static str,
    pub(super) action: Action,
}

/// The work of a step.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Programs that must all succeed.
    Commands(Vec<Invocation>),
    /// A check of this crate.
    Check(Check),
}

/// The checks of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    Generated,
    Dependencies,
    Licences,
    Advisories,
    Tidy,
    Tests,
}

impl Action {
    /// The commands to repeat the step.
    pub(super) fn shown(&self) -> Vec<String> {
        match self {
            Self::Commands(calls) => calls.iter().map(ToString::to_string).collect(),
            Self::Check(Check::Generated) => vec!["cargo xtask gen --check".to_owned()],
            Self::Check(Check::Tests) => vec!["cargo xtask test".to_owned()],
            Self::Check(Check::Dependencies) => {
                vec!["cargo xtask ci --only dependencies".to_owned()]
            }
            Self::Check(Check::Licences) => vec!["cargo xtask ci --only licences".to_owned()],
            Self::Check(Check::Advisories) => vec!["cargo xtask ci --only advisories".to_owned()],
            Self::Check(Check::Tidy) => vec!["cargo xtask ci --only tidy".to_owned()],
        }
    }
}

/// All steps: the fast ones first, the tests last.
pub(super) fn all(project: &Project) -> Vec<Step> {
    let cargo = |arguments: &[&str]| Invocation::cargo().args(arguments.iter().copied());
    let run = |name, about, calls| Step { name, about, action: Action::Commands(calls) };
    let check = |name, about, check| Step { name, about, action: Action::Check(check) };
    let standalone = project
        .standalone
        .iter()
        .map(|package| cargo(&["check", "--locked", "--package", package]))
        .collect();
    vec![
        run("fmt", "the code is formatted", vec![cargo(&["fmt", "--all", "--check"])]),
        check("tidy", "source files follow the rules for lines, words and imports", Check::Tidy),
        check("dependencies", "pure packages do not depend on I/O", Check::Dependencies),
        check(
            "licences",
            "every dependency comes from a registry and has an allowed licence",
            Check::Licences,
        ),
        check("advisories", "no dependency has a known vulnerability", Check::Advisories),
        check("generated", "the generated files are up to date", Check::Generated),
        run(
            "clippy",
            "clippy reports no lint",
            vec![cargo(&[
                "clippy",
                "--locked",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ])],
        ),
        run(
            "doc",
            "rustdoc reports no warning",
            vec![
                cargo(&["doc", "--locked", "--workspace", "--no-deps"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            ],
        ),
        run("standalone", "libraries compile without the rest of the workspace", standalone),
        check("test", "all tests pass", Check::Tests),
    ]
}

/// The steps with these names, in the order of all steps; without names all steps.
pub(super) fn chosen(steps: Vec<Step>, only: &[String]) -> Result<Vec<Step>, CiError> {
    if let Some(unknown) =
        only.iter().find(|name| steps.iter().all(|step| step.name != name.as_str()))
    {
        let known: Vec<&str> = steps.iter().map(|step| step.name).collect();
        return Err(CiError::UnknownStep { step: unknown.clone(), known: known.join(", ") });
    }
    Ok(steps
        .into_iter()
        .filter(|step| only.is_empty() || only.iter().any(|name| name == step.name))
        .collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kubewright_core::Registry;

    use super::*;

    fn project() -> Project {
        Project::new(Registry::new("x"), "operator").pure(["core"]).standalone(["core", "api"])
    }

    #[test]
    fn all_steps_and_their_commands() {
        let steps: Vec<String> = all(&project())
            .iter()
            .map(|s| format!("{}: {}", s.name, s.action.shown().join(" && ")))
            .collect();
        insta::assert_snapshot!(steps.join("\n"), @r"
        fmt: cargo fmt --all --check
        tidy: cargo xtask ci --only tidy
        dependencies: cargo xtask ci --only dependencies
        licences: cargo xtask ci --only licences
        advisories: cargo xtask ci --only advisories
        generated: cargo xtask gen --check
        clippy: cargo clippy --locked --workspace --all-targets -- -D warnings
        doc: RUSTDOCFLAGS='-D warnings' cargo doc --locked --workspace --no-deps
        standalone: cargo check --locked --package core && cargo check --locked --package api
        test: cargo xtask test
        ");
    }

    #[test]
    fn chosen_steps_keep_their_order() {
        let only = ["test".to_owned(), "fmt".to_owned()];
        let names: Vec<&str> =
            chosen(all(&project()), &only).unwrap().iter().map(|step| step.name).collect();
        assert_eq!(names, ["fmt", "test"]);
    }

    #[test]
    fn the_error_for_an_unknown_step_lists_all_steps() {
        let error = chosen(all(&project()), &["lint".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("there is no step `lint`; the steps are: fmt, tidy,"), "{error}");
    }
}
