//! Allows one development session per control plane, and stops the operator of a killed session.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::error::DevError;
use crate::terminal;

/// The time limit for stopping a leftover operator.
const LIMIT: Duration = Duration::from_secs(30);
/// The time limit for the release of the lock.
const RELEASE_LIMIT: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(20);

/// The lock of a session on a control plane. It is released when this value or the process ends.
pub(super) struct SessionLock {
    /// The locked file. It contains the process id of the operator.
    file: File,
    path: PathBuf,
}

impl SessionLock {
    /// Acquires the lock of the control plane `name`.
    pub(super) fn acquire(home: &Path, name: &str) -> Result<Self, DevError> {
        let path = home.join(format!("dev-{name}.lock"));
        let failed = |source| DevError::File { path: path.clone(), source };
        // Waits for a session that is ending, or for a fork that still holds the file.
        let deadline = Instant::now() + RELEASE_LIMIT;
        loop {
            let file = OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .open(&path)
                .map_err(failed)?;
            // The previous holder may have removed the file. Then other processes lock a new file.
            if file.try_lock().is_ok() && is_at(&file, &path) {
                return Ok(Self { file, path });
            }
            if Instant::now() > deadline {
                return Err(DevError::AlreadyRunning { name: name.to_owned() });
            }
            thread::sleep(POLL);
        }
    }

    /// Releases the lock and removes its file.
    pub(super) fn release(self) {
        // A leftover file does no harm.
        let _ = fs::remove_file(&self.path);
    }

    /// Records the process id of the operator.
    pub(super) fn record_operator(&mut self, operator: u32) -> Result<(), DevError> {
        let write = self
            .file
            .set_len(0)
            .and_then(|()| self.file.write_all(operator.to_string().as_bytes()));
        write.map_err(|source| DevError::File { path: self.path.clone(), source })
    }

    /// Stops the operator of a killed session, because two operators on one cluster would conflict.
    pub(super) fn stop_leftover(&mut self, kubeconfig: &Path) {
        let mut recorded = String::new();
        let _ = self.file.rewind().and_then(|()| self.file.read_to_string(&mut recorded));
        let process = recorded.parse().ok().and_then(Pid::from_raw);
        // The number may belong to another process now. Only an operator has this kubeconfig in its
        // arguments.
        let Some(process) = process
            .filter(|process| command_line(*process).contains(&*kubeconfig.to_string_lossy()))
        else {
            return;
        };
        terminal::note(format_args!(
            "stopping the operator of an earlier session (process {process})"
        ));
        let _ = kill_process(process, Signal::TERM);
        let deadline = Instant::now() + LIMIT;
        while test_kill_process(process).is_ok() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata()
        .is_ok_and(|ours| fs::metadata(path).is_ok_and(|theirs| identity(ours) == identity(theirs)))
}

/// The program and the arguments of a process; empty if the process does not exist.
fn command_line(process: Pid) -> String {
    let id = process.as_raw_nonzero();
    let from_proc = fs::read(format!("/proc/{id}/cmdline")).ok();
    // For systems without /proc, such as macOS.
    let from_ps = || {
        Command::new("ps")
            .args(["-ww", "-o", "args=", "-p", &id.to_string()])
            .output()
            .map(|output| output.stdout)
            .ok()
    };
    let line = from_proc.or_else(from_ps).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::process::Stdio;
    use std::sync::mpsc;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_second_session_on_a_control_plane_is_rejected_until_the_first_ends() {
        let home = TempDir::new().unwrap();
        let first = SessionLock::acquire(home.path(), "dev").unwrap();
        let rejected = SessionLock::acquire(home.path(), "dev").err().unwrap().to_string();
        assert!(rejected.contains("already runs on the control plane `dev`"), "{rejected}");
        SessionLock::acquire(home.path(), "other").unwrap();
        first.release();
        SessionLock::acquire(home.path(), "dev").unwrap().release();
        assert!(!home.path().join("dev-dev.lock").exists());
    }

    #[test]
    fn a_leftover_operator_is_stopped_and_another_process_is_not() {
        let home = TempDir::new().unwrap();
        let kubeconfig = home.path().join("kubeconfig");
        let mut sleeps = Command::new("sh");
        let script = "while :; do sleep 0.05; done";
        let mut child = sleeps
            .args(["-c", script, &kubeconfig.to_string_lossy()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        SessionLock::acquire(home.path(), "dev").unwrap().record_operator(child.id()).unwrap();
        let mut lock = SessionLock::acquire(home.path(), "dev").unwrap();
        // The arguments of a new process are not visible immediately.
        let (process, deadline) = (Pid::from_child(&child), Instant::now() + LIMIT);
        while !command_line(process).contains("kubeconfig") && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        lock.stop_leftover(Path::new("/another/kubeconfig"));
        assert!(child.try_wait().unwrap().is_none(), "the process of another cluster was stopped");
        // The parent must wait for a process, and the parent is this test.
        let (ended, waiting) = mpsc::channel();
        thread::spawn(move || ended.send(child.wait().unwrap()).unwrap());
        lock.stop_leftover(&kubeconfig);
        let status = waiting.recv_timeout(LIMIT).unwrap();
        assert!(!status.success(), "the process was not stopped");
    }
}
