//! A binary that was found on this machine, or that was downloaded or built.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::binary::Binary;
use super::version::Version;

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
