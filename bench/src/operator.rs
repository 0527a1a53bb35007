//! The operator as a process of its own, and its metrics.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::process::Process;
use crate::prometheus::Samples;
use crate::wait::{Look, until};

/// Time between two scrapes while the operator starts.
const POLL: Duration = Duration::from_millis(5);
/// Time between two scrapes while the operator works.
const SCRAPE: Duration = Duration::from_millis(100);
/// Time between two requests of /livez.
const LIVEZ: Duration = Duration::from_millis(20);
/// An operator that sent and reconciled nothing for so long is at rest.
const REST: Duration = Duration::from_millis(700);
const LONGEST_WAIT: Duration = Duration::from_mins(3);

/// A running operator.
pub(crate) struct Operator {
    pub(crate) process: Process,
    address: SocketAddr,
}

/// The operator's own counters and gauges.
pub(crate) struct Metrics(Samples);

impl Operator {
    /// Runs `command` for one controller on a control plane, with `more` arguments.
    pub(crate) fn start(
        mut command: Command,
        controller: &str,
        kubeconfig: &Path,
        more: &[&str],
    ) -> Result<Self, Error> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(|source| Error::File { path: "127.0.0.1:0".into(), source })?;
        command.args(["run", "--controllers", controller, "--kubeconfig"]).arg(kubeconfig);
        command.args(["--listen", &address.to_string()]).args(more);
        Ok(Self { process: Process::start("operator", &mut command)?, address })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The counters now.
    pub(crate) async fn metrics(&mut self) -> Result<Metrics, Error> {
        match self.scrape().await {
            Ok(metrics) => Ok(metrics),
            Err(error) => {
                self.process.check()?;
                Err(self.process.error(&format!("does not serve its metrics ({error})")))
            }
        }
    }

    /// Waits until the caches are filled, the queue is empty and at least `reconciles` have ended.
    /// Returns the time since the process was started.
    pub(crate) async fn steady(&mut self, reconciles: usize) -> Result<Duration, Error> {
        let what = format!("the operator is steady after {reconciles} reconciles");
        until(what, LONGEST_WAIT, POLL, async || {
            self.process.check()?;
            // An operator that has just started does not listen yet.
            let Ok(metrics) = self.scrape().await else {
                return Ok(Look::Seen("no answer".to_owned()));
            };
            let took = self.process.started.elapsed();
            let is_steady = metrics.is_ready()
                && metrics.in_work() == 0.0
                && metrics.reconciles() >= count(reconciles);
            Ok(if is_steady { Look::Found(took) } else { Look::Seen(metrics.describe()) })
        })
        .await
    }

    /// Waits until the operator is at rest. Returns its counters.
    ///
    /// An operator that has not seen an event yet is at rest, too. Where events were caused, wait
    /// first [`until`](Self::until) the operator has seen them.
    pub(crate) async fn rest(&mut self) -> Result<Metrics, Error> {
        let mut before = self.metrics().await?.activity();
        until("the operator is at rest", LONGEST_WAIT, Duration::ZERO, async || {
            tokio::time::sleep(REST).await;
            let now = self.metrics().await?;
            let is_at_rest = now.in_work() == 0.0 && now.activity() == before;
            before = now.activity();
            Ok(if is_at_rest { Look::Found(now) } else { Look::Seen(now.describe()) })
        })
        .await
    }

    /// Waits until this holds for the counters. `what` completes "waiting until the operator ...".
    pub(crate) async fn until(
        &mut self,
        what: &str,
        condition: impl Fn(&Metrics) -> bool,
    ) -> Result<(), Error> {
        until(format!("the operator {what}"), LONGEST_WAIT, SCRAPE, async || {
            let now = self.metrics().await?;
            Ok(if condition(&now) { Look::Found(()) } else { Look::Seen(now.describe()) })
        })
        .await
    }

    /// Stops the operator.
    pub(crate) async fn stop(self) -> Result<(), Error> {
        self.process.stop().await
    }

    async fn scrape(&self) -> io::Result<Metrics> {
        let body = get(self.address, "/metrics").await?;
        Ok(Metrics(Samples::parse(&body, &["kubewright_"])))
    }

    /// Asks for /livez again and again, until the returned value is dropped.
    pub(crate) fn ask_livez(&self) -> Livez {
        let (address, slowest) = (self.address, Arc::<Slowest>::default());
        let record = Arc::clone(&slowest);
        let asking = tokio::spawn(async move {
            loop {
                let asked = Instant::now();
                record.add(get(address, "/livez").await.map(|_| asked.elapsed()));
                tokio::time::sleep(LIVEZ).await;
            }
        });
        Livez { asking, slowest }
    }
}

