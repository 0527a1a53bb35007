//! The bare client as a process of its own, so that its CPU time can be measured from outside.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use crate::bare::{Feed, Object, READY};
use crate::client::decode;
use crate::error::Error;
use crate::process::{self, Process};

/// The bare client, waiting for resources.
pub(crate) struct BareProcess {
    pub(crate) process: Process,
    input: Input,
}

/// Hands new resources to the bare client, where it does not watch them itself.
#[derive(Clone)]
pub(crate) struct Input(Option<Arc<Mutex<ChildStdin>>>);

impl BareProcess {
    /// Starts the bare client with this script, and waits until its watches are open.
    pub(crate) async fn start(kubeconfig: &Path, script: &Path, feed: Feed) -> Result<Self, Error> {
        let mut command = process::command(&process::own_program()?);
        command.arg("bare").arg("--kubeconfig").arg(kubeconfig);
        command.arg("--script").arg(script).args(["--feed", feed.as_str()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start("bare client", &mut command)?;
        let stdin = process.child.stdin.take().filter(|_| feed == Feed::Stdin);
        let stdout = process.child.stdout.take();
        let first_line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            if let Some(stdout) = stdout {
                let _ = BufReader::new(stdout).read_line(&mut line);
            }
            line
        });
        if first_line.await.map_err(Error::connection)?.trim() != READY {
            return Err(process.error("ended before it was ready"));
        }
        Ok(Self { process, input: Input(stdin.map(|stdin| Arc::new(Mutex::new(stdin)))) })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub(crate) fn input(&self) -> Input {
        self.input.clone()
    }
}

impl Input {
    /// Passes on a created resource. `answer` is the API server's answer to the create.
    pub(crate) fn created(&self, number: usize, answer: &[u8]) -> Result<(), Error> {
        let Some(stdin) = &self.0 else { return Ok(()) };
        let uid = decode::<Object<'_>>("the created resource", answer)?.metadata.uid;
        let mut stdin = stdin.lock().unwrap_or_else(PoisonError::into_inner);
        stdin
            .write_all(format!("{number} {uid}\n").as_bytes())
            .map_err(|source| Error::File { path: "the bare client's input".into(), source })
    }
}
