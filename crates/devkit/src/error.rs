//! The error of any command, for `main`. Each command has its own error type.

use crate::bench::BenchError;
use crate::ci::CiError;
use crate::cluster::ClusterError;
use crate::deploy::DeployError;
use crate::dev::DevError;
use crate::generate::GenerateError;
use crate::test::TestError;

/// A command failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum Error {
    Bench(#[from] BenchError),
    Ci(#[from] CiError),
    Cluster(#[from] ClusterError),
    Deploy(#[from] DeployError),
    Dev(#[from] DevError),
    Generate(#[from] GenerateError),
    Test(#[from] TestError),
}
