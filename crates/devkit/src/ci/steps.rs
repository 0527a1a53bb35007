//! The steps of CI as data, in their order.

use std::path::Path;
use std::process::ExitCode;

use super::error::CiError;
use super::{advisories, dependencies, licences, tidy};
use crate::generate::{self, Scope};
use crate::invocation::Invocation;
use crate::project::Project;
use crate::{terminal, test};

/// A step.
pub(super) struct Step<'a> {
    /// The name for `--only`.
    pub(super) name: &'static str,
    /// What the step checks.
    pub(super) about: &'static str,
    /// The commands to repeat the step.
    pub(super) shown: Vec<String>,
    /// Prints the commands, and returns details for the summary.
    pub(super) run: Box<dyn Fn() -> Result<String, CiError> + 'a>,
}

/// A step of programs that must all succeed.
fn programs<'a>(name: &'static str, about: &'static str, calls: Vec<Invocation>) -> Step<'a> {
    let shown = calls.iter().map(ToString::to_string).collect();
    let run = move || {
        calls.iter().try_for_each(Invocation::show_and_run)?;
        Ok(String::new())
    };
    Step { name, about, shown, run: Box::new(run) }
}

/// A check of this crate.
fn check<'a>(
    name: &'static str,
    about: &'static str,
    command: &'static str,
    run: impl Fn() -> Result<String, CiError> + 'a,
) -> Step<'a> {
    let run = move || {
        terminal::command(command);
        run()
    };
    Step { name, about, shown: vec![command.to_owned()], run: Box::new(run) }
}

/// All steps: the fast ones first, the tests last. `tidy` checks only the folder `within`.
pub(super) fn all<'a>(project: &'a Project, root: &'a Path, within: &'a Path) -> Vec<Step<'a>> {
    let cargo =
        |arguments: &[&str]| Invocation::cargo().args(arguments.iter().copied()).folder(root);
    let standalone = project
        .standalone
        .iter()
        .map(|package| cargo(&["check", "--locked", "--package", package]))
        .collect();
    let clippy = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let doc = cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
    vec![
        programs("fmt", "the code is formatted", vec![cargo(&["fmt", "--all", "--check"])]),
        check(
            "tidy",
            "source files follow the rules for lines, words and imports",
            "cargo xtask ci --only tidy",
            || Ok(tidy::check(root, within, &project.words)?),
        ),
        check(
            "dependencies",
            "pure packages do not depend on I/O",
            "cargo xtask ci --only dependencies",
            || dependencies::check(root, &project.pure),
        ),
        check(
            "licences",
            "every dependency comes from a registry and has an allowed licence",
            "cargo xtask ci --only licences",
            || licences::check(root),
        ),
        check(
            "advisories",
            "no dependency has a known vulnerability",
            "cargo xtask ci --only advisories",
            || advisories::check(root),
        ),
        check("generated", "the generated files are up to date", "cargo xtask gen --check", || {
            generate::command(project, Scope::All, true)?;
            Ok(String::new())
        }),
        programs("clippy", "clippy reports no lint", vec![cargo(&clippy)]),
        programs("doc", "rustdoc reports no warning", vec![doc.env("RUSTDOCFLAGS", "-D warnings")]),
        programs("standalone", "libraries compile without the rest of the workspace", standalone),
        check("test", "all tests pass", "cargo xtask test", || match test::run(root, &[])? {
            ExitCode::SUCCESS => Ok(String::new()),
            _ => Err(CiError::Tests),
        }),
    ]
}

/// The steps with these names, in the order of all steps; without names all steps.
pub(super) fn chosen<'a>(steps: Vec<Step<'a>>, only: &[String]) -> Result<Vec<Step<'a>>, CiError> {
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

    fn all(project: &Project) -> Vec<Step<'_>> {
        super::all(project, Path::new("/"), Path::new(""))
    }

    #[test]
    fn all_steps_and_their_commands() {
        let steps: Vec<String> = all(&project())
            .iter()
            .map(|s| format!("{}: {}", s.name, s.shown.join(" && ")))
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
        let project = project();
        let names: Vec<&str> =
            chosen(all(&project), &only).unwrap().iter().map(|step| step.name).collect();
        assert_eq!(names, ["fmt", "test"]);
    }

    #[test]
    fn the_error_for_an_unknown_step_lists_all_steps() {
        let project = project();
        let error = chosen(all(&project), &["lint".to_owned()]).err().unwrap().to_string();
        assert!(error.starts_with("there is no step `lint`; the steps are: fmt, tidy,"), "{error}");
    }
}
