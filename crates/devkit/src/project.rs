//! What a project tells us about itself: its operators, and the names of its packages and folders.

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
    pub(crate) alone: Vec<&'static str>,
    pub(crate) words: Words,
}

/// The project's folder cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// Called from somewhere else.
    #[error("there is no Cargo.toml with a [workspace] in {} or above it; call this inside of the project", .from.display())]
    NoWorkspace {
        /// Where we looked.
        from: PathBuf,
    },
    /// Not even the current folder is known.
    #[error("the current folder cannot be used ({source}); change into the project's folder")]
    NoFolder {
        /// What the system said.
        source: std::io::Error,
    },
}

impl Project {
    /// `registry` has the operators, `operator` is the package (and binary) that runs them.
    #[must_use]
    pub fn new(registry: Registry, operator: &'static str) -> Self {
        Self {
            registry,
            options: Options::default(),
            operator,
            bench: None,
            generated: "generated",
            pure: Vec::new(),
            alone: Vec::new(),
            words: Words::default(),
        }
    }

    /// The package (and binary) that measures the operator. It is told where the operator's program
    /// is, with `--operator FILE`; everything else is its own.
    #[must_use]
    pub fn bench(mut self, package: &'static str) -> Self {
        self.bench = Some(package);
        self
    }

    /// What the project chooses about its generated files.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The packages that `ci` proves free of an async runtime and of an HTTP client.
    #[must_use]
    pub fn pure(mut self, packages: impl IntoIterator<Item = &'static str>) -> Self {
        self.pure.extend(packages);
        self
    }

    /// The packages that `ci` proves to compile without the rest of the workspace, with their own
    /// features only.
    #[must_use]
    pub fn alone(mut self, packages: impl IntoIterator<Item = &'static str>) -> Self {
        self.alone.extend(packages);
        self
    }

    /// The words that `ci` reports in code and in prose; none by default.
    #[must_use]
    pub fn words(mut self, words: Words) -> Self {
        self.words = words;
        self
    }

    /// The folder of the workspace.
    ///
    /// # Errors
    /// [`ProjectError`] when called outside of one.
    pub fn root(&self) -> Result<PathBuf, ProjectError> {
        // Cargo says where xtask's own package is, wherever in the project it was called.
        let from = match env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => env::current_dir().map_err(|source| ProjectError::NoFolder { source })?,
        };
        workspace_above(&from).ok_or(ProjectError::NoWorkspace { from })
    }

    /// The folder of the generated files.
    ///
    /// # Errors
    /// [`ProjectError`] when called outside of a workspace.
    pub fn generated_folder(&self) -> Result<PathBuf, ProjectError> {
        Ok(self.root()?.join(self.generated))
    }
}

fn workspace_above(from: &Path) -> Option<PathBuf> {
    let is_workspace = |folder: &&Path| {
        fs::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|text| text.lines().any(|line| line.trim() == "[workspace]"))
    };
    from.ancestors().find(is_workspace).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_found_from_a_package_inside_of_it() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = workspace_above(here).unwrap_or_default();
        assert!(root.join("Cargo.lock").exists(), "{}", root.display());
        assert!(here.starts_with(root));
    }

    #[test]
    fn outside_of_a_workspace_there_is_none() {
        assert_eq!(workspace_above(Path::new("/")), None);
    }
}
