//! Allows one development session per control plane, and stops the operator of a killed session.

use std::fs;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use kubewright_testing::home::{Home, Lock};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::error::DevError;
use crate::terminal;

/// The time limit for each signal to a leftover operator.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
/// The time limit for the release of the lock.
const RELEASE_LIMIT: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(20);

/// The lock of a session on a control plane. It is released when this value or the process ends.
/// Its file contains the process id of the operator.
pub(super) struct SessionLock(Lock);

impl SessionLock {
    /// Acquires the lock of the control plane `name`.
    pub(super) fn acquire(home: &Home, name: &str) -> Result<Self, DevError> {
        // Waits for a session that is ending, or for a fork that still holds the file.
        let deadline = Instant::now() + RELEASE_LIMIT;
        loop {
            if let Some(lock) = home.try_lock(&format!("dev-{name}"))? {
                return Ok(Self(lock));
            }
            if Instant::now() > deadline {
                return Err(DevError::AlreadyRunning { name: name.to_owned() });
            }
            thread::sleep(POLL);
        }
    }

    /// Releases the lock and removes its file.
    pub(super) fn release(self) {
        self.0.remove();
    }

    /// Records the process id of the operator.
    pub(super) fn record_operator(&mut self, operator: u32) -> Result<(), DevError> {
        let mut file = self.0.file();
        let write = file.set_len(0).and_then(|()| write!(file, "{operator}"));
        write.map_err(|source| DevError::Record { source })
    }

    /// Stops the operator of a killed session, because two operators on one cluster would conflict.
    pub(super) fn stop_leftover(&mut self, kubeconfig: &Path, limit: Duration) {
        let (mut file, mut recorded) = (self.0.file(), String::new());
        let _ = file.rewind().and_then(|()| file.read_to_string(&mut recorded));
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
        for signal in [Signal::TERM, Signal::KILL] {
            let _ = kill_process(process, signal);
            let deadline = Instant::now() + limit;
            while test_kill_process(process).is_ok() && Instant::now() < deadline {
                thread::sleep(POLL);
            }
        }
    }
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
    use std::os::unix::process::ExitStatusExt;
    use std::process::Stdio;
    use std::sync::mpsc;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_second_session_on_a_control_plane_is_rejected_until_the_first_ends() {
        let folder = TempDir::new().unwrap();
        let home = Home::at(folder.path()).unwrap();
        let first = SessionLock::acquire(&home, "dev").unwrap();
        let rejected = SessionLock::acquire(&home, "dev").err().unwrap().to_string();
        assert!(rejected.contains("already runs on the control plane `dev`"), "{rejected}");
        SessionLock::acquire(&home, "other").unwrap();
        first.release();
        SessionLock::acquire(&home, "dev").unwrap().release();
        assert!(!folder.path().join("locks/dev-dev.lock").exists());
    }

    #[test]
    fn a_leftover_operator_that_ignores_sigterm_is_killed() {
        let folder = TempDir::new().unwrap();
        let home = Home::at(folder.path()).unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        let mut child = Command::new("sh")
            .args(["-c", "trap '' TERM; echo; while :; do sleep 0.05; done"])
            .arg(&kubeconfig)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The line comes after the trap.
        child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
        let mut lock = SessionLock::acquire(&home, "dev").unwrap();
        lock.record_operator(child.id()).unwrap();
        let (ended, waiting) = mpsc::channel();
        thread::spawn(move || ended.send(child.wait().unwrap()).unwrap());
        lock.stop_leftover(&kubeconfig, Duration::from_millis(100));
        let status = waiting.recv_timeout(LIMIT).unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
    }

    #[test]
    fn a_leftover_operator_is_stopped_and_another_process_is_not() {
        let folder = TempDir::new().unwrap();
        let home = Home::at(folder.path()).unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        let mut sleeps = Command::new("sh");
        let script = "while :; do sleep 0.05; done";
        let mut child = sleeps
            .args(["-c", script, &kubeconfig.to_string_lossy()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        SessionLock::acquire(&home, "dev").unwrap().record_operator(child.id()).unwrap();
        let mut lock = SessionLock::acquire(&home, "dev").unwrap();
        // The arguments of a new process are not visible immediately.
        let (process, deadline) = (Pid::from_child(&child), Instant::now() + LIMIT);
        while !command_line(process).contains("kubeconfig") && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        lock.stop_leftover(Path::new("/another/kubeconfig"), LIMIT);
        assert!(child.try_wait().unwrap().is_none(), "the process of another cluster was stopped");
        // The parent must wait for a process, and the parent is this test.
        let (ended, waiting) = mpsc::channel();
        thread::spawn(move || ended.send(child.wait().unwrap()).unwrap());
        lock.stop_leftover(&kubeconfig, LIMIT);
        let status = waiting.recv_timeout(LIMIT).unwrap();
        assert!(!status.success(), "the process was not stopped");
    }
}
