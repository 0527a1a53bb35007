//! The example in `examples/hello`, a crate outside of the workspace, and the change of it that the
//! README shows.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The folder of the example.
#[must_use]
pub fn folder() -> PathBuf {
    root().join("examples/hello")
}

/// The program of the example.
#[must_use]
pub fn source() -> String {
    std::fs::read_to_string(folder().join("src/main.rs")).unwrap()
}

/// The first block of the README in this language.
#[must_use]
pub fn readme_block(language: &str) -> String {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once(&format!("\n```{language}\n")).unwrap();
    rest.split_once("```\n").unwrap().0.to_owned()
}

/// A copy of the example with the change of the README, in this folder.
pub fn write_changed(folder: &Path) {
    write_copy(folder, |manifest| manifest, &changed(&source(), &readme_block("diff")));
}

/// A copy of the example in this folder, with a changed manifest and this source.
pub fn write_copy(folder: &Path, manifest: impl FnOnce(String) -> String, source: &str) {
    let original = self::folder();
    std::fs::create_dir_all(folder.join("src")).unwrap();
    std::fs::copy(original.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let text = std::fs::read_to_string(original.join("Cargo.toml")).unwrap();
    let absolute = text.replace("../..", root().to_str().unwrap());
    assert_ne!(text, absolute, "the manifest has no relative path to the crates");
    std::fs::write(folder.join("Cargo.toml"), manifest(absolute)).unwrap();
    std::fs::write(folder.join("src/main.rs"), source).unwrap();
}

/// The source after the diff: what is unchanged or removed must be in the source, in this order.
fn changed(source: &str, diff: &str) -> String {
    let mut result: Vec<&str> = Vec::new();
    let mut lines = source.lines();
    for line in diff.lines().filter(|line| !line.starts_with("@@")) {
        let (mark, content) = line.split_at(1);
        if mark != "+" {
            assert!(source.lines().any(|line| line == content), "not in the example: {content}");
            let before = lines.by_ref().take_while(|before| *before != content);
            result.extend(before);
        }
        if mark != "-" {
            result.push(content);
        }
    }
    result.extend(lines);
    result.join("\n") + "\n"
}

/// Runs cargo for a package outside of the workspace, with a target folder of its own.
#[must_use]
pub fn cargo(arguments: &[&str], package: &Path) -> Output {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(arguments).args(["--locked", "--manifest-path"]).arg(package.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(target()).current_dir(package);
    // The variables of the cargo that runs this test describe another package, and the
    // configuration of the workspace sets a version that a user has to choose.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_")
            || text == "CARGO_MANIFEST_DIR"
            || text == "K8S_OPENAPI_ENABLED_VERSION"
        {
            cargo.env_remove(&name);
        }
    }
    cargo.output().unwrap()
}

fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(target).join("examples")
}

/// Builds the example, or a copy of it, and returns its program. The next build replaces the
/// program.
#[must_use]
pub fn build(package: &Path) -> PathBuf {
    let output = cargo(&["build"], package);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} does not build:\n{errors}", package.display());
    target().join("debug/hello")
}
