//! Errors of `dev`, each with a remedy.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use kubewright_testing::home::HomeError;

use crate::cluster::ClusterError;
use crate::generate::GenerateError;
use crate::interrupt::SignalError;
use crate::invocation::RunError;
use crate::program::ProgramError;
use crate::project::ProjectError;

/// The development session cannot continue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevError {
    #[error("cannot start the operator {}: {source}", .binary.display())]
    NotStarted { binary: PathBuf, source: io::Error },
    #[error(
        "the operator exited ({status}); the end of its log, {}:\n{last_lines}",
        .log.display()
    )]
    Crashed { status: ExitStatus, log: PathBuf, last_lines: String },
    #[error(
        "`cargo xtask dev` already runs on the control plane `{name}`; \
         stop it, or choose another --name"
    )]
    AlreadyRunning { name: String },
    #[error("cannot use {}: {source}; fix it and try again", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot record the operator's process in the lock file: {source}; free some space")]
    Record { source: io::Error },
    #[error("the output of kubectl is not a list of objects: {source}")]
    Json { source: serde_json::Error },
    #[error(
        "not ready after {seconds} s (change the limit with --timeout):\n{waiting}\n\
         The end of the operator's log, {}:\n{last_lines}",
        .log.display()
    )]
    Timeout { seconds: u64, waiting: String, log: PathBuf, last_lines: String },
    #[error("{first}\nThe control plane was not removed: {error}; repeat it with `{command}`")]
    NotRemoved { first: Box<DevError>, error: ClusterError, command: String },
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Generate(#[from] GenerateError),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Signals(#[from] SignalError),
}
