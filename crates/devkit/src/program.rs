//! Compiles a program of the project and finds its executable.

use std::path::PathBuf;

use serde::Deserialize;

use crate::invocation::{Invocation, RunError};
use crate::terminal;

/// A program cannot be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    #[error("cannot compile `{package}`; see the compiler's messages above")]
    Build { package: &'static str },
    #[error(transparent)]
    Run(RunError),
    #[error(
        "the package `{package}` has no program with the same name: \
         a package of a `Project` needs one"
    )]
    NoBinary { package: &'static str },
}

/// The used part of a line of `cargo build --message-format=json`.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Runs a `cargo build` and returns the executable of `package`.
pub(crate) fn build(cargo: Invocation, package: &'static str) -> Result<PathBuf, ProgramError> {
    terminal::command(&cargo);
    // Errors and progress are still printed to standard error.
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
    fn the_executable_of_the_package_is_found_in_the_messages_of_cargo() {
        let messages = r#"
            {"target":{"name":"build-script-build"},"executable":"/t/build-script"}
            {"target":{"name":"operator"},"executable":null}
            {"target":{"name":"operator"},"executable":"/t/debug/operator"}
            {"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "operator"), Some(PathBuf::from("/t/debug/operator")));
        assert_eq!(executable(messages, "other"), None);
    }
}
