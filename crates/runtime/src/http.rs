//! The HTTP server of /livez, /readyz and /metrics.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::engine::Engine;
use crate::error::RunError;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Binds the port before the engine starts, so that a port in use is an error of the start.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
}

/// Serves until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, engine: Arc<Engine>) {
    let readiness = Arc::clone(&engine);
    let ready = move || async move {
        let missing = readiness.missing_caches();
        if missing.is_empty() {
            return (StatusCode::OK, "ok\n".to_owned());
        }
        let text = format!("not ready: waiting for {}\n", missing.join(", "));
        (StatusCode::SERVICE_UNAVAILABLE, text)
    };
    let metrics = move || async move { ([(header::CONTENT_TYPE, OPENMETRICS)], engine.scrape()) };
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the server of /readyz and /metrics stopped");
    }
}
