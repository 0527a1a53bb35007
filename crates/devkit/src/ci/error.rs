//! Errors of `ci`, each with a remedy.

use std::path::PathBuf;

use super::tidy::TidyError;
use crate::generate::GenerateError;
use crate::invocation::RunError;
use crate::project::ProjectError;
use crate::test::TestError;

/// A check failed or cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CiError {
    #[error("there is no step `{step}`; the steps are: {known}")]
    UnknownStep { step: String, known: String },
    #[error("these packages must not depend on an async runtime or an HTTP client:\n{found}")]
    Impure { found: String },
    #[error("deny.toml does not allow:\n{found}")]
    Licences { found: String },
    #[error("`{expression}` is not a licence expression (SPDX): {reason}")]
    Expression { expression: String, reason: &'static str },
    #[error("cannot read {}: {reason}", .path.display())]
    Config { path: PathBuf, reason: String },
    #[error("cannot read the output of `cargo metadata`: {source}")]
    Metadata { source: serde_json::Error },
    #[error("a test failed; see its output above")]
    Tests,
    #[error(transparent)]
    Tidy(#[from] TidyError),
    #[error(transparent)]
    Generate(#[from] GenerateError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Test(#[from] TestError),
}
