//! The settings of a project: its operators, and the names of packages and folders.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use kubewright_core::Registry;
use kubewright_manifests::Options;

use crate::ci::tidy::Words;

/// A project built on kubewright.
#[derive(Clone, Debug)]
pub struct Project {
    pub(crate) registry: Registry,
    pub(crate) options: Options,
    pub(crate) operator: &'static str,
    pub(crate) bench: Option<&'static str>,
    pub(crate) generated: &'static str,
    pub(crate) pure: Vec<&'static str>,
    pub(crate) standalone: Vec<&'static str>,
    pub(crate) words: Words,
}

/// The folder of the project cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The current folder is in no workspace.
    #[error(
        "no Cargo.toml with a [workspace] in {} or its parents; run this inside of the project",
        .from.display()
    )]
    NoWorkspace {
        /// The folder where the search began.
        from: PathBuf,
    },
    /// The current folder is unknown.
    #[error("cannot use the current folder: {source}; change to the folder of the project")]
    NoFolder {
        /// The error of the operating system.
        source: std::io::Error,
    },
}

impl Project {
    /// `registry` contains the operators, `operator` is the package and binary that runs them.
    #[must_use]
    pub fn new(registry: Registry, operator: &'static str) -> Self {
        Self {
            registry,
            options: Options::default(),
            operator,
            bench: None,
            generated: "generated",
            pure: Vec::new(),
            standalone: Vec::new(),
            words: Words::default(),
        }
    }

    /// Sets the package and binary of the benchmark. Its first arguments are `--operator FILE`, the
    /// path of the operator.
    #[must_use]
    pub fn bench(mut self, package: &'static str) -> Self {
        self.bench = Some(package);
        self
    }

    /// Sets the options of generated files.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Adds packages that must not depend on an async runtime or an HTTP client; `ci` checks this.
    #[must_use]
    pub fn pure(mut self, packages: impl IntoIterator<Item = &'static str>) -> Self {
        self.pure.extend(packages);
        self
    }

    /// Adds packages that must compile without the rest of the workspace; `ci` checks this.
    #[must_use]
    pub fn standalone(mut self, packages: impl IntoIterator<Item = &'static str>) -> Self {
        self.standalone.extend(packages);
        self
    }

    /// Sets the words that `tidy` rejects; none by default.
    #[must_use]
    pub fn words(mut self, words: Words) -> Self {
        self.words = words;
        self
    }

    /// The folder of the workspace.
    ///
    /// # Errors
    /// [`ProjectError`] outside of a workspace.
    pub fn root(&self) -> Result<PathBuf, ProjectError> {
        // Cargo sets the folder of the xtask package, whatever the current folder is.
        let from = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => env::current_dir().map_err(|source| ProjectError::NoFolder { source })?,
        };
        workspace_above(&from).ok_or(ProjectError::NoWorkspace { from })
    }

    /// The folder of the generated files.
    pub(crate) fn generated_folder(&self) -> Result<PathBuf, ProjectError> {
        Ok(self.root()?.join(self.generated))
    }
}

fn workspace_above(from: &Path) -> Option<PathBuf> {
    // For cargo, `[workspace.package]` alone makes a workspace, too.
    let is_table = |line: &str| line == "[workspace]" || line.starts_with("[workspace.");
    let is_workspace = |folder: &&Path| {
        fs::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|text| text.lines().map(str::trim).any(is_table))
    };
    from.ancestors().find(is_workspace).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_of_a_package_is_found() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = workspace_above(here).unwrap_or_default();
        assert!(root.join("Cargo.lock").exists(), "{}", root.display());
        assert!(here.starts_with(root));
    }

    #[test]
    fn any_table_of_a_workspace_makes_a_workspace() -> std::io::Result<()> {
        let folder = tempfile::TempDir::new()?;
        fs::write(folder.path().join("Cargo.toml"), "[workspace.package]\nversion = \"1.0.0\"\n")?;
        assert_eq!(workspace_above(folder.path()).as_deref(), Some(folder.path()));
        Ok(())
    }

    #[test]
    fn no_workspace_is_found_outside_of_one() {
        assert_eq!(workspace_above(Path::new("/")), None);
    }
}
