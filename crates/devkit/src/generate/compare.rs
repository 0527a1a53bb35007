//! Comparing what the types ask for with what is on the disk. Nothing is written here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Files, GenerateError, Scope};

/// A file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// It should be there.
    Missing {
        /// Its path under the generated folder.
        path: PathBuf,
    },
    /// Nothing asks for it.
    Orphan {
        /// Its path under the generated folder.
        path: PathBuf,
    },
    /// It says something else.
    Differs {
        /// Its path under the generated folder.
        path: PathBuf,
        /// The first line that differs, from 1.
        line: usize,
        /// What should be there; `None` for the end of the file.
        wanted: Option<String>,
        /// What is there; `None` for the end of the file.
        found: Option<String>,
    },
}

impl Stale {
    /// Its path under the generated folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::Missing { path } | Self::Orphan { path } | Self::Differs { path, .. } => path,
        }
    }

    /// What is wrong (`check`), or what is done about it.
    pub(crate) fn describe(&self, folder: &str, check: bool) -> String {
        let path = Path::new(folder).join(self.path());
        let path = path.display();
        match self {
            Self::Missing { .. } if check => format!("{path}: missing"),
            Self::Orphan { .. } if check => format!("{path}: nothing generates this file"),
            Self::Missing { .. } => format!("created {path}"),
            Self::Orphan { .. } => format!("removed {path}"),
            Self::Differs { .. } if !check => format!("changed {path}"),
            Self::Differs { line, wanted, found, .. } => {
                let shown = |text: &Option<String>| text.clone().unwrap_or_else(|| "(end of file)".to_owned());
                format!("{path}:{line}: differs\n  the file has  {}\n  the types say {}", shown(found), shown(wanted))
            }
        }
    }
}

/// What is stale in `folder`, in the order of the paths.
pub(super) fn stale(wanted: &Files, folder: &Path, scope: Scope) -> Result<Vec<Stale>, GenerateError> {
    let mut stale = Vec::new();
    for (path, content) in wanted {
        match read(&folder.join(path))? {
            None => stale.push(Stale::Missing { path: path.clone() }),
            Some(found) if found == content.as_bytes() => {}
            Some(found) => stale.push(differs(path, content, &String::from_utf8_lossy(&found))),
        }
    }
    for path in files_under(folder, Path::new(scope.folder()))? {
        if !wanted.contains_key(&path) {
            stale.push(Stale::Orphan { path });
        }
    }
    stale.sort_by(|a, b| a.path().cmp(b.path()));
    Ok(stale)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, GenerateError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(GenerateError::File { path: path.to_owned(), source }),
    }
}

fn differs(path: &Path, wanted: &str, found: &str) -> Stale {
    // Split at every line feed, so that a missing last one, or a carriage return, shows too.
    let (mut wanted_lines, mut found_lines) = (wanted.split('\n'), found.split('\n'));
    let mut line = 1;
    loop {
        match (wanted_lines.next(), found_lines.next()) {
            (Some(a), Some(b)) if a == b => line += 1,
            (wanted, found) => {
                let visible = |text: &str| text.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'");
                let (wanted, found) = (wanted.map(visible), found.map(visible));
                return Stale::Differs { path: path.to_owned(), line, wanted, found };
            }
        }
    }
}

/// Every file below `folder/below`, as paths under `folder`. Anything that is not a folder counts as a file.
fn files_under(folder: &Path, below: &Path) -> Result<Vec<PathBuf>, GenerateError> {
    let mut files = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(below) = folders.pop() {
        let path = folder.join(&below);
        let failed = |source| GenerateError::File { path: path.clone(), source };
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let below = below.join(entry.file_name());
            let is_folder = entry.file_type().map_err(failed)?.is_dir();
            if is_folder { folders.push(below) } else { files.push(below) }
        }
    }
    Ok(files)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::generate::write;

    fn wanted() -> Files {
        let file = |path: &str, content: &str| (PathBuf::from(path), content.to_owned());
        Files::from([
            file("crds/echoes.yaml", "# cargo xtask gen-crd\nkind: Echo\nplural: echoes\n"),
            file("install.yaml", "a: 1\n"),
            file("rbac/role.yaml", "b: 2\n"),
        ])
    }

    fn generated() -> TempDir {
        let folder = TempDir::new().unwrap();
        let missing = stale(&wanted(), folder.path(), Scope::All).unwrap();
        assert_eq!(missing.len(), 3, "an empty folder lacks everything: {missing:?}");
        write::write(&wanted(), &missing, folder.path()).unwrap();
        folder
    }

    fn described(folder: &TempDir) -> Vec<String> {
        let stale = stale(&wanted(), folder.path(), Scope::All).unwrap();
        stale.iter().map(|one| one.describe("generated", true)).collect()
    }

    #[test]
    fn what_was_just_written_is_up_to_date() {
        assert_eq!(described(&generated()), [""; 0]);
    }

    #[test]
    fn an_edited_file_is_named_with_the_first_line_that_differs() {
        let folder = generated();
        fs::write(folder.path().join("crds/echoes.yaml"), "# cargo xtask gen-crd\nkind: Echo\nplural: echos\n").unwrap();
        let expected = "generated/crds/echoes.yaml:3: differs\n  the file has  plural: echos\n  the types say plural: echoes";
        assert_eq!(described(&folder), [expected]);
    }

    #[test]
    fn a_lost_last_line_feed_and_a_carriage_return_show() {
        let folder = generated();
        fs::write(folder.path().join("install.yaml"), "a: 1").unwrap();
        fs::write(folder.path().join("rbac/role.yaml"), "b: 2\r\n").unwrap();
        let found = described(&folder);
        assert!(found[0].contains("install.yaml:2: differs\n  the file has  (end of file)"), "{found:?}");
        assert!(found[1].contains("role.yaml:1: differs\n  the file has  b: 2\\r\n"), "{found:?}");
    }

    #[test]
    fn a_deleted_file_is_missing() {
        let folder = generated();
        fs::remove_file(folder.path().join("rbac/role.yaml")).unwrap();
        assert_eq!(described(&folder), ["generated/rbac/role.yaml: missing"]);
    }

    #[test]
    fn an_extra_file_is_an_orphan_wherever_it_is() {
        let folder = generated();
        fs::write(folder.path().join("notes.txt"), "").unwrap();
        fs::create_dir_all(folder.path().join("charts/old")).unwrap();
        fs::write(folder.path().join("charts/old/values.yaml"), "").unwrap();
        let expected = ["generated/charts/old/values.yaml", "generated/notes.txt"];
        assert_eq!(described(&folder), expected.map(|path| format!("{path}: nothing generates this file")));
    }

    #[test]
    fn a_part_sees_nothing_of_the_others() {
        let folder = generated();
        fs::write(folder.path().join("notes.txt"), "").unwrap();
        fs::write(folder.path().join("crds/old.yaml"), "").unwrap();
        let crds: Files = wanted().into_iter().filter(|(path, _)| path.starts_with("crds")).collect();
        let stale = stale(&crds, folder.path(), Scope::Crds).unwrap();
        assert_eq!(stale, [Stale::Orphan { path: PathBuf::from("crds/old.yaml") }]);
    }
}
