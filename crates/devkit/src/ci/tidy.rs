//! What the compiler does not see in a source file: that it is short enough to be read, and says
//! what lives there.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::CiError;

/// Past this something wants out of a file.
const LONGEST_FILE: usize = 600;

/// Where trybuild's cases are by custom: not code of ours, but mistakes that the compiler is to
/// explain.
const COMPILE_FAIL: &str = "ui";

/// Checks every Rust file of the project.
pub(super) fn check(root: &Path) -> Result<String, CiError> {
    let files = rust_files(root)?;
    let mut found = Vec::new();
    for file in &files {
        let text = fs::read_to_string(root.join(file))
            .map_err(|source| CiError::File { path: file.clone(), source })?;
        found.extend(complaints(file, &text));
    }
    if found.is_empty() {
        Ok(format!("{} files", files.len()))
    } else {
        Err(CiError::Tidy { found: found.join("\n") })
    }
}

fn complaints(file: &Path, text: &str) -> Vec<String> {
    let file = file.display();
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        found.push(format!("{file}: {lines} lines; past {LONGEST_FILE} something wants out of it"));
    }
    if !text.starts_with("//!") {
        found.push(format!("{file}:1: begin with `//!`: what lives here, and what does not"));
    }
    found
}

/// All of them, without what is built or hidden, in the order of their paths.
fn rust_files(root: &Path) -> Result<Vec<PathBuf>, CiError> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let failed = |source| CiError::File { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if entry.file_type().map_err(failed)?.is_dir() {
                if name != "target" && name != COMPILE_FAIL && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path.strip_prefix(root).map_or_else(|_| path.clone(), Path::to_owned));
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_long_or_does_not_say_what_it_is_is_named() {
        let folder = tempfile::TempDir::new().unwrap();
        let write = |path: &str, text: String| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a.rs", "//! Fine.\n".repeat(600));
        write("src/b.rs", "//! Long.\n".repeat(601));
        write("src/c.rs", "fn main() {}\n".to_owned());
        write("target/d.rs", String::new());
        write(".hidden/e.rs", String::new());
        let found = check(folder.path()).unwrap_err().to_string();
        let expected = "src/b.rs: 601 lines; past 600 something wants out of it\n\
            src/c.rs:1: begin with `//!`: what lives here, and what does not";
        assert_eq!(found, expected);
    }
}
