//! How requests get to the API server: kube's configuration (TLS, tokens, impersonation) around a
//! plain HTTP client.
//!
//! kube's own client passes every request through a queue to a task of its own, and through a span.
//! For small requests that is work for nothing, so there is nothing here but what changes the
//! request. Behind a proxy, kube's client it is.
//!
//! Public for programs that want to send requests of their own at the same price, as the project's
//! bench does.

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

/// How long a connection without a request is used again; it is closed within twice that time. Less
/// than the 90 s after which the API server closes it, so that no request meets a connection that
/// is just being closed.
const IDLE: Duration = Duration::from_secs(45);

/// Sends requests; each clone can be used by itself.
pub type Transport = BoxCloneSyncService<Request<Body>, Response<Answer>, BoxError>;

/// The body of an answer.
pub type Answer = UnsyncBoxBody<Bytes, BoxError>;

/// The way to the API server of `config`.
///
/// Requests have a path and a query alone. Nothing is tried again, but for what was certainly not
/// sent. An answer whose body is dropped before its end costs its connection.
///
/// # Errors
/// What [`kube::Client::try_from`] fails with: certificates, keys or tokens that cannot be read.
pub fn transport(config: kube::Config) -> Result<Transport, kube::Error> {
    if config.proxy_url.is_some() {
        return Ok(of_client(kube::Client::try_from(config)?));
    }
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(config.connect_timeout);
    // A request is written at once, and somebody waits for its answer.
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

/// Through a client that exists.
pub(crate) fn of_client(client: kube::Client) -> Transport {
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
