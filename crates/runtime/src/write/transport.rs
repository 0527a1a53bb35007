//! How requests reach the API server: kube's configuration (TLS, tokens, impersonation) around a
//! plain HTTP client.
//!
//! kube's own client sends each request through a queue and a span, which costs too much for small
//! requests. It is used only behind a proxy. Public for programs that send requests of their own at
//! the same cost.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ConfigExt};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, service_fn};

/// How long an idle connection is used again; it is closed within twice this time. The API server
/// closes it after 90 s, so no request meets a connection that is being closed.
const IDLE: Duration = Duration::from_secs(45);

/// Sends requests; each clone can be used by itself.
pub type Transport = BoxCloneSyncService<Request<Body>, Response<Answer>, BoxError>;

/// The body of an answer.
pub type Answer = UnsyncBoxBody<Bytes, BoxError>;

/// Connects to the API server of `config`.
///
/// The URI of a request is only a path and a query. A request is sent again only if it certainly
/// never left. An answer whose body is dropped before its end costs its connection.
///
/// # Errors
/// The errors of [`kube::Client::try_from`]: unreadable certificates, keys or tokens.
pub fn transport(config: kube::Config) -> Result<Transport, kube::Error> {
    if config.proxy_url.is_some() {
        return Ok(from_client(kube::Client::try_from(config)?));
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(config.connect_timeout);
    // Requests are small and a worker waits for each answer.
    tcp.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(config.rustls_https_connector_with_connector(tcp)?);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_response(|response: Response<Incoming>| {
            response.map(|body| body.map_err(BoxError::from).boxed_unsync())
        })
        .map_err(BoxError::from)
        .service(client);
    Ok(BoxCloneSyncService::new(service))
}

/// Sends requests through a kube client.
pub(crate) fn from_client(client: kube::Client) -> Transport {
    BoxCloneSyncService::new(service_fn(move |request| {
        let client = client.clone();
        async move {
            let response = client.send(request).await.map_err(BoxError::from)?;
            Ok(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
        }
    }))
}

#[cfg(test)]
mod tests;
