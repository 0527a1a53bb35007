//! Compiling a program of the project, and where it is then. Running it is the callers' business.

use std::path::PathBuf;

use serde::Deserialize;

use crate::invocation::{Invocation, RunError};
use crate::terminal;

/// There is no program to run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// It does not compile.
    #[error("`{package}` does not compile; what the compiler said is above")]
    Build {
        /// The package.
        package: &'static str,
    },
    #[error(transparent)]
    Run(RunError),
    /// The package has none.
    #[error(
        "the package `{package}` has no program `{package}`; a Project names packages whose program is called as they are"
    )]
    NoBinary {
        /// The package.
        package: &'static str,
    },
}

/// A line of `cargo build --message-format=json`, as far as we read it.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Runs a `cargo build`, and says where the program of `package` is.
pub(crate) fn build(cargo: Invocation, package: &'static str) -> Result<PathBuf, ProgramError> {
    terminal::command(&cargo);
    // Errors and progress still go to standard error, for the person.
    let messages = cargo.arg("--message-format=json-render-diagnostics").capture_stdout().map_err(
        |error| match error {
            RunError::Failed { .. } => ProgramError::Build { package },
            other => ProgramError::Run(other),
        },
    )?;
    executable(&messages, package).ok_or(ProgramError::NoBinary { package })
}

fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    messages
        .filter(|message| message.target.as_ref().is_some_and(|target| target.name == name))
        .find_map(|m| m.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_one_of_the_package_among_all_that_cargo_reports() {
        let messages = r#"
            {"reason":"compiler-artifact","target":{"name":"build-script-build"},"executable":"/t/build-script"}
            {"reason":"compiler-artifact","target":{"name":"operator"},"executable":null}
            {"reason":"compiler-artifact","target":{"name":"operator"},"executable":"/t/debug/operator"}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "operator"), Some(PathBuf::from("/t/debug/operator")));
        assert_eq!(executable(messages, "other"), None);
    }
}
