//! The environment variables that choose folders and binaries. They are read once, so that a test
//! can pass its own.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The variables that this crate reads.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `KUBEWRIGHT_HOME`: the folder of binaries and clusters; overrides the cache folder.
    pub kubewright_home: Option<PathBuf>,
    /// `XDG_CACHE_HOME`.
    pub xdg_cache_home: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `KUBEWRIGHT_ASSETS`: a folder that contains all requested binaries.
    pub kubewright_assets: Option<PathBuf>,
    /// `KUBEBUILDER_ASSETS`: a folder that may contain kube-apiserver, etcd and kubectl.
    pub kubebuilder_assets: Option<PathBuf>,
    /// Whether `KUBEWRIGHT_DOWNLOAD` is `never`: missing binaries are then built from Go modules
    /// that are pinned by checksum.
    pub never_download: bool,
    /// `PATH`.
    pub path: Option<OsString>,
    /// `GOTOOLCHAIN`.
    pub go_toolchain: Option<String>,
}

impl Environment {
    /// The environment of this process. An empty variable counts as unset.
    pub fn from_process() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let path = |name: &str| set(name).map(PathBuf::from);
        Self {
            kubewright_home: path("KUBEWRIGHT_HOME"),
            xdg_cache_home: path("XDG_CACHE_HOME"),
            home: path("HOME"),
            kubewright_assets: path("KUBEWRIGHT_ASSETS"),
            kubebuilder_assets: path("KUBEBUILDER_ASSETS"),
            never_download: set("KUBEWRIGHT_DOWNLOAD").is_some_and(|value| value == "never"),
            path: set("PATH"),
            go_toolchain: set("GOTOOLCHAIN").and_then(|value| value.into_string().ok()),
        }
    }

    /// The absolute folders of `PATH`, in order and without duplicates. A relative folder is
    /// skipped, because it depends on the current folder.
    pub(crate) fn path_folders(&self) -> Vec<PathBuf> {
        let path = self.path.clone().unwrap_or_default();
        // On many systems /bin is /usr/bin.
        let mut seen = BTreeSet::new();
        env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .filter(|folder| seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())))
            .collect()
    }
}
