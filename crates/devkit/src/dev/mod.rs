//! `dev`: the operator from source on a local control plane with the samples, until Ctrl-C.

use std::process::ExitCode;

use crate::arguments::DevArguments;
use crate::error::Error;
use crate::project::Project;

/// The development session could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DevError {}

pub(crate) fn command(_project: &Project, _arguments: &DevArguments) -> Result<ExitCode, Error> {
    Ok(ExitCode::SUCCESS)
}
