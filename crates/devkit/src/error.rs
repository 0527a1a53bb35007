//! Whatever can end a command. Each module has its own error; here they only meet.

use crate::cluster::ClusterError;
use crate::dev::DevError;
use crate::generate::GenerateError;
use crate::invocation::RunError;
use crate::project::ProjectError;

/// A command could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The project's folder.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// Generated files.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The local control plane.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The development session.
    #[error(transparent)]
    Dev(#[from] DevError),
    /// Another program.
    #[error(transparent)]
    Run(#[from] RunError),
}
