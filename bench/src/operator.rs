//! The operator as a process of its own, as it is released, and what it says about itself over
//! HTTP.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::Error;
use crate::prometheus::Samples;

/// How often metrics are looked at while it starts.
const POLL: Duration = Duration::from_millis(5);
/// Nothing was asked or reconciled for so long: it is at rest.
const REST: Duration = Duration::from_millis(700);
const LONGEST_WAIT: Duration = Duration::from_mins(3);
const STOP_LIMIT: Duration = Duration::from_secs(25);

/// The operator, running. It is killed at the latest when this value goes.
pub(crate) struct Operator {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
    started: Instant,
}

/// What the operator counts.
pub(crate) struct Said(Samples);

impl Operator {
    /// Runs `binary` on a control plane, with these arguments beside the usual ones.
    pub(crate) fn start(binary: &Path, kubeconfig: &Path, more: &[&str]) -> Result<Self, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let log = std::env::temp_dir()
            .join(format!("kubewright-bench-{}-{number}.log", std::process::id()));
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::File { path, source }
        };
        let output = File::create(&log).map_err(at(&log))?;
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(at(&log))?;
        let mut command = Command::new(binary);
        command.args(["run", "--controllers", "echo", "--kubeconfig"]).arg(kubeconfig);
        command.args(["--listen", &address.to_string()]).args(more);
        for variable in ["KUBECONFIG", "WATCH_NAMESPACE", "RUST_LOG", "LOG_FORMAT"] {
            command.env_remove(variable);
        }
        // Ctrl-C is for us.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(output).process_group(0);
        let started = Instant::now();
        let child = command.spawn().map_err(at(binary))?;
        Ok(Self { child, address, log, started })
    }

    /// Whether this operator can sweep on its own, and so be made to reconcile everything.
    pub(crate) fn can_resync(binary: &Path) -> Result<bool, Error> {
        let help = Command::new(binary).args(["run", "--help"]).output();
        let help = help.map_err(|source| Error::File { path: binary.to_owned(), source })?;
        Ok(String::from_utf8_lossy(&help.stdout).contains("--resync"))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it counts, now.
    pub(crate) async fn said(&mut self) -> Result<Said, Error> {
        match self.scrape().await {
            Ok(text) => Ok(Said(Samples::parse(&text, &["kubewright_"]))),
            Err(error) => {
                self.check()?;
                Err(self.broken(&format!("does not tell its metrics ({error})")))
            }
        }
    }

    /// Waits until its caches are filled, its queue is empty and it has reconciled at least so many
    /// times; gives the time since it was started.
    pub(crate) async fn steady(&mut self, reconciles: usize) -> Result<Duration, Error> {
        let mut seen = "no answer".to_owned();
        while self.started.elapsed() < LONGEST_WAIT {
            self.check()?;
            // It is not listening at once.
            if let Ok(text) = self.scrape().await {
                let took = self.started.elapsed();
                let said = Said(Samples::parse(&text, &["kubewright_"]));
                if said.is_ready()
                    && said.in_work() == 0.0
                    && said.reconciles() >= count(reconciles)
                {
                    return Ok(took);
                }
                seen = format!("{} reconciles, {} in work", said.reconciles(), said.in_work());
            }
            tokio::time::sleep(POLL).await;
        }
        Err(Error::Late {
            what: format!("the operator is steady after {reconciles} reconciles"),
            within: LONGEST_WAIT,
            seen,
        })
    }

    /// Waits until it did nothing for a while; what it counted then.
    pub(crate) async fn rest(&mut self) -> Result<Said, Error> {
        let deadline = Instant::now() + LONGEST_WAIT;
        let mut before = self.said().await?;
        while Instant::now() < deadline {
            tokio::time::sleep(REST).await;
            let now = self.said().await?;
            if now.in_work() == 0.0 && now.activity() == before.activity() {
                return Ok(now);
            }
            before = now;
        }
        let seen = format!("{:?} requests and reconciles", before.activity());
        Err(Error::Late { what: "the operator is at rest".into(), within: LONGEST_WAIT, seen })
    }

    /// Asks it to end, and waits until it did.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        self.check()?;
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)
                .map_err(|error| self.broken(&format!("cannot be stopped ({error})")))?;
        }
        let deadline = Instant::now() + STOP_LIMIT;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return if status.success() {
                    Ok(())
                } else {
                    Err(self.broken(&format!("ended with {status}")))
                };
            }
            tokio::time::sleep(POLL).await;
        }
        Err(self.broken("did not stop when it was asked to"))
    }

    fn check(&mut self) -> Result<(), Error> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.broken(&format!("ended by itself ({status})"))),
            Err(error) => Err(self.broken(&error.to_string())),
        }
    }

    fn broken(&self, what: &str) -> Error {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(15).collect();
        Error::Operator {
            what: what.to_owned(),
            log: lines.into_iter().rev().collect::<Vec<_>>().join("\n"),
        }
    }

    async fn scrape(&self) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
            _ => Err(io::Error::other(answer.lines().next().unwrap_or("no answer").to_owned())),
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It may have ended already, and its log be gone.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.log);
    }
}

impl Said {
    fn is_ready(&self) -> bool {
        self.0.sum("kubewright_ready", &[]) == Some(1.0)
    }

    fn in_work(&self) -> f64 {
        // Gauges that are missing are no sign of rest.
        let gauge = |name| self.0.sum(name, &[]).unwrap_or(f64::INFINITY);
        gauge("kubewright_queue_depth") + gauge("kubewright_running_reconciles")
    }

    /// Reconciles that ended.
    pub(crate) fn reconciles(&self) -> f64 {
        self.0.sum("kubewright_reconciles_total", &[]).unwrap_or(0.0)
    }

    /// Requests that it sent, but for watches: they are opened once and again every few minutes,
    /// however many resources there are.
    pub(crate) fn requests(&self) -> f64 {
        self.by_verb()
            .into_iter()
            .filter(|(verb, _)| verb != "watch")
            .map(|(_, count)| count)
            .fold(0.0, std::ops::Add::add)
    }

    /// Requests that change something.
    pub(crate) fn writes(&self) -> f64 {
        let reads = ["get", "list", "watch"];
        self.by_verb()
            .into_iter()
            .filter(|(verb, _)| !reads.contains(&verb.as_str()))
            .map(|(_, count)| count)
            .fold(0.0, std::ops::Add::add)
    }

    fn by_verb(&self) -> Vec<(String, f64)> {
        self.0
            .rows("kubewright_api_requests_total", ["verb"])
            .map(|([verb], count)| (verb.to_owned(), count))
            .collect()
    }

    fn activity(&self) -> (u64, u64) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts of things
        let whole = |count: f64| count as u64;
        (whole(self.requests()), whole(self.reconciles()))
    }
}

/// A count as a figure.
pub(crate) fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}
