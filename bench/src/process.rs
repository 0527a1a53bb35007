//! A process that the bench started: its log, whether it runs, its end.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use crate::error::Error;

const POLL: Duration = Duration::from_millis(5);
/// Between two looks at a process that should not end.
const WATCH: Duration = Duration::from_millis(200);
const STOP_LIMIT: Duration = Duration::from_secs(25);

/// A running process. It is killed at the latest when this value is dropped.
pub(crate) struct Process {
    name: &'static str,
    pub(crate) child: Child,
    /// Deleted when this value is dropped.
    log: NamedTempFile,
    pub(crate) started: Instant,
}

/// This program's own file.
pub(crate) fn own_program() -> Result<PathBuf, Error> {
    let path = "/proc/self/exe".into();
    std::env::current_exe().map_err(|source| Error::File { path, source })
}

impl Process {
    /// Starts `command` with its standard error in a log. `name` is for messages.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Result<Self, Error> {
        let unusable = |source| Error::File { path: std::env::temp_dir(), source };
        let log = tempfile::Builder::new()
            .prefix(&format!("kubewright-bench-{}-", std::process::id()))
            .suffix(".log")
            .tempfile()
            .map_err(unusable)?;
        let output = log.reopen().map_err(unusable)?;
        // In a group of its own, Ctrl-C in the terminal reaches the bench alone.
        command.stderr(output).process_group(0);
        let started = Instant::now();
        let path = PathBuf::from(command.get_program());
        let child = command.spawn().map_err(|source| Error::File { path, source })?;
        Ok(Self { name, child, log, started })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// # Errors
    /// [`Error::Process`]: it has ended.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.error(&format!("ended by itself ({status})"))),
            Err(error) => Err(self.error(&error.to_string())),
        }
    }

    /// Waits until the process ends, which is an error.
    pub(crate) async fn unexpected_end(&mut self) -> Error {
        loop {
            if let Err(error) = self.check() {
                return error;
            }
            tokio::time::sleep(WATCH).await;
        }
    }

    /// Sends SIGTERM, and waits until the process has ended.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        self.check()?;
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)
                .map_err(|error| self.error(&format!("cannot be stopped ({error})")))?;
        }
        let deadline = Instant::now() + STOP_LIMIT;
        while Instant::now() < deadline {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(self.error(&format!("ended with {status}"))),
                _ => tokio::time::sleep(POLL).await,
            }
        }
        Err(self.error(&format!("did not stop within {} s of SIGTERM", STOP_LIMIT.as_secs())))
    }

    /// An error with the end of the process's log.
    pub(crate) fn error(&self, what: &str) -> Error {
        let text = fs::read_to_string(self.log.path()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(15).collect();
        let log = lines.into_iter().rev().collect::<Vec<_>>().join("\n");
        Error::Process { name: self.name, what: what.to_owned(), log }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command whose environment cannot change what it does.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for variable in ["KUBECONFIG", "WATCH_NAMESPACE", "RUST_LOG", "LOG_FORMAT"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_start_leaves_no_log() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("missing");
        let logs = || {
            let prefix = format!("kubewright-bench-{}-", std::process::id());
            let files = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
            files.filter(|file| file.file_name().to_string_lossy().starts_with(&prefix)).count()
        };
        // The processes of other tests have logs for some time.
        let leaves_none = |_| {
            let before = logs();
            assert!(Process::start("missing", &mut command(&program)).is_err());
            logs() <= before
        };
        assert!((0..5).any(leaves_none));
    }
}
