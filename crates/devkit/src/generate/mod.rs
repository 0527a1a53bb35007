//! `gen` and its parts: writes or compares the generated files. `kubewright-manifests` generates
//! and compares their content.
//!
//! - [`stale`]: the differences; also for a `#[test]` of a project
//! - `disk`: reads and writes the folder

mod disk;
mod error;

use std::process::ExitCode;

use kubewright_manifests::check::Difference;
use kubewright_manifests::{self as manifests, Artifact, Finding};

pub use error::GenerateError;

use crate::project::Project;
use crate::terminal;

/// A part of the generated files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All files.
    All,
    /// CustomResourceDefinitions.
    Crds,
    /// RBAC.
    Rbac,
    /// Samples.
    Samples,
}

impl Scope {
    /// The subfolder of the part; empty for all files.
    const fn folder(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Crds => "crds",
            Self::Rbac => "rbac",
            Self::Samples => "samples",
        }
    }

    /// The command that writes the part.
    pub(crate) const fn command(self) -> &'static str {
        match self {
            Self::All => "cargo xtask gen",
            Self::Crds => "cargo xtask gen-crd",
            Self::Rbac => "cargo xtask gen-rbac",
            Self::Samples => "cargo xtask gen-samples",
        }
    }
}

/// The generated files of `project`.
pub(crate) fn wanted(project: &Project, scope: Scope) -> Result<Vec<Artifact>, GenerateError> {
    let (registry, options) = (&project.registry, &project.options);
    Ok(match scope {
        Scope::All => manifests::artifacts(registry, options),
        Scope::Crds => manifests::crds(registry, options),
        Scope::Rbac => manifests::rbac(registry, options),
        Scope::Samples => manifests::samples(registry, options),
    }?)
}

/// The differences between the generated folder and the types of the project: files that differ,
/// are missing or are unexpected.
///
/// # Errors
/// [`GenerateError`] when files cannot be generated or read.
pub fn stale(project: &Project, scope: Scope) -> Result<Vec<Finding>, GenerateError> {
    let folder = project.generated_folder()?;
    Ok(manifests::check(&wanted(project, scope)?, &disk::read(&folder, scope.folder())?))
}

/// Writes the files, or with `check` only reports differences.
pub(crate) fn command(
    project: &Project,
    scope: Scope,
    check: bool,
) -> Result<ExitCode, GenerateError> {
    let stale = stale(project, scope)?;
    let folder = project.generated;
    if stale.is_empty() {
        terminal::done(format_args!(
            "{} is up to date",
            [folder, scope.folder()].join("/").trim_end_matches('/')
        ));
        return Ok(ExitCode::SUCCESS);
    }
    if check {
        for finding in &stale {
            println!("{folder}/{finding}");
        }
        return Err(GenerateError::Stale { count: stale.len(), command: scope.command() });
    }
    disk::write(&project.generated_folder()?, &wanted(project, scope)?, &stale)?;
    for finding in &stale {
        let verb = match finding.problem {
            Difference::Missing => "created",
            Difference::Differs { .. } => "changed",
            Difference::Orphaned => "removed",
        };
        println!("{verb} {folder}/{}", finding.path);
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;

    fn wanted() -> Vec<Artifact> {
        let file = |path: &str, content: &str| Artifact {
            path: path.to_owned(),
            content: content.to_owned(),
        };
        vec![
            file("crds/echoes.yaml", "kind: Echo\nplural: echoes\n"),
            file("install.yaml", "a: 1\n"),
            file("rbac/role.yaml", "b: 2\n"),
        ]
    }

    fn findings(folder: &Path) -> Vec<String> {
        let found = manifests::check(&wanted(), &disk::read(folder, "").unwrap());
        found.iter().map(ToString::to_string).collect()
    }

    fn generated() -> TempDir {
        let folder = TempDir::new().unwrap();
        let missing = manifests::check(&wanted(), &disk::read(folder.path(), "").unwrap());
        assert_eq!(missing.len(), 3, "an empty folder lacks everything: {missing:?}");
        disk::write(folder.path(), &wanted(), &missing).unwrap();
        folder
    }

    #[test]
    fn written_files_are_up_to_date() {
        assert_eq!(findings(generated().path()), [""; 0]);
    }

    #[test]
    fn an_edited_file_is_reported_with_the_first_different_line() {
        let folder = generated();
        fs::write(folder.path().join("crds/echoes.yaml"), "kind: Echo\nplural: echos\n").unwrap();
        let found = findings(folder.path());
        assert!(found[0].starts_with("crds/echoes.yaml:2: "), "{found:?}");
        assert!(found[0].contains("echos") && found[0].contains("echoes"), "{found:?}");
    }

    #[test]
    fn a_deleted_file_is_reported() {
        let folder = generated();
        fs::remove_file(folder.path().join("rbac/role.yaml")).unwrap();
        let found = findings(folder.path());
        assert!(found.len() == 1 && found[0].starts_with("rbac/role.yaml: "), "{found:?}");
    }

    #[test]
    fn an_unexpected_file_is_reported_in_any_folder_and_with_any_content() {
        let folder = generated();
        fs::write(folder.path().join("notes.bin"), b"\xff\xfe").unwrap();
        fs::create_dir_all(folder.path().join("charts/old")).unwrap();
        fs::write(folder.path().join("charts/old/.values.yaml"), "").unwrap();
        let found = findings(folder.path());
        assert!(found.len() == 2 && found[0].starts_with("charts/old/.values.yaml: "), "{found:?}");
        assert!(found[1].starts_with("notes.bin: "), "{found:?}");
    }

    #[test]
    fn writing_fixes_every_difference_and_leaves_no_empty_folder() {
        let folder = generated();
        let at = |path: &str| folder.path().join(path);
        fs::write(at("install.yaml"), "theirs").unwrap();
        fs::remove_file(at("rbac/role.yaml")).unwrap();
        fs::create_dir_all(at("charts/old")).unwrap();
        fs::write(at("charts/old/values.yaml"), "").unwrap();
        let found = manifests::check(&wanted(), &disk::read(folder.path(), "").unwrap());
        disk::write(folder.path(), &wanted(), &found).unwrap();
        assert_eq!(findings(folder.path()), [""; 0]);
        assert!(!at("charts").exists(), "an empty folder is left");
    }

    #[test]
    fn a_part_ignores_files_of_other_parts() {
        let folder = generated();
        fs::write(folder.path().join("notes.txt"), "").unwrap();
        let crds = disk::read(folder.path(), "crds").unwrap();
        assert_eq!(crds.keys().collect::<Vec<_>>(), ["crds/echoes.yaml"]);
    }

    #[test]
    fn the_error_contains_the_command_to_run() {
        let error = GenerateError::Stale { count: 1, command: Scope::Crds.command() };
        assert_eq!(error.to_string(), "1 generated file is out of date; run `cargo xtask gen-crd`");
    }
}
