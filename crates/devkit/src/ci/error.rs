//! What a check can find, and what to do about it.

use std::io;
use std::path::PathBuf;

/// A check failed, or could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CiError {
    /// A step that does not exist was asked for.
    #[error("there is no step `{asked}`; there are: {known}")]
    UnknownStep {
        /// What was asked for.
        asked: String,
        /// The names of all.
        known: String,
    },
    /// A package depends on what it must not.
    #[error(
        "these packages must stay free of an async runtime and of an HTTP client, and are not:\n{found}"
    )]
    Impure {
        /// Each with the way that leads there.
        found: String,
    },
    /// Terms that are not allowed.
    #[error("not allowed by deny.toml:\n{found}")]
    Licences {
        /// What is not, a line each.
        found: String,
    },
    /// A licence expression that cannot be read.
    #[error("`{expression}` is not a licence expression (SPDX): {reason}")]
    Expression {
        /// What it says.
        expression: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// deny.toml cannot be read.
    #[error("{} cannot be read: {reason}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// cargo's answer cannot be understood.
    #[error("`cargo metadata` answered something that is not its format: {source}")]
    Metadata {
        /// Why.
        source: serde_json::Error,
    },
    /// Source files break the rules of `tidy`.
    #[error("{count} {}:\n{found}", if *.count == 1 { "problem" } else { "problems" })]
    Tidy {
        /// The number of problems.
        count: usize,
        /// Each problem with its file and line.
        found: String,
    },
    /// A source file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
