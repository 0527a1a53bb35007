//! The folder of generated files: reading all that is in it, and mending what is stale.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use kubewright_manifests::{Artifact, Finding};

use super::error::GenerateError;

/// Every file below `folder/part`, by its path below `folder`, with `/`. Anything that is not a
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
            // A link that leads nowhere is there, and is not what it should be; so is what is no
            // text.
            let content = fs::read(entry.path()).unwrap_or_default();
            files.insert(below, String::from_utf8_lossy(&content).into_owned());
        }
    }
    Ok(files)
}

/// Mends what was found. Files that are as they should be keep their times.
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

/// Removes `from` and what is above it, as far as it is empty, but not `folder` itself.
fn remove_empty(from: &Path, folder: &Path) {
    let inside = |path: &&Path| *path != folder && path.starts_with(folder);
    // Refused for a folder that is not empty: that is the end of it.
    let _ = from.ancestors().take_while(inside).try_for_each(fs::remove_dir);
}
