//! `gen` and its parts: the generated files, written or compared. What is in them is `kubewright-manifests`' business.
//!
//! - [`stale`]: what differs, without touching anything; also for a project's `#[test]`.
//! - `compare` is the comparison, `write` the writing.

mod compare;
mod write;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

pub use compare::Stale;

use crate::error::Error;
use crate::project::Project;
use crate::terminal;

/// Which of the generated files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// CustomResourceDefinitions.
    Crds,
    /// RBAC.
    Rbac,
    /// Samples.
    Samples,
}

impl Scope {
    /// The folder under the generated one, the empty path for all.
    pub(crate) const fn folder(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Crds => "crds",
            Self::Rbac => "rbac",
            Self::Samples => "samples",
        }
    }

    /// What to run to bring the files up to date.
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::All => "cargo xtask gen",
            Self::Crds => "cargo xtask gen-crd",
            Self::Rbac => "cargo xtask gen-rbac",
            Self::Samples => "cargo xtask gen-samples",
        }
    }
}

/// Generated files could not be made, read or written.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
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

/// What is to be in files: the content of each, by its path under the generated folder.
pub(crate) type Files = BTreeMap<PathBuf, String>;

/// The files that the types of `project` ask for.
pub(crate) fn wanted(_project: &Project, _scope: Scope) -> Result<Files, GenerateError> {
    Ok(Files::new())
}

/// What is stale under the generated folder: files that differ, are missing, or do not belong there.
///
/// # Errors
/// [`Error`] when files cannot be made or read.
pub fn stale(project: &Project, scope: Scope) -> Result<Vec<Stale>, Error> {
    let folder = project.generated_folder()?;
    Ok(compare::stale(&wanted(project, scope)?, &folder, scope)?)
}

pub(crate) fn command(project: &Project, scope: Scope, check: bool) -> Result<ExitCode, Error> {
    let stale = stale(project, scope)?;
    if stale.is_empty() {
        terminal::done(format_args!("{}/{} is up to date", project.generated, scope.folder()));
        return Ok(ExitCode::SUCCESS);
    }
    for one in &stale {
        println!("{}", one.describe(project.generated, check));
    }
    if check {
        return Err(GenerateError::Stale { count: stale.len(), command: scope.command() }.into());
    }
    write::write(&wanted(project, scope)?, &stale, &project.generated_folder()?)?;
    Ok(ExitCode::SUCCESS)
}
