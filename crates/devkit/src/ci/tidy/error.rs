//! Errors of `tidy`.

use std::io;
use std::path::PathBuf;

/// Files break the rules, or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TidyError {
    /// Files break the rules.
    #[error("{count} {}:\n{found}", if *.count == 1 { "problem" } else { "problems" })]
    Problems {
        /// The number of problems.
        count: usize,
        /// Each problem with its file and line.
        found: String,
    },
    /// No file of the folder is checked.
    #[error("no file to check in {}; pass a folder of the project", .folder.display())]
    NoFiles {
        /// The folder.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}
