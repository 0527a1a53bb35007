//! Finds binaries that are already on this machine, in the order that [`super`] documents.

use std::path::{Path, PathBuf};

use super::binary::Binary;
use super::environment::Environment;
use super::error::AssetsError;
use super::located::{Located, Source};
use super::probe;
use super::version::Version;
use super::wanted::Wanted;
use crate::home::Home;

/// The result of a search. `skipped` has a reason for each unsuitable binary.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) located: Vec<Located>,
    pub(super) missing: Vec<Binary>,
    pub(super) skipped: Vec<String>,
}

/// Searches for all wanted binaries.
pub(super) fn find(
    environment: &Environment,
    home: &Home,
    wanted: &Wanted,
) -> Result<Found, AssetsError> {
    if let Some(folder) = &environment.kubewright_assets {
        return find_in_named_folder(folder, wanted);
    }
    let mut found = Found::default();
    for &binary in &wanted.binaries {
        let version = wanted.version(binary);
        match find_one(environment, home, binary, version, &mut found.skipped) {
            Some(located) => found.located.push(located),
            None => found.missing.push(binary),
        }
    }
    Ok(found)
}

/// `KUBEWRIGHT_ASSETS`: all binaries come from this folder, and a missing one is an error.
fn find_in_named_folder(folder: &Path, wanted: &Wanted) -> Result<Found, AssetsError> {
    let (present, missing): (Vec<Binary>, Vec<Binary>) = wanted
        .binaries
        .iter()
        .partition(|binary| probe::is_executable(&folder.join(binary.name())));
    if !missing.is_empty() {
        return Err(AssetsError::Missing { folder: folder.to_owned(), missing });
    }
    let locate = |binary: Binary| {
        let path = absolute(&folder.join(binary.name()));
        let (found, wanted) = (probe::version(binary, &path)?, wanted.version(binary));
        if !binary.accepts(found, wanted) {
            return Err(AssetsError::WrongVersion { binary, path, found, wanted });
        }
        Ok(Located { binary, path, version: found, source: Source::KubewrightAssets })
    };
    let located = present.into_iter().map(locate).collect::<Result<_, _>>()?;
    Ok(Found { located, ..Found::default() })
}

fn find_one(
    environment: &Environment,
    home: &Home,
    binary: Binary,
    wanted: Version,
    skipped: &mut Vec<String>,
) -> Option<Located> {
    let mut check = |path: PathBuf, source: Source| {
        let path = absolute(&path);
        let version = match probe::version(binary, &path) {
            Ok(version) if binary.accepts(version, wanted) => version,
            Ok(version) => {
                let needed = binary.requirement(wanted);
                skipped.push(format!(
                    "skipped {}: it is {version}, {needed} is needed",
                    path.display()
                ));
                return None;
            }
            Err(error) => {
                skipped.push(format!("skipped: {error}"));
                return None;
            }
        };
        Some(Located { binary, path, version, source })
    };
    environment
        .kubebuilder_assets
        .iter()
        .map(|folder| folder.join(binary.name()))
        .find(|path| probe::is_executable(path))
        .and_then(|path| check(path, Source::KubebuilderAssets))
        .or_else(|| cached(home, binary, wanted))
        .or_else(|| {
            let mut candidates =
                environment.path_folders().into_iter().map(|folder| folder.join(binary.name()));
            // The first suitable binary, not the first binary: a shim must not hide the real one.
            candidates
                .by_ref()
                .filter(|path| probe::is_executable(path))
                .find_map(|path| check(path, Source::Path))
        })
}

/// The binary in the cache. The folder's name contains the version: only complete binaries are
/// moved there.
pub(super) fn cached(home: &Home, binary: Binary, version: Version) -> Option<Located> {
    let path = home.binaries(binary.project(), version).join(binary.name());
    probe::is_executable(&path).then_some(Located { binary, path, version, source: Source::Cache })
}

/// Components start in another folder, where a relative path would be wrong.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
