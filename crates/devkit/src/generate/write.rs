//! Writing what is stale, and removing what nothing generates.

use std::fs;
use std::path::Path;

use super::compare::Stale;
use super::{Files, GenerateError};

/// Brings `folder` up to date. Files that are as they should be keep their times.
pub(super) fn write(wanted: &Files, stale: &[Stale], folder: &Path) -> Result<(), GenerateError> {
    for one in stale {
        let path = folder.join(one.path());
        let failed = |source| GenerateError::File { path: path.clone(), source };
        match wanted.get(one.path()) {
            Some(content) => {
                if let Some(parent) = path.parent() {
                    fs::create_dir_all(parent).map_err(failed)?;
                }
                fs::write(&path, content).map_err(failed)?;
            }
            None => {
                fs::remove_file(&path).map_err(failed)?;
                remove_empty(path.parent(), folder);
            }
        }
    }
    Ok(())
}

/// Removes `from` and what is above it, as far as it is empty, but not `folder` itself.
fn remove_empty(from: Option<&Path>, folder: &Path) {
    let inside = |path: &&Path| *path != folder && path.starts_with(folder);
    for path in from.into_iter().flat_map(Path::ancestors).take_while(inside) {
        // Refused for a folder that is not empty: that is the end of it.
        if fs::remove_dir(path).is_err() {
            break;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn an_orphan_goes_with_the_folders_that_it_leaves_empty() {
        let folder = TempDir::new().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("charts/old/templates")).unwrap();
        fs::write(at("charts/old/templates/a.yaml"), "").unwrap();
        fs::write(at("charts/kept.yaml"), "").unwrap();
        let stale = [Stale::Orphan { path: PathBuf::from("charts/old/templates/a.yaml") }];
        write(&Files::new(), &stale, folder.path()).unwrap();
        assert!(!at("charts/old").exists(), "the empty folders stay");
        assert!(at("charts/kept.yaml").exists());
    }

    #[test]
    fn a_file_that_is_up_to_date_is_not_touched() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.yaml");
        fs::write(&path, "theirs").unwrap();
        write(&Files::from([(PathBuf::from("a.yaml"), "ours".to_owned())]), &[], folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }
}
