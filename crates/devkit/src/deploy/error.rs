//! Errors of `deploy-kind`, each with a remedy.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use crate::cluster::ClusterError;
use crate::generate::GenerateError;
use crate::invocation::RunError;
use crate::project::ProjectError;

/// The operator cannot be deployed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeployError {
    #[error("this machine cannot deploy to kind:\n{problems}")]
    NotReady { problems: String },
    #[error("`{command}` failed ({status}): {advice}")]
    Step { command: String, status: ExitStatus, advice: String },
    #[error(
        "the operator cannot build the sample `{sample}` of {controller}: {detail}; \
         this is a defect of the operator"
    )]
    Sample { sample: &'static str, controller: &'static str, detail: String },
    #[error("cannot create the folder {}: {source}", .path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("the output of kubectl is not a list of objects: {source}")]
    Json {
        #[from]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Generate(#[from] GenerateError),
    #[error(transparent)]
    Project(#[from] ProjectError),
    #[error(transparent)]
    Run(#[from] RunError),
}
