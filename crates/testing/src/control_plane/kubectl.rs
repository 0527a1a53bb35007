//! Calls kubectl on a cluster without reading or writing files of the user.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::error::Error;
use crate::command;

/// A kubectl with its cluster.
#[derive(Clone, Debug)]
pub(super) struct Kubectl {
    path: PathBuf,
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Kubectl {
    /// `cache` is the folder of its discovery cache.
    pub(super) fn new(path: &Path, kubeconfig: &Path, cache: &Path) -> Self {
        let owned = Path::to_owned;
        Self { path: owned(path), kubeconfig: owned(kubeconfig), cache: owned(cache) }
    }

    /// A command without arguments.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--cache-dir")
            .arg(&self.cache)
            // Preferences of the user (~/.kube/kuberc) can change what a command means.
            .env("KUBECTL_KUBERC", "false")
            .env_remove("KUBECONFIG");
        command
    }

    /// Runs a command and returns its output.
    pub(super) fn run(&self, arguments: &[&str], limit: Duration) -> Result<String, Error> {
        let output = command::output(self.command().args(arguments), limit)
            .map_err(|source| Error::Run { path: self.path.clone(), source })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let detail = command::last_lines(&String::from_utf8_lossy(&output.stderr), 5);
        Err(Error::Kubectl { command: arguments.join(" "), detail })
    }
}
