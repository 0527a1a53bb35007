//! Finds all binaries of a control plane; what is missing is downloaded or built.

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

/// The binaries for a control plane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assets {
    located: BTreeMap<Binary, Located>,
}

impl Assets {
    /// Finds, downloads or builds all that is `wanted`. A build takes minutes and tells `progress`
    /// about it; when everything is there this takes milliseconds.
    ///
    /// # Errors
    /// [`AssetsError`]; each says what to do.
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
            for line in &found.passed_over {
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

    /// The binary, if it was asked for.
    pub fn get(&self, binary: Binary) -> Option<&Located> {
        self.located.get(&binary)
    }

    /// The file of a binary, if it was asked for.
    pub fn path(&self, binary: Binary) -> Option<&Path> {
        self.get(binary).map(|located| located.path.as_path())
    }

    /// All of them, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = &Located> {
        self.located.values()
    }
}

impl FromIterator<Located> for Assets {
    fn from_iter<I: IntoIterator<Item = Located>>(located: I) -> Self {
        Self { located: located.into_iter().map(|one| (one.binary, one)).collect() }
    }
}
