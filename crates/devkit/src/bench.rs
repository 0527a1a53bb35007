//! `bench`: builds the release of the operator and the project's bench, and runs the bench. Its
//! first arguments are `--operator FILE`, the path of the operator.

use std::path::Path;
use std::process::ExitCode;

use crate::arguments::BenchArguments;
use crate::interrupt::{Interrupt, SignalError};
use crate::invocation::{Invocation, RunError, exit_code};
use crate::program::{self, ProgramError};
use crate::project::{Project, ProjectError};

/// The bench cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error(
        "this project has no bench: name its package with `Project::bench` in xtask/src/main.rs"
    )]
    NoBench,
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Signals(#[from] SignalError),
}

pub(crate) fn command(
    project: &Project,
    arguments: &BenchArguments,
) -> Result<ExitCode, BenchError> {
    let package = project.bench.ok_or(BenchError::NoBench)?;
    // The bench receives the same signal and removes its control planes; this process waits for it.
    let interrupt = Interrupt::listen()?;
    let root = project.root()?;
    // Two builds: in one build the operator would get the features that the bench enables.
    let operator = program::build(release(&root, project.operator), project.operator)?;
    let bench = program::build(release(&root, package), package)?;
    // The bench runs in the current folder, because its arguments may contain relative paths.
    Ok(exit_code(call(&bench, &operator, &arguments.arguments).status_until(&interrupt)?))
}

fn release(root: &Path, package: &str) -> Invocation {
    Invocation::cargo()
        .args(["build", "--release", "--package", package, "--bin", package])
        .folder(root)
}

fn call(bench: &Path, operator: &Path, arguments: &[String]) -> Invocation {
    let call =
        Invocation::new(bench.to_string_lossy()).arg("--operator").arg(operator.to_string_lossy());
    call.args(arguments.iter().map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operator_is_built_alone_in_release_mode() {
        let call = release(Path::new("/"), "operator").to_string();
        assert_eq!(call, "cargo build --release --package operator --bin operator");
    }

    #[test]
    fn the_bench_receives_the_path_of_the_operator_and_all_arguments() {
        let arguments = ["--quick", "--rows", "1,2"].map(str::to_owned);
        let call = call(Path::new("/t/bench"), Path::new("/t/operator"), &arguments).to_string();
        assert_eq!(call, "/t/bench --operator /t/operator --quick --rows 1,2");
    }
}