/// Requests of /livez, one after the other.
pub(crate) struct Livez {
    asking: JoinHandle<()>,
    slowest: Arc<Slowest>,
}

/// The time of the slowest answer so far, or the first error.
struct Slowest(Mutex<Result<Duration, String>>);

impl Livez {
    /// The time of the slowest answer so far.
    ///
    /// # Errors
    /// An answer was missing.
    pub(crate) fn slowest(&self) -> Result<Duration, Error> {
        let slowest = self.slowest.lock().clone();
        slowest.map_err(|error| Error::Unmeasurable(format!("/livez failed: {error}")))
    }
}

impl Drop for Livez {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

impl Default for Slowest {
    fn default() -> Self {
        Self(Mutex::new(Ok(Duration::ZERO)))
    }
}

impl Slowest {
    fn lock(&self) -> MutexGuard<'_, Result<Duration, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, answer: io::Result<Duration>) {
        let mut slowest = self.lock();
        *slowest = match (&*slowest, answer) {
            (Ok(before), Ok(took)) => Ok(took.max(*before)),
            (Ok(_), Err(error)) => Err(error.to_string()),
            (Err(first), _) => Err(first.clone()),
        };
    }
}

/// The body at `path`.
async fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(io::Error::other(answer.lines().next().unwrap_or("no answer").to_owned())),
    }
}

impl Metrics {
    fn is_ready(&self) -> bool {
        self.0.sum("kubewright_ready") == Some(1.0)
    }

    /// Custom resources in the cache. A missing gauge does not mean none.
    pub(crate) fn resources(&self) -> f64 {
        self.0.sum("kubewright_resources").unwrap_or(f64::INFINITY)
    }

    /// Resources in the queue and in a reconcile.
    pub(crate) fn in_work(&self) -> f64 {
        // A missing gauge does not mean rest.
        let gauge = |name| self.0.sum(name).unwrap_or(f64::INFINITY);
        gauge("kubewright_queue_depth") + gauge("kubewright_running_reconciles")
    }

    /// Reconciles that ended.
    pub(crate) fn reconciles(&self) -> f64 {
        self.0.sum("kubewright_reconciles_total").unwrap_or(0.0)
    }

    /// Requests except watches. A watch is opened once and again every few minutes, however many
    /// resources exist.
    pub(crate) fn requests(&self) -> f64 {
        self.requests_except(&["watch"])
    }

    /// Requests that change something.
    pub(crate) fn writes(&self) -> f64 {
        self.requests_except(&["get", "list", "watch"])
    }

    fn requests_except(&self, verbs: &[&str]) -> f64 {
        self.0
            .rows("kubewright_api_requests_total", ["verb"])
            .filter(|([verb], _)| !verbs.contains(verb))
            .fold(0.0, |sum, (_, count)| sum + count)
    }

    fn describe(&self) -> String {
        format!(
            "{} requests, {} reconciles, {} resources, {} of them in work",
            self.requests(),
            self.reconciles(),
            self.resources(),
            self.in_work()
        )
    }

    fn activity(&self) -> (u64, u64) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts of things
        let whole = |count: f64| count as u64;
        (whole(self.requests()), whole(self.reconciles()))
    }
}

/// A number of things as a figure.
pub(crate) fn count(of: usize) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::Router;
    use axum::routing::get;

    use super::*;

    /// An operator whose metrics show `reconciles` after some scrapes.
    async fn late_operator(scrapes: u32, reconciles: u32) -> Operator {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers = Arc::new(AtomicU32::new(0));
        let metrics = get(move || {
            let is_late = answers.fetch_add(1, Ordering::Relaxed) >= scrapes;
            let (done, cached) = if is_late { (reconciles, 0) } else { (0, reconciles) };
            std::future::ready(format!(
                "kubewright_queue_depth 0\nkubewright_running_reconciles 0\n\
                 kubewright_reconciles_total{{controller=\"a\"}} {done}\n\
                 kubewright_resources{{controller=\"a\"}} {cached}\n"
            ))
        });
        let router = Router::new().route("/metrics", metrics);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let process = Process::start("sleep", Command::new("sleep").arg("600")).unwrap();
        Operator { process, address }
    }

    #[tokio::test]
    async fn rest_before_the_events_is_not_the_end_of_the_work() {
        let mut operator = late_operator(4, 7).await;
        assert!(operator.rest().await.unwrap().reconciles() < 1.0, "it has not seen the events");
        operator.until("has reconciled", |metrics| metrics.reconciles() >= 7.0).await.unwrap();
        let mut operator = late_operator(4, 7).await;
        operator.until("has removed all", |metrics| metrics.resources() < 1.0).await.unwrap();
        assert!(operator.metrics().await.unwrap().reconciles() >= 7.0);
    }
}
