//! The steps of CI as data: what is done, in which order.

use super::error::CiError;
use crate::invocation::Invocation;
use crate::project::Project;

/// A step.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// What `--only` calls it.
    pub(super) name: &'static str,
    /// What it proves.
    pub(super) about: &'static str,
    pub(super) action: Action,
}

/// What a step does.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Other programs, each of which must succeed.
    Commands(Vec<Invocation>),
    /// Something of ours.
    Check(Check),
}

/// The checks that are ours.
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
    /// The commands, as one would type them.
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

/// All steps: what takes a second first, the tests last.
pub(super) fn all(project: &Project) -> Vec<Step> {
    let cargo = |arguments: &[&str]| Invocation::cargo().args(arguments.iter().copied());
    let run = |name, about, calls| Step { name, about, action: Action::Commands(calls) };
    let check = |name, about, check| Step { name, about, action: Action::Check(check) };
    let alone = project
        .alone
        .iter()
        .map(|package| cargo(&["check", "--locked", "--package", package]))
        .collect();
    vec![
        run("fmt", "the code is formatted", vec![cargo(&["fmt", "--all", "--check"])]),
        check("tidy", "no source file is too long, and each says what lives there", Check::Tidy),
        check("dependencies", "what must be free of I/O is", Check::Dependencies),
        check(
            "licences",
            "every dependency comes from a registry, under terms that are allowed",
            Check::Licences,
        ),
        check("advisories", "no dependency has a known vulnerability", Check::Advisories),
        check("generated", "the generated files are what the types say", Check::Generated),
        run(
            "clippy",
            "no lint has anything to say",
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
            "the documentation has no warning",
            vec![
                cargo(&["doc", "--locked", "--workspace", "--no-deps"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            ],
        ),
        run("alone", "libraries compile without the rest of the workspace", alone),
        check("test", "every test passes", Check::Tests),
    ]
}

/// The steps with these names, in their own order; all, if there are none.
pub(super) fn chosen(steps: Vec<Step>, only: &[String]) -> Result<Vec<Step>, CiError> {
    if let Some(asked) =
        only.iter().find(|name| steps.iter().all(|step| step.name != name.as_str()))
    {
        let known: Vec<&str> = steps.iter().map(|step| step.name).collect();
        return Err(CiError::UnknownStep { step: asked.clone(), known: known.join(", ") });
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
        Project::new(Registry::new("x"), "operator").pure(["core"]).alone(["core", "api"])
    }

    #[test]
    fn these_are_the_steps() {
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
        alone: cargo check --locked --package core && cargo check --locked --package api
        test: cargo xtask test
        ");
    }

    #[test]
    fn steps_can_be_chosen_and_keep_their_order() {
        let only = ["test".to_owned(), "fmt".to_owned()];
        let names: Vec<&str> =
            chosen(all(&project()), &only).unwrap().iter().map(|step| step.name).collect();
        assert_eq!(names, ["fmt", "test"]);
    }

    #[test]
    fn a_step_that_does_not_exist_is_answered_with_those_that_do() {
        let error = chosen(all(&project()), &["lint".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("there is no step `lint`; there are: fmt, tidy,"), "{error}");
    }
}
