//! `tidy`: what the compiler does not check in a source file. [`problems`] is the entry point.
//!
//! - `files`: which files of the project are checked, and their text
//! - `shape`: the length of a file and its first line; `width`: the length of a line
//! - `words`: words that the project does not use
//! - `circles`: files of one crate that import each other

mod circles;
mod error;
mod files;
mod problem;
mod shape;
mod width;
mod words;

use std::path::Path;

pub use error::TidyError;
pub use problem::Problem;
pub use words::Words;

use self::files::{Kind, Source};

/// Checks the files of `root`, and returns every problem in the order of the paths. `within` limits
/// the result to a folder, given relative to `root`.
///
/// # Errors
/// [`TidyError::File`] when a file cannot be read; [`TidyError::NoFiles`] when `within` has none.
pub fn problems(root: &Path, within: &Path, words: &Words) -> Result<Vec<Problem>, TidyError> {
    let at = |path: &Path| {
        path.canonicalize().map_err(|source| TidyError::File { path: path.to_owned(), source })
    };
    let (root, folder) = (at(root)?, at(&root.join(within))?);
    let sources = files::read(&root)?;
    let checked = folder
        .strip_prefix(&root)
        .ok()
        .filter(|within| sources.iter().any(|source| source.path.starts_with(within)));
    let within = checked.ok_or_else(|| TidyError::NoFiles { folder: within.to_owned() })?;
    let mut found = check_each(&sources, words);
    found.extend(circles::check(&sources));
    found.retain(|problem| problem.file.starts_with(within));
    found.sort();
    Ok(found)
}

/// The step of `ci`: fails on any problem, and otherwise returns a summary.
pub(super) fn check(root: &Path, within: &Path, words: &Words) -> Result<String, TidyError> {
    let found = problems(root, within, words)?;
    if found.is_empty() {
        return Ok(if within.as_os_str().is_empty() {
            "the whole project".to_owned()
        } else {
            within.display().to_string()
        });
    }
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    Err(TidyError::Problems { count: found.len(), found: lines.join("\n") })
}

fn check_each(sources: &[Source], words: &Words) -> Vec<Problem> {
    let mut found = Vec::new();
    for source in sources {
        found.extend(width::check(source));
        match source.kind {
            Kind::Rust => {
                found.extend(shape::check(source));
                found.extend(words.check(source));
            }
            Kind::Markdown => found.extend(words.check(source)),
            Kind::Other => {}
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn each_check_runs_over_the_whole_project() {
        let folder = tempfile::TempDir::new().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("a/Cargo.toml", "");
        write("a/src/lib.rs", "//! Root.\nmod one;\nmod two;\n");
        write("a/src/one.rs", "//! One.\nuse crate::two::Two;\npub struct One(Two);\n");
        write("a/src/two.rs", "//! Two.\nuse crate::one::One;\npub struct Two(Box<One>);\n");
        write("b.md", &format!("A gizmo.\n{}\n", "x ".repeat(60)));
        write("c.rs", "fn main() {}\n");
        write("d/e.md", "Fine.\n");
        write("target/d.rs", "fn main() {}\n");
        let words = Words::new(["gizmo"], []);
        let found = check(folder.path(), Path::new(""), &words).unwrap_err().to_string();
        let expected = "4 problems:\n\
            a/src/one.rs:2: circle of files: a/src/one.rs:2 -> a/src/two.rs:2 -> a/src/one.rs\n\
            b.md:1: avoid the word `gizmo`\n\
            b.md:2: 120 columns; the limit is 100\n\
            c.rs:1: begin with `//!`: what the file contains, in one to five lines";
        assert_eq!(found, expected);
        let in_a = |within: &Path| problems(folder.path(), within, &words).unwrap().len();
        let absolute = folder.path().join("a");
        for within in [Path::new("a"), Path::new("./a"), Path::new("d/../a/src"), &absolute] {
            assert_eq!(in_a(within), 1, "{}", within.display());
        }
        assert_eq!(check(folder.path(), Path::new("./d"), &words).unwrap(), "./d");
        for nothing in ["aa", "target", ".."] {
            let error = check(folder.path(), Path::new(nothing), &words).unwrap_err().to_string();
            assert!(error.contains(nothing), "{error}");
        }
    }
}
