//! Which files are checked: what people write by hand. Files that are generated, built or recorded
//! are skipped.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::TidyError;

/// Folders that are skipped wherever they are: build output and generated files.
const SKIPPED: [&str; 2] = ["generated", "target"];
/// The compile-fail cases of trybuild, which are skipped, too.
const CASES: &str = "tests/ui";
/// Hidden folders that hold files written by hand; other hidden folders are skipped.
const HIDDEN: [&str; 3] = [".cargo", ".ci", ".github"];

/// A file with its text.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Relative to the project's folder.
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// Which checks apply to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rust,
    Markdown,
    /// TOML, YAML and shell scripts.
    Other,
}

/// Reads every file that is checked.
pub(super) fn read(root: &Path) -> Result<Vec<Source>, TidyError> {
    let mut sources = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |source| TidyError::File { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, file_type) = (entry.path(), entry.file_type().map_err(failed)?);
            if file_type.is_dir() {
                if is_checked_folder(&entry.file_name().to_string_lossy()) && !path.ends_with(CASES)
                {
                    folders.push(path);
                }
            } else if file_type.is_file() {
                sources.extend(source(root, &path)?);
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn is_checked_folder(name: &str) -> bool {
    HIDDEN.contains(&name) || !(SKIPPED.contains(&name) || name.starts_with('.'))
}

/// The file, if its kind is known.
fn source(root: &Path, path: &Path) -> Result<Option<Source>, TidyError> {
    let extension = path.extension().map(|extension| extension.to_string_lossy());
    let kind = match extension.as_deref() {
        Some("rs") => Kind::Rust,
        Some("md") => Kind::Markdown,
        Some("toml" | "yaml" | "yml" | "sh") | None => Kind::Other,
        Some(_) => return Ok(None),
    };
    let relative = path.strip_prefix(root).unwrap_or(path).to_owned();
    if extension.is_some() && kind == Kind::Other && is_recorded(&relative) {
        return Ok(None);
    }
    let bytes =
        fs::read(path).map_err(|source| TidyError::File { path: path.to_owned(), source })?;
    // Without an extension, a script starts with the name of its interpreter.
    if extension.is_none() && !bytes.starts_with(b"#!") {
        return Ok(None);
    }
    Ok(Some(Source { path: relative, kind, text: String::from_utf8_lossy(&bytes).into_owned() }))
}

/// Whether the file is an input or a fixture of a test, in a folder below `tests`.
fn is_recorded(path: &Path) -> bool {
    let folders = path.parent().into_iter().flat_map(Path::components);
    folders.clone().any(|part| part.as_os_str() == "tests") && folders.count() > 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_written_by_hand_are_read_and_other_files_are_skipped() {
        let folder = tempfile::TempDir::new().unwrap();
        let checked = [
            ".ci/run",
            ".github/workflows/ci.yml",
            "a.md",
            "b/src/c.rs",
            "b/src/ui/d.rs",
            "tests/Cargo.toml",
        ];
        let skipped = [
            ".hidden/a.rs",
            "Cargo.lock",
            "LICENSE",
            "b/tests/ui/case.rs",
            "generated/crds/a.yaml",
            "target/a.rs",
            "tests/inputs/a.yaml",
            "x.snap",
        ];
        for path in checked.iter().chain(&skipped) {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, if path.ends_with("run") { "#!/bin/sh\n" } else { "text\n" }).unwrap();
        }
        let read: Vec<_> = read(folder.path()).unwrap().into_iter().map(|s| s.path).collect();
        assert_eq!(read, checked.map(PathBuf::from));
    }
}
