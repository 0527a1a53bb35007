//! Reads and writes the folder of generated files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use kubewright_manifests::{Artifact, Finding};

use super::error::GenerateError;

/// All files below `folder/part`, by their path relative to `folder`, with `/`. Everything except a
/// folder counts as a file.
pub(super) fn read(folder: &Path, part: &str) -> Result<BTreeMap<String, String>, GenerateError> {
    let mut files = BTreeMap::new();
    let mut parts = vec![part.to_owned()];
    while let Some(part) = parts.pop() {
        let path = folder.join(&part);
        let failed = |source| GenerateError::File { path: path.clone(), source };
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let below = if part.is_empty() { name } else { format!("{part}/{name}") };
            if entry.file_type().map_err(failed)?.is_dir() {
                parts.push(below);
                continue;
            }
            // A broken link or a binary file is unexpected, too, and must be reported.
            let content = fs::read(entry.path()).unwrap_or_default();
            files.insert(below, String::from_utf8_lossy(&content).into_owned());
        }
    }
    Ok(files)
}

/// Writes or removes the files in `found`. Other files keep their times.
pub(super) fn write(
    folder: &Path,
    wanted: &[Artifact],
    found: &[Finding],
) -> Result<(), GenerateError> {
    for finding in found {
        let path = folder.join(&finding.path);
        let failed = |source| GenerateError::File { path: path.clone(), source };
        let parent = path.parent().unwrap_or(folder);
        if let Some(artifact) = wanted.iter().find(|artifact| artifact.path == finding.path) {
            fs::create_dir_all(parent).map_err(failed)?;
            fs::write(&path, &artifact.content).map_err(failed)?;
        } else {
            fs::remove_file(&path).map_err(failed)?;
            remove_empty(parent, folder);
        }
    }
    Ok(())
}

/// Removes `from` and its parents while they are empty, up to but not including `folder`.
fn remove_empty(from: &Path, folder: &Path) {
    let inside = |path: &&Path| *path != folder && path.starts_with(folder);
    // An error means that the folder is not empty.
    let _ = from.ancestors().take_while(inside).try_for_each(fs::remove_dir);
}
