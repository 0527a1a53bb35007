//! Where the binaries of the local control plane come from. Starting them is `control_plane`'s
//! business.
//!
//! Each binary is taken from the first of these that has it in a version that fits:
//!
//! 1. the folder `KUBEWRIGHT_ASSETS`; when it is set, everything comes from there
//! 2. the folder `KUBEBUILDER_ASSETS`
//! 3. our cache, [`Home::binaries`]
//! 4. `PATH`
//! 5. a download of released binaries, unless `KUBEWRIGHT_DOWNLOAD` is `never`
//! 6. a build from Go modules that are pinned by checksum
//!
//! What 5 and 6 bring goes to our cache. [`Assets::locate`] is the way in; `resolve` is 1 to 4,
//! `download` is 5, `build` is 6.

mod binary;
mod build;
mod download;
mod environment;
mod error;
mod go;
mod probe;
mod resolve;
mod version;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use binary::{Binary, ETCD, KUBERNETES, KWOK, Project};
pub use environment::Environment;
pub use error::AssetsError;
pub use version::{InvalidVersion, Version};

use crate::home::Home;
use crate::progress::Progress;

/// What a control plane needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The Kubernetes version; etcd and kwok come in the versions that are pinned here.
    pub kubernetes: Version,
    /// Which binaries.
    pub binaries: Vec<Binary>,
}

impl Default for Wanted {
    /// All binaries, in the pinned version.
    fn default() -> Self {
        Self { kubernetes: KUBERNETES, binaries: Binary::ALL.to_vec() }
    }
}

impl Wanted {
    /// The version of `binary` that is wanted.
    pub fn version(&self, binary: Binary) -> Version {
        match binary.project() {
            Project::Kubernetes => self.kubernetes,
            other => other.pinned(),
        }
    }
}

/// Where a binary was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// In the folder `KUBEWRIGHT_ASSETS`.
    KubewrightAssets,
    /// In the folder `KUBEBUILDER_ASSETS`.
    KubebuilderAssets,
    /// In our cache.
    Cache,
    /// On `PATH`.
    Path,
    /// Downloaded just now; it is in our cache from now on.
    Downloaded,
    /// Built just now; it is in our cache from now on.
    Built,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KubewrightAssets => "KUBEWRIGHT_ASSETS",
            Self::KubebuilderAssets => "KUBEBUILDER_ASSETS",
            Self::Cache => "cache",
            Self::Path => "PATH",
            Self::Downloaded => "downloaded",
            Self::Built => "built from Go modules",
        })
    }
}

/// A binary that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Located {
    /// Which one.
    pub binary: Binary,
    /// Absolute path of the file.
    pub path: PathBuf,
    /// Its version.
    pub version: Version,
    /// Where it was found.
    pub source: Source,
}

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

#[cfg(test)]
mod tests;
