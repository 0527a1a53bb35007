//! Fetching released binaries instead of building them. Nothing here is needed: whatever cannot be
//! fetched is built, so a failure is a note, not an error.
//!
//! - `pinned`: releases whose SHA-256 is written down in this crate; what does not match is thrown
//!   away.
//! - `kwokctl`: everything else, by kwokctl's own means: over TLS, without a checksum.
//!   `KUBEWRIGHT_DOWNLOAD=never` turns all of it off, and then everything is built from modules
//!   that are pinned by checksum.

mod kwokctl;
mod pinned;

use std::fs;
use std::path::Path;

use super::binary::{Binary, Project};
use super::environment::Environment;
use super::{Located, Source, Wanted, probe, resolve};
use crate::home::{Home, HomeError};
use crate::progress::Progress;

/// Fetches what can be fetched of `missing`. `present` is what was found already.
pub(super) fn download(
    environment: &Environment,
    home: &Home,
    wanted: &Wanted,
    present: &[Located],
    missing: &[Binary],
    progress: &dyn Progress,
) -> Result<Vec<Located>, HomeError> {
    let _lock =
        home.lock("download", || progress.note("another process is downloading: waiting for it"))?;
    let mut located: Vec<Located> = missing
        .iter()
        .filter_map(|binary| resolve::cached(home, *binary, wanted.version(*binary)))
        .collect();
    let is_missing = |located: &[Located], binary: Binary| {
        missing.contains(&binary) && !located.iter().any(|one| one.binary == binary)
    };

    for binary in
        Binary::ALL.into_iter().filter(|binary| is_missing(&located, *binary)).collect::<Vec<_>>()
    {
        if wanted.version(binary) != binary.project().pinned() {
            continue;
        }
        match pinned::download(environment, home, binary, progress) {
            Ok(Some(one)) => located.push(one),
            Ok(None) => {}
            Err(error) => {
                progress.note(&format!("{error}: building instead"));
                return Ok(located);
            }
        }
    }

    let rest: Vec<Binary> = missing
        .iter()
        .copied()
        .filter(|binary| is_missing(&located, *binary))
        .filter(|binary| *binary != Binary::Kubectl && binary.project() != Project::Kwok)
        .collect();
    let all: Vec<Located> = present.iter().chain(&located).cloned().collect();
    if !rest.is_empty() {
        match kwokctl::download(home, wanted, &all, &rest, progress) {
            Ok(more) => located.extend(more),
            Err(error) => progress.note(&format!("{error}: building instead")),
        }
    }
    Ok(located)
}

/// Why something could not be fetched.
#[derive(Debug, thiserror::Error)]
enum Failure {
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
fn adopt(home: &Home, wanted: &Wanted, binary: Binary, file: &Path) -> Result<Located, Failure> {
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
fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}
