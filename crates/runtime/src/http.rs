//! The HTTP server of /livez, /readyz and /metrics.
//!
//! The server has a thread of its own: it answers while the threads of the engine are busy. A
//! client that sends nothing or reads nothing holds a connection only for a short time, and never
//! keeps others out.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::engine::Engine;
use crate::error::RunError;
use crate::memory::lock;

const TEXT: &str = "text/plain; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The pause after a failure to accept a connection, such as too many open files.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What one client may use.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// The longest wait for the head of a request: also how long an idle connection stays open.
    head: Duration,
    /// The longest life of a connection.
    life: Duration,
    /// With more connections, the oldest is closed.
    connections: usize,
}

/// The kubelet opens a connection for each probe. A scraper opens another one after a pause.
const LIMITS: Limits =
    Limits { head: Duration::from_secs(10), life: Duration::from_mins(1), connections: 64 };

/// The time between two beats of the engine.
const BEAT: Duration = Duration::from_secs(10);
/// After this time without a beat, the threads of the engine are stuck. A busy engine is late by
/// seconds.
const STUCK: Duration = Duration::from_mins(2);

/// Shows that the threads of the engine work: a task on them beats.
pub(crate) struct Pulse(Mutex<Instant>);

impl Default for Pulse {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Pulse {
    /// Beats for ever.
    pub(crate) async fn beat(&self) {
        loop {
            *lock(&self.0) = Instant::now();
            tokio::time::sleep(BEAT).await;
        }
    }

    fn is_stuck(&self, now: Instant) -> bool {
        now.saturating_duration_since(*lock(&self.0)) > STUCK
    }
}

/// The running server. It stops when this value is dropped.
pub(crate) struct Server {
    _stop: oneshot::Sender<()>,
}

/// Binds the port before the engine starts, so that a port in use is an error of the start.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    let failed = |source| RunError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// Starts the server on a thread of its own.
///
/// # Errors
/// The operating system has no thread.
pub(crate) fn start(
    listener: TcpListener,
    engine: Arc<Engine>,
    pulse: Arc<Pulse>,
) -> std::io::Result<Server> {
    start_with(listener, engine, pulse, LIMITS)
}

fn start_with(
    listener: TcpListener,
    engine: Arc<Engine>,
    pulse: Arc<Pulse>,
    limits: Limits,
) -> std::io::Result<Server> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = move || {
        runtime.block_on(async {
            tokio::select! {
                () = accept(listener, Handler { engine, pulse }, limits) => {}
                _ = stopped => {}
            }
        });
    };
    std::thread::Builder::new().name("health".to_owned()).spawn(serve)?;
    Ok(Server { _stop: stop })
}

async fn accept(listener: TcpListener, handler: Handler, limits: Limits) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "cannot serve /readyz and /metrics");
            return;
        }
    };
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection for /readyz and /metrics");
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= limits.connections
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let connection = tokio::spawn(serve(stream, handler.clone(), limits));
        open.push_back(connection.abort_handle());
    }
}

/// Serves one connection.
async fn serve(stream: tokio::net::TcpStream, handler: Handler, limits: Limits) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = handler.answer(&request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    if tokio::time::timeout(limits.life, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        // A client that does not read its answer is cut off.
        let _ = tokio::time::timeout(limits.head, connection).await;
    }
}

/// Answers requests.
#[derive(Clone)]
struct Handler {
    engine: Arc<Engine>,
    pulse: Arc<Pulse>,
}

impl Handler {
    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n".to_owned());
        }
        match request.uri().path() {
            "/livez" if self.pulse.is_stuck(Instant::now()) => text(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the engine has not worked for {} s\n", STUCK.as_secs()),
            ),
            "/livez" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" => self.ready(),
            "/metrics" => response(StatusCode::OK, OPENMETRICS, self.engine.scrape()),
            _ => text(StatusCode::NOT_FOUND, "try /livez, /readyz or /metrics\n".to_owned()),
        }
    }

    fn ready(&self) -> Response<Full<Bytes>> {
        let missing = self.engine.missing_caches();
        if missing.is_empty() {
            return text(StatusCode::OK, "ok\n".to_owned());
        }
        let body = format!("not ready: waiting for {}\n", missing.join(", "));
        text(StatusCode::SERVICE_UNAVAILABLE, body)
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    response(status, TEXT, body)
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests;
