//! A binary that was found, downloaded or built.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::binary::Binary;
use super::version::Version;

/// The place where a binary was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The folder `KUBEWRIGHT_ASSETS`.
    KubewrightAssets,
    /// The folder `KUBEBUILDER_ASSETS`.
    KubebuilderAssets,
    /// The cache of this crate.
    Cache,
    /// `PATH`.
    Path,
    /// A download, which is in the cache now.
    Downloaded,
    /// A build, which is in the cache now.
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

/// A usable binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Located {
    /// The binary.
    pub binary: Binary,
    /// The absolute path of the file.
    pub path: PathBuf,
    /// The version.
    pub version: Version,
    /// The place where it was found.
    pub source: Source,
}
