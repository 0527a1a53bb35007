//! Runs an operator in this process as its binary would, and reads its health and metrics over
//! HTTP.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use kubewright::Registry;
use kubewright::runtime::{Connect, RunError, Settings, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::metrics::Metrics;
use super::wait::{SOON, eventually, throughout};

/// How often to try another port when a different process took the port that was free a moment ago.
const TRIES: usize = 5;

/// How long counters must stay constant at rest: longer than an event takes to arrive, shorter than
/// the first delay between retries.
const REST: Duration = Duration::from_millis(600);

/// A running operator. It ends with the test, or by [`stop`](Self::stop).
#[derive(Debug)]
pub struct Operator {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RunError>>,
}

impl Operator {
    /// Starts the operators of `registry` in these namespaces and waits until their caches are
    /// filled.
    pub async fn start(registry: &Registry, kubeconfig: &Path, namespaces: &[&str]) -> Self {
        let settings = Settings {
            namespaces: namespaces.iter().map(|namespace| (*namespace).to_owned()).collect(),
            shutdown_deadline: Duration::from_secs(20),
            // Only the tests of the rollout limiter wait for it.
            rollouts_per_minute: 60_000,
            rollout_burst: 1_000,
            ..Settings::default()
        };
        Self::start_with(registry, kubeconfig, settings).await
    }

    /// Like [`start`](Self::start), with all settings except the address to listen on.
    pub async fn start_with(registry: &Registry, kubeconfig: &Path, settings: Settings) -> Self {
        for _ in 0..TRIES {
            let mut operator = Self::spawn(registry.clone(), kubeconfig, settings.clone());
            match operator.until_ready().await {
                Ok(()) => return operator,
                Err(RunError::Listen { .. }) => {}
                Err(error) => panic!("the operator did not start: {error}"),
            }
        }
        panic!("could not listen on a free port: another process took it, {TRIES} times");
    }

    /// Like [`start_with`](Self::start_with), without waiting for its caches.
    #[must_use]
    pub fn start_unready(registry: &Registry, kubeconfig: &Path, settings: Settings) -> Self {
        Self::spawn(registry.clone(), kubeconfig, settings)
    }

    fn spawn(registry: Registry, kubeconfig: &Path, settings: Settings) -> Self {
        let address = free_address();
        let settings = Settings { listen: Some(address), ..settings };
        let connect = Connect { kubeconfig: Some(kubeconfig.to_owned()), context: None };
        let (stop, stopped) = oneshot::channel();
        let stopped = async move {
            // A dropped sender means that the test has ended.
            let _ = stopped.await;
        };
        Self { address, stop, task: tokio::spawn(run(registry, connect, settings, stopped)) }
    }

    async fn until_ready(&mut self) -> Result<(), RunError> {
        eventually(SOON, "the operator is ready", async || {
            if self.task.is_finished() {
                return Ok((&mut self.task).await.unwrap());
            }
            match self.get("/readyz").await {
                Ok((200, _)) => Ok(Ok(())),
                Ok((_, text)) => Err(text),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
    }

    /// Shuts the operator down gracefully and returns its result.
    pub async fn stop(self) -> Result<(), RunError> {
        // Sending fails when the operator has already ended; then its result has the reason.
        let _ = self.stop.send(());
        self.task.await.unwrap()
    }

    /// The operator's metrics.
    ///
    /// # Panics
    /// When the operator does not answer.
    pub async fn metrics(&self) -> Metrics {
        let (code, text) = self.get("/metrics").await.unwrap();
        assert_eq!(code, 200, "{text}");
        Metrics::parse(&text)
    }

    /// Whether the operator is alive and ready.
    pub async fn is_healthy(&self) -> bool {
        let answers = (self.get("/livez").await, self.get("/readyz").await);
        matches!(answers, (Ok((200, _)), Ok((200, _))))
    }

    /// Waits until no resource is queued or being reconciled. Delayed retries do not count.
    pub async fn until_idle(&self) -> Metrics {
        eventually(SOON, "the operator is idle", async || {
            let metrics = self.metrics().await;
            if metrics.in_progress() == 0 {
                Ok(metrics)
            } else {
                Err(format!("{} resources in progress", metrics.in_progress()))
            }
        })
        .await
    }

    /// Waits until the operator is at rest: idle, and the events of its own last writes have
    /// arrived.
    pub async fn until_at_rest(&self) -> Metrics {
        eventually(SOON, "the operator is at rest", async || {
            let before = self.until_idle().await.activity();
            let mut now = Metrics::default();
            throughout(REST, "the operator answers", async || {
                now = self.metrics().await;
                Ok(())
            })
            .await;
            if now.activity() == before {
                Ok(now)
            } else {
                Err(format!("{before:?}, then\n{now:?}"))
            }
        })
        .await
    }

    /// Checks that the operator stays at rest for the whole of `window`.
    pub async fn assert_at_rest(&self, window: Duration) {
        let before = self.until_at_rest().await;
        throughout(window, "the operator is at rest", async || {
            let now = self.metrics().await;
            if now.activity() == before.activity() {
                Ok(())
            } else {
                Err(format!("{before:?}\nthen\n{now:?}"))
            }
        })
        .await;
    }

    /// Waits until the metrics fulfil `condition`.
    pub async fn until(&self, what: &str, condition: impl Fn(&Metrics) -> bool) -> Metrics {
        eventually(SOON, what, async || {
            let metrics = self.metrics().await;
            if condition(&metrics) { Ok(metrics) } else { Err(format!("{metrics:?}")) }
        })
        .await
    }

    /// Sends a GET request; returns status code and body.
    async fn get(&self, path: &str) -> std::io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok((code, body.to_owned()))
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
