//! Moves a file that was downloaded to the cache, after a check.

use std::fs;
use std::path::Path;

use crate::assets::binary::Binary;
use crate::assets::located::{Located, Source};
use crate::assets::probe;
use crate::assets::wanted::Wanted;
use crate::home::{Home, HomeError};

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{url} was not downloaded ({detail})")]
    NotDownloaded { url: String, detail: String },
    #[error("{url} is not what is expected: its SHA-256 is {found}")]
    Mismatch { url: String, found: String },
    #[error("kwokctl did not download {} ({detail})", .binary.name())]
    Kwokctl { binary: Binary, detail: String },
    #[error("the download does not run ({0})")]
    DoesNotRun(String),
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// Moves a file that was fetched to the cache, if it is what it should be.
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
    let make = || {
        fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
        fs::create_dir_all(folder)
    };
    make().map_err(HomeError::at(file))?;
    let version =
        probe::version(binary, file).map_err(|error| Failure::DoesNotRun(error.to_string()))?;
    if version != expected {
        return Err(Failure::DoesNotRun(format!(
            "{binary} says that it is {version}, not {expected}"
        )));
    }
    fs::rename(file, &path).map_err(HomeError::at(&path))?;
    Ok(Located { binary, path, version, source: Source::Downloaded })
}

/// `12 MB`.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}
