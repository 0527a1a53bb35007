//! Programs that tests call as a user would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use kubewright::testing::assets::{Assets, Binary, Environment};
use kubewright::testing::control_plane::Spec;
use kubewright::testing::home::Home;
use kubewright::testing::progress;
use serde_json::Value;

/// The binary `kubectl-preview`.
#[must_use]
pub fn kubectl_preview() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| build("kubectl-preview"));
    &PROGRAM
}

/// The binary `operator`.
#[must_use]
pub fn operator() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| build("operator"));
    &PROGRAM
}

/// Builds the binary of a package of the same name. It is built with the features of `cargo xtask`,
/// so that no dependency is compiled again.
fn build(name: &str) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--message-format=json-render-diagnostics", "--package", "xtask"])
        .args(["--package", name, "--bin", name])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    messages
        .map(Result::unwrap)
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo reports the binary")
}

/// The kubectl of the control plane.
#[must_use]
pub fn kubectl() -> PathBuf {
    let environment = Environment::from_process();
    let home = Home::from_environment(&environment).unwrap();
    let progress = progress::detect();
    let wanted = Spec::new("any").wanted();
    let assets = Assets::locate(&environment, &home, &wanted, progress.as_ref()).unwrap();
    assets.path(Binary::Kubectl).unwrap().to_owned()
}
