//! Errors that end the program with exit code 1.

use std::path::PathBuf;

/// Why a subcommand of a program's own failed.
pub type CommandError = Box<dyn std::error::Error + Send + Sync>;

/// Failure of a subcommand.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry is invalid.
    #[error(transparent)]
    Registry(#[from] kubewright_core::RegistryError),
    /// A subcommand of the program's own failed.
    #[error(transparent)]
    Command(CommandError),
    /// Generation of files failed.
    #[error(transparent)]
    Manifests(#[from] kubewright_manifests::Error),
    /// The engine failed to start or to run.
    #[error(transparent)]
    Run(#[from] kubewright_runtime::RunError),
    /// The shard number is invalid.
    #[error(transparent)]
    Shard(#[from] kubewright_core::internals::shard::ShardError),
    /// Neither the flag nor the environment contains the shard index.
    #[error(
        "the shard index is unknown: neither POD_NAME nor HOSTNAME contains a Pod name; pass \
         --shard-index, or run the program as a StatefulSet"
    )]
    NoPod,
    /// The Pod name does not end in the shard index.
    #[error(
        "the shard index is unknown: the Pod name {0:?} does not end in -NUMBER; pass \
         --shard-index, or run the program as a StatefulSet"
    )]
    NoOrdinal(String),
    /// Worker threads cannot start.
    #[error(
        "cannot start worker threads: {0}; check the process limits (ulimit -u, container pids)"
    )]
    Threads(#[source] std::io::Error),
    /// Signal handlers cannot be installed.
    #[error("cannot install signal handlers, which the shutdown needs: {0}")]
    Signals(#[source] std::io::Error),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] std::io::Error),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Input {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A folder contains no file to read.
    #[error("the folder {} contains no .yaml, .yml or .json file", .0.display())]
    EmptyFolder(PathBuf),
    /// The documents have problems, which were already printed.
    #[error(
        "{} in {}; nothing was printed",
        count(*.problems, "problem"),
        count(*.documents, "document")
    )]
    Problems {
        /// Number of problems.
        problems: usize,
        /// Number of documents with problems.
        documents: usize,
    },
    /// No operator uses the kind of `--served` as an optional kind.
    #[error(
        "--served {name}: not an optional kind of this program; its optional kinds are {known}"
    )]
    UnknownOptionalKind {
        /// Value of the flag.
        name: String,
        /// Optional kinds of the program.
        known: String,
    },
    /// The files contain no resource of the program.
    #[error("the files contain no resource of this program, which reconciles {kinds}")]
    NothingToRender {
        /// Reconciled kinds.
        kinds: String,
    },
    /// An object cannot be written as YAML.
    #[error("{object}: {source}")]
    Yaml {
        /// Kind and key of the object.
        object: String,
        /// Cause.
        source: kubewright_manifests::yaml::WriteError,
    },
}

/// `1 problem`, `2 problems`.
fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
