//! /livez, /readyz and /metrics.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::engine::Engine;
use crate::error::RunError;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Takes the port, so that a taken one is an error at the start and not later.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, engine: Arc<Engine>) {
    let ready = Arc::clone(&engine);
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get(move || async move {
                match ready.waiting_for() {
                    waiting if waiting.is_empty() => (StatusCode::OK, "ok\n".to_owned()),
                    waiting => (
                        StatusCode::SERVICE_UNAVAILABLE,
                        format!("not ready: waiting for {}\n", waiting.join(", ")),
                    ),
                }
            }),
        )
        .route(
            "/metrics",
            get(move || async move {
                ([(header::CONTENT_TYPE, OPENMETRICS)], engine.scrape()).into_response()
            }),
        );
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the health and metrics server ended");
    }
}
