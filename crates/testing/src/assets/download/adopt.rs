//! Checks a downloaded file and moves it to the cache.

use std::fs;
use std::path::Path;

use crate::assets::binary::Binary;
use crate::assets::located::{Located, Source};
use crate::assets::probe;
use crate::assets::wanted::Wanted;
use crate::home::{Home, HomeError};

/// The reason why a download failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{url} was not downloaded ({detail})")]
    NotDownloaded { url: String, detail: String },
    #[error("{url} has the unexpected SHA-256 {found}")]
    Mismatch { url: String, found: String },
    #[error("kwokctl did not download {} ({detail})", .binary.name())]
    Kwokctl { binary: Binary, detail: String },
    #[error("the downloaded file was rejected ({0})")]
    Rejected(String),
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// Moves a downloaded file to the cache, if it runs and has the wanted version.
pub(super) fn adopt(
    home: &Home,
    wanted: &Wanted,
    binary: Binary,
    file: &Path,
) -> Result<Located, Failure> {
    use std::os::unix::fs::PermissionsExt;
    let expected = wanted.version(binary);
    let path = home.binaries(binary.project(), expected).join(binary.name());
    let folder = path.parent().unwrap_or(home.root());
    let create = || {
        fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
        fs::create_dir_all(folder)
    };
    create().map_err(HomeError::at(file))?;
    let version =
        probe::version(binary, file).map_err(|error| Failure::Rejected(error.to_string()))?;
    if version != expected {
        return Err(Failure::Rejected(format!(
            "{binary} reports version {version}; {expected} is wanted"
        )));
    }
    fs::rename(file, &path).map_err(HomeError::at(&path))?;
    Ok(Located { binary, path, version, source: Source::Downloaded })
}

/// `12 MB`.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}
