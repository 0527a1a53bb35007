//! What can go wrong in a development session, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// The development session could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// The operator could not be started.
    #[error("the operator, {}, could not be started: {source}", .binary.display())]
    NotStarted {
        /// The program.
        binary: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The operator ended by itself.
    #[error("the operator ended by itself ({status}); the end of its log, {}:\n{last_lines}", .log.display())]
    Crashed {
        /// How it ended.
        status: ExitStatus,
        /// Where its log is.
        log: PathBuf,
        /// The last lines of it.
        last_lines: String,
    },
    /// Somebody else runs an operator there.
    #[error(
        "`cargo xtask dev` runs already on the control plane `{name}`; stop it, or give this one a --name of its own"
    )]
    Taken {
        /// Which cluster.
        name: String,
    },
    /// A file of the session.
    #[error("cannot use {}: {source}; mend it and try again", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// kubectl's answer cannot be understood.
    #[error("kubectl answered something that is not a list of objects: {source}")]
    Json {
        /// Why.
        source: serde_json::Error,
    },
    /// The samples take too long.
    #[error(
        "not ready within {seconds} s (--timeout allows for more):\n{waiting}\nThe end of the operator's log, {}:\n{last_lines}",
        .log.display()
    )]
    Timeout {
        /// For how long we waited.
        seconds: u64,
        /// What is not ready, a line each.
        waiting: String,
        /// Where the operator's log is.
        log: PathBuf,
        /// The last lines of it.
        last_lines: String,
    },
}
