//! Why the program ends with 1.

use std::path::PathBuf;

/// What went wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry itself has a defect.
    #[error(transparent)]
    Registry(#[from] kubewright_core::registry::RegistryError),
    /// Files could not be generated.
    #[error(transparent)]
    Manifests(#[from] kubewright_manifests::Error),
    /// The engine could not start, or ended badly.
    #[error(transparent)]
    Run(#[from] kubewright_runtime::RunError),
    /// A shard that cannot be.
    #[error(transparent)]
    Shard(#[from] kubewright_core::shard::ShardError),
    /// Nobody says which shard this is.
    #[error(
        "--shard-count without --shard-index takes the index from the name of the Pod, and neither POD_NAME nor HOSTNAME is \
         set; give --shard-index, or run it as a StatefulSet"
    )]
    NoPod,
    /// The name of the Pod does not say it.
    #[error(
        "--shard-count without --shard-index takes the index from the name of the Pod, and {0:?} does not end in -NUMBER; give \
         --shard-index, or run it as a StatefulSet"
    )]
    NoOrdinal(String),
    /// No threads to work with.
    #[error(
        "cannot start worker threads: {0}; look at the limits of the process (ulimit -u, pids of the container)"
    )]
    Threads(#[source] std::io::Error),
    /// Signals cannot be waited for.
    #[error("cannot wait for signals: {0}; without them there is no orderly end")]
    Signals(#[source] std::io::Error),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] std::io::Error),
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Input {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A folder without anything to read.
    #[error("there is no .yaml, .yml or .json file in {}", .0.display())]
    EmptyFolder(PathBuf),
    /// The documents have problems; each was told already.
    #[error("{} in {}; nothing was printed", count(*.problems, "problem"), count(*.documents, "document"))]
    Problems {
        /// How many problems.
        problems: usize,
        /// In how many documents.
        documents: usize,
    },
    /// Whether this kind is served is not asked.
    #[error("--served {asked}: no operator asks whether that is served; they ask for {known}")]
    NotAsked {
        /// What was written.
        asked: String,
        /// What is asked for.
        known: String,
    },
    /// Nothing to render.
    #[error("there is no resource of this program in the files; it reconciles {kinds}")]
    NothingToRender {
        /// What it reconciles.
        kinds: String,
    },
    /// An object cannot be written as YAML.
    #[error("{what}: {source}")]
    Yaml {
        /// Which object.
        what: String,
        /// Why.
        source: kubewright_manifests::yaml::WriteError,
    },
}

/// `1 problem`, `2 problems`.
fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
