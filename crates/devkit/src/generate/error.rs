//! Errors of `gen` and its parts.

use std::io;
use std::path::PathBuf;

use kubewright_manifests as manifests;

use crate::project::ProjectError;

/// Generated files cannot be generated, read or written.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The project's folder cannot be found.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A file cannot be generated.
    #[error(transparent)]
    Manifests(#[from] manifests::artifact::Error),
    /// A file or folder cannot be used.
    #[error("cannot use {}: {source}; fix it and try again", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Files are out of date.
    #[error(
        "{count} generated {} out of date; run `{command}`",
        if *.count == 1 { "file is" } else { "files are" }
    )]
    Stale {
        /// The number of files.
        count: usize,
        /// The command that writes them.
        command: &'static str,
    },
}
