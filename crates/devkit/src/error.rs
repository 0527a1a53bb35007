//! Whatever can end a command. Each module has its own error; here they only meet.

use std::io;

use crate::ci::CiError;
use crate::cluster::ClusterError;
use crate::deploy::DeployError;
use crate::dev::DevError;
use crate::generate::GenerateError;
use crate::invocation::RunError;
use crate::program::ProgramError;
use crate::project::ProjectError;

/// A command could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The project's folder.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A program of the project.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// Generated files.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// The local control plane.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The development session.
    #[error(transparent)]
    Dev(#[from] DevError),
    /// The kind cluster.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The checks of CI.
    #[error(transparent)]
    Ci(#[from] CiError),
    /// Ctrl-C cannot be caught.
    #[error("signals cannot be caught ({source}), so nothing was started")]
    Signals {
        /// What the system said.
        source: io::Error,
    },
    /// Another program.
    #[error(transparent)]
    Run(#[from] RunError),
}
