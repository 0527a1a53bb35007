//! `test`: runs all tests of the workspace on a temporary control plane.

use std::path::Path;
use std::process::ExitCode;

use kubewright_testing::control_plane::{ControlPlane, Spec};

use crate::arguments::TestArguments;
use crate::cluster::{self, ClusterError};
use crate::interrupt::{EXIT_CODE, Interrupt, SignalError};
use crate::invocation::{Invocation, RunError, exit_code};
use crate::project::{Project, ProjectError};
use crate::terminal;

/// The tests cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TestError {
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Signals(#[from] SignalError),
}

/// The variable with the kubeconfig of that control plane. Without it tests start their own.
pub const KUBECONFIG_VARIABLE: &str = "KUBEWRIGHT_TEST_KUBECONFIG";
/// The prefix of control planes of test runs; the process id follows.
const NAME_PREFIX: &str = "test-";
/// Several nodes, for tests of scheduling.
const NODES: u32 = 3;

pub(crate) fn command(project: &Project, arguments: &TestArguments) -> Result<ExitCode, TestError> {
    run(&project.root()?, &arguments.arguments)
}

/// Compiles the tests, runs them on a control plane, and removes it. Returns the exit code of the
/// tests.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<ExitCode, TestError> {
    let interrupt = Interrupt::listen()?;
    // The compiler comes first, because the control plane would only wait for it.
    let (for_cargo, _) = split(arguments);
    let compile = cargo_test(root, &with(for_cargo, "--no-run"));
    terminal::command(&compile);
    if let Some(code) = failure(&compile, &interrupt)? {
        return Ok(code);
    }
    let name = format!("{NAME_PREFIX}{}", std::process::id());
    remove_leftovers();
    let outcome = on_cluster(root, arguments, &name, &interrupt);
    let removed = cluster::home().and_then(|home| Ok(ControlPlane::remove(&home, &name)?));
    let code = outcome?;
    removed?;
    Ok(code)
}

fn on_cluster(
    root: &Path,
    arguments: &[String],
    name: &str,
    interrupt: &Interrupt,
) -> Result<ExitCode, TestError> {
    let control_plane = cluster::bring_up(&Spec::new(name).nodes(NODES))?;
    if interrupt.requested() {
        return Ok(ExitCode::from(EXIT_CODE));
    }
    let kubeconfig = control_plane.kubeconfig().display().to_string();
    let test = cargo_test(root, arguments).env(KUBECONFIG_VARIABLE, kubeconfig);
    terminal::command(&test);
    Ok(failure(&test, interrupt)?.unwrap_or(ExitCode::SUCCESS))
}

/// Runs a command, and returns its exit code if it failed or if the user wants to stop.
fn failure(call: &Invocation, interrupt: &Interrupt) -> Result<Option<ExitCode>, TestError> {
    let status = call.status_until(interrupt)?;
    if interrupt.requested() {
        return Ok(Some(ExitCode::from(EXIT_CODE)));
    }
    Ok((!status.success()).then(|| exit_code(status)))
}

/// `cargo test` for the whole workspace, unless packages are named.
fn cargo_test(root: &Path, arguments: &[String]) -> Invocation {
    let (for_cargo, _) = split(arguments);
    let names_packages = |argument: &String| {
        argument == "--workspace"
            || ["-p", "--package", "--manifest-path"].iter().any(|name| argument.starts_with(name))
    };
    let all: &[&str] = if for_cargo.iter().any(names_packages) { &[] } else { &["--workspace"] };
    // All failures are reported, not only the first.
    let test = Invocation::cargo().args(["test", "--no-fail-fast"]).args(all.iter().copied());
    test.args(arguments.iter().map(String::as_str)).folder(root)
}

/// The arguments of cargo, and those of the test runner, which begin with `--`.
fn split(arguments: &[String]) -> (&[String], &[String]) {
    arguments
        .split_at(arguments.iter().position(|argument| argument == "--").unwrap_or(arguments.len()))
}

fn with(arguments: &[String], more: &str) -> Vec<String> {
    arguments.iter().cloned().chain([more.to_owned()]).collect()
}

/// Removes control planes of runs that were killed.
fn remove_leftovers() {
    let Ok(home) = cluster::home() else { return };
    for name in ControlPlane::list(&home) {
        let process = name.strip_prefix(NAME_PREFIX).and_then(|id| id.parse::<u32>().ok());
        if process.is_some_and(|id| !is_alive(id))
            && let Err(error) = ControlPlane::remove(&home, &name).map_err(ClusterError::from)
        {
            terminal::note(format_args!(
                "cannot remove the control plane `{name}` of an earlier run: {error}"
            ));
        }
    }
}

fn is_alive(process: u32) -> bool {
    let id = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    id.is_some_and(|id| rustix::process::test_kill_process(id) != Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(arguments: &[&str]) -> String {
        let arguments: Vec<String> =
            arguments.iter().map(|&argument| argument.to_owned()).collect();
        cargo_test(Path::new("/"), &arguments).to_string()
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_named() {
        assert_eq!(typed(&[]), "cargo test --no-fail-fast --workspace");
        assert_eq!(
            typed(&["drift", "--", "--nocapture"]),
            "cargo test --no-fail-fast --workspace drift -- --nocapture"
        );
        assert_eq!(typed(&["-p", "operator"]), "cargo test --no-fail-fast -p operator");
        for named in ["-poperator", "--package=operator", "--manifest-path=x", "--workspace"] {
            assert_eq!(typed(&[named]), format!("cargo test --no-fail-fast {named}"));
        }
        assert_eq!(typed(&["--", "-p"]), "cargo test --no-fail-fast --workspace -- -p");
    }

    #[test]
    fn only_the_arguments_of_cargo_are_used_to_compile() {
        let arguments = ["-p", "operator", "--", "--nocapture"].map(str::to_owned);
        let (for_cargo, for_tests) = split(&arguments);
        assert_eq!(with(for_cargo, "--no-run"), ["-p", "operator", "--no-run"]);
        assert_eq!(for_tests, ["--", "--nocapture"]);
    }

    #[test]
    fn the_exit_code_is_the_same_whether_a_signal_ends_the_compiler_or_the_tests() {
        let interrupt = Interrupt::terminated_for_test();
        let code = failure(&Invocation::new("sleep").arg("600"), &interrupt);
        assert_eq!(code.ok(), Some(Some(ExitCode::from(EXIT_CODE))));
    }

    #[test]
    fn this_process_is_alive() {
        assert!(is_alive(std::process::id()));
        assert!(!is_alive(0x7fff_fff0));
    }
}
