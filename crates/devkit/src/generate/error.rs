//! Errors of `gen` and its parts.

use std::io;
use std::path::PathBuf;

use kubewright_manifests as manifests;

use crate::project::ProjectError;

/// Generated files could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The project's folder cannot be found.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// They cannot be made.
    #[error(transparent)]
    Manifests(#[from] manifests::artifact::Error),
    /// A file or folder.
    #[error("cannot use {}: {source}; mend it and try again", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The files are not what the types say.
    #[error("{count} generated {} not what the types say; run `{command}`", if *.count == 1 { "file is" } else { "files are" })]
    Stale {
        /// How many.
        count: usize,
        /// What to run.
        command: &'static str,
    },
}
