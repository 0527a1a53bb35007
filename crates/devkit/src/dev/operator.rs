//! Builds the operator from source and runs it.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kubewright_testing::control_plane::ControlPlane;
use rustix::process::{Pid, Signal, kill_process};

use super::error::DevError;
use super::follow;
use crate::invocation::Invocation;
use crate::program::{self, ProgramError};
use crate::project::Project;
use crate::terminal;

/// The operator finishes its work within 20 s after a signal.
const STOP_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// Compiles the operator and returns the path of its program.
pub(super) fn build(project: &Project, root: &Path) -> Result<PathBuf, ProgramError> {
    let package = project.operator;
    let mut cargo =
        Invocation::cargo().args(["build", "--package", package, "--bin", package]).folder(root);
    if let Ok(xtask) = env::var("CARGO_PKG_NAME") {
        // One build with xtask gives the dependencies the same features, so that they are compiled
        // once.
        cargo = cargo.args(["--package", &xtask]);
    }
    program::build(cargo, package)
}

/// A running operator. It is stopped on drop.
pub(super) struct Operator {
    child: Child,
    log: PathBuf,
    address: SocketAddr,
}

impl Operator {
    /// Starts `binary` on the cluster. Its output goes to `log`.
    pub(super) fn start(
        binary: &Path,
        control_plane: &ControlPlane,
        log: PathBuf,
    ) -> Result<Self, DevError> {
        let failed = |source| DevError::File { path: log.clone(), source };
        fs::create_dir_all(log.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        let output = File::create(&log).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        let address = free_address().map_err(failed)?;
        let child = Command::new(binary)
            .arg("run")
            .arg("--kubeconfig")
            .arg(control_plane.kubeconfig())
            .args(["--listen", &address.to_string()])
            .env_remove("KUBECONFIG")
            // This variable of the user limits an operator to some namespaces.
            .env_remove("WATCH_NAMESPACE")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // This process receives Ctrl-C and stops the operator.
            .process_group(0)
            .spawn()
            .map_err(|source| DevError::NotStarted { binary: binary.to_owned(), source })?;
        Ok(Self { child, log, address })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The path of its log.
    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// The address of /livez, /readyz and /metrics.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns an error if the operator exited.
    pub(super) fn check(&mut self) -> Result<(), DevError> {
        match self.status() {
            None => Ok(()),
            Some(status) => Err(DevError::Crashed {
                status,
                log: self.log.clone(),
                last_lines: follow::last_lines(&self.log, 20),
            }),
        }
    }

    /// Sends SIGTERM and waits for the end.
    pub(super) fn stop(&mut self) {
        if self.status().is_some() {
            return;
        }
        // An error means that the process has exited.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + STOP_LIMIT;
        while self.status().is_none() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        if self.status().is_none() {
            terminal::note(format_args!(
                "operator killed, because it did not stop within {} s",
                STOP_LIMIT.as_secs()
            ));
            let _ = self.child.kill();
            let _ = self.child.wait();
        } else {
            terminal::done("operator stopped");
        }
    }

    fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A free address, so that several operators can run at the same time.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
