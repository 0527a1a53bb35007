//! Finds all binaries of a control plane, and downloads or builds missing ones.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::binary::Binary;
use super::environment::Environment;
use super::error::AssetsError;
use super::located::Located;
use super::wanted::Wanted;
use super::{build, download, resolve};
use crate::home::Home;
use crate::progress::Progress;

/// The binaries of a control plane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assets {
    located: BTreeMap<Binary, Located>,
}

impl Assets {
    /// Finds, downloads or builds the binaries of `wanted`. A build takes minutes and reports to
    /// `progress`; without one the call takes milliseconds.
    ///
    /// # Errors
    /// [`AssetsError`]: each message names the remedy.
    pub fn locate(
        environment: &Environment,
        home: &Home,
        wanted: &Wanted,
        progress: &dyn Progress,
    ) -> Result<Self, AssetsError> {
        let found = resolve::find(environment, home, wanted)?;
        let mut located = found.located;
        let mut missing = found.missing;
        if !missing.is_empty() {
            for line in &found.skipped {
                progress.note(line);
            }
            if !environment.never_download {
                let downloaded =
                    download::download(environment, home, wanted, &located, &missing, progress)?;
                missing.retain(|binary| !downloaded.iter().any(|one| one.binary == *binary));
                located.extend(downloaded);
            }
        }
        if !missing.is_empty() {
            located.extend(build::build(environment, home, wanted, &missing, progress)?);
        }
        Ok(located.into_iter().collect())
    }

    /// The binary, if it was requested.
    pub fn get(&self, binary: Binary) -> Option<&Located> {
        self.located.get(&binary)
    }

    /// The path of a binary, if it was requested.
    pub fn path(&self, binary: Binary) -> Option<&Path> {
        self.get(binary).map(|located| located.path.as_path())
    }

    /// All binaries in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &Located> {
        self.located.values()
    }
}

impl FromIterator<Located> for Assets {
    fn from_iter<I: IntoIterator<Item = Located>>(located: I) -> Self {
        Self { located: located.into_iter().map(|one| (one.binary, one)).collect() }
    }
}
