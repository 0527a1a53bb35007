//! One development session per control plane at a time, and what a session that was killed left
//! behind.

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

/// How long an operator that was left behind may take to end.
const LIMIT: Duration = Duration::from_secs(30);
/// How long a turn may take to be given back.
const PATIENCE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(20);

/// The right to use a control plane for a session. It is given back when this value, or the
/// process, goes.
pub(super) struct Turn {
    /// Locked; what is in it is the process id of the operator.
    file: File,
    path: PathBuf,
}

impl Turn {
    /// Takes the turn on the control plane `name`.
    pub(super) fn take(home: &Path, name: &str) -> Result<Self, DevError> {
        let path = home.join(format!("dev-{name}.lock"));
        let failed = |source| DevError::File { path: path.clone(), source };
        // A session that is just ending, or a fork of it that has not become another program yet,
        // is waited for.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let file = OpenOptions::new()
                .create(true)
                .read(true)
                .append(true)
                .open(&path)
                .map_err(failed)?;
            // Whoever had the turn before may have removed the file meanwhile: then others lock
            // another one.
            if file.try_lock().is_ok() && is_at(&file, &path) {
                return Ok(Self { file, path });
            }
            if Instant::now() > deadline {
                return Err(DevError::AlreadyRunning { name: name.to_owned() });
            }
            thread::sleep(POLL);
        }
    }

    /// Gives the turn back, and leaves nothing: the operator has ended.
    pub(super) fn give_back(self) {
        // A file that stays does no harm.
        let _ = fs::remove_file(&self.path);
    }

    /// Writes down which process the operator is.
    pub(super) fn note(&mut self, operator: u32) -> Result<(), DevError> {
        let write = self
            .file
            .set_len(0)
            .and_then(|()| self.file.write_all(operator.to_string().as_bytes()));
        write.map_err(|source| DevError::File { path: self.path.clone(), source })
    }

    /// Ends the operator of a session that could not, because it was killed. Two on one cluster
    /// would disagree.
    pub(super) fn end_left_over(&mut self, kubeconfig: &Path) {
        let mut noted = String::new();
        let _ = self.file.rewind().and_then(|()| self.file.read_to_string(&mut noted));
        let process = noted.parse().ok().and_then(Pid::from_raw);
        // An old number may be somebody else's by now: only an operator has this kubeconfig among
        // its arguments.
        let Some(process) = process
            .filter(|process| command_line(*process).contains(&*kubeconfig.to_string_lossy()))
        else {
            return;
        };
        terminal::note(format_args!(
            "an operator of an earlier session still runs (process {process}): stopped"
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

/// The program and arguments of a process; empty if there is none.
fn command_line(process: Pid) -> String {
    let id = process.as_raw_nonzero();
    let from_proc = fs::read(format!("/proc/{id}/cmdline")).ok();
    // Where there is no /proc, as on macOS.
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
    fn a_second_session_on_one_control_plane_is_refused_until_the_first_is_gone() {
        let home = TempDir::new().unwrap();
        let first = Turn::take(home.path(), "dev").unwrap();
        let refused = Turn::take(home.path(), "dev").err().unwrap().to_string();
        assert!(refused.contains("runs already on the control plane `dev`"), "{refused}");
        Turn::take(home.path(), "other").unwrap();
        first.give_back();
        Turn::take(home.path(), "dev").unwrap().give_back();
        assert!(!home.path().join("dev-dev.lock").exists());
    }

    #[test]
    fn an_operator_that_was_left_behind_is_ended_and_a_stranger_is_not() {
        let home = TempDir::new().unwrap();
        let kubeconfig = home.path().join("kubeconfig");
        let mut sleeps = Command::new("sh");
        let script = "while :; do sleep 0.05; done";
        let mut child = sleeps
            .args(["-c", script, &kubeconfig.to_string_lossy()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Turn::take(home.path(), "dev").unwrap().note(child.id()).unwrap();
        let mut turn = Turn::take(home.path(), "dev").unwrap();
        // A process that was just started has no arguments to be seen for a moment.
        let (process, deadline) = (Pid::from_child(&child), Instant::now() + LIMIT);
        while !command_line(process).contains("kubeconfig") && Instant::now() < deadline {
            thread::sleep(POLL);
        }
        turn.end_left_over(Path::new("/another/kubeconfig"));
        assert!(child.try_wait().unwrap().is_none(), "it belongs to somebody else");
        // Only a process that was waited for is gone, and here we are its parent.
        let (ended, waits) = mpsc::channel();
        thread::spawn(move || ended.send(child.wait().unwrap()).unwrap());
        turn.end_left_over(&kubeconfig);
        let status = waits.recv_timeout(LIMIT).unwrap();
        assert!(!status.success(), "it ended by itself");
    }
}
