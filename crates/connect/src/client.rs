//! An HTTP client with kube's configuration: TLS, proxies, credentials, impersonation.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::Config;
use kube::client::{Body, ConfigExt};
use tower::util::{BoxCloneSyncService, MapRequestLayer};
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

use crate::proxy::with_port;
use crate::token::TokenFile;

/// How long an idle connection is used again; it is closed within twice this time. The API server
/// closes it after 90 s, so no request meets a connection that is being closed.
pub(crate) const IDLE: Duration = Duration::from_secs(30);

/// The kernel closes a connection whose other end has not answered for 35 s: after 15 s of silence
/// it asks every 5 s. Otherwise a watch over a network that drops packets waits for minutes.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 4;
/// How long sent data may stay unacknowledged.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Sends requests; each clone can be used by itself.
pub type Transport = BoxCloneSyncService<Request<Body>, Response<Answer>, BoxError>;

/// The body of an answer.
pub type Answer = UnsyncBoxBody<Bytes, BoxError>;

/// Reads certificates, keys and tokens, or runs the plugin for them.
pub(crate) fn connect(config: &Config) -> Result<Transport, kube::Error> {
    let tcp = connector(config.connect_timeout);
    let Some(url) = &config.proxy_url else { return connect_over(config, tcp) };

    let unsupported = || kube::Error::ProxyProtocolUnsupported { proxy_url: Box::new(url.clone()) };
    let matcher = Matcher::builder().all(url.to_string()).build();
    let proxy = matcher.intercept(&config.cluster_url).ok_or_else(unsupported)?;
    // A tunnel to a cluster without a port would lead to port 443.
    let port = if config.cluster_url.scheme_str() == Some("http") { 80 } else { 443 };
    let cluster_url = with_port(config.cluster_url.clone(), port).ok_or_else(unsupported)?;
    let mut config = config.clone();
    config.cluster_url = cluster_url;
    let to_proxy = proxy.uri().clone();
    match to_proxy.scheme_str() {
        Some("socks5" | "socks5h") => {
            let tunnel = SocksV5::new(to_proxy, tcp);
            let tunnel = match proxy.raw_auth() {
                Some((user, password)) => tunnel.with_auth(user.to_owned(), password.to_owned()),
                None => tunnel,
            };
            connect_through(&config, &proxy, tunnel)
        }
        Some("http") => connect_through(&config, &proxy, tunnel(&proxy, tcp)),
        Some("https") => {
            let tls = config.rustls_https_connector_with_connector(tcp)?;
            connect_through(&config, &proxy, tunnel(&proxy, tls))
        }
        _ => Err(unsupported()),
    }
}

/// Opens connections that notice when their other end is gone.
pub(crate) fn connector(connect_timeout: Option<Duration>) -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(connect_timeout);
    // Requests are small and a caller waits for each answer.
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE_INTERVAL));
    tcp.set_keepalive_retries(Some(KEEPALIVE_RETRIES));
    #[cfg(target_os = "linux")]
    tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
    tcp
}

fn tunnel<C>(proxy: &Intercept, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.uri().clone(), connector);
    match proxy.basic_auth() {
        Some(password) => tunnel.with_auth(password.clone()),
        None => tunnel,
    }
}

/// A connection through a proxy failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect through the proxy {proxy}")]
struct ProxyError<E> {
    proxy: Uri,
    source: E,
}

fn connect_through<C>(
    config: &Config,
    proxy: &Intercept,
    connector: C,
) -> Result<Transport, kube::Error>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: std::error::Error + Send + Sync + 'static,
{
    let proxy = proxy.uri().clone();
    let connector = connector.map_err(move |source| ProxyError { proxy, source });
    connect_over(config, connector)
}

fn connect_over<C>(config: &Config, connector: C) -> Result<Transport, kube::Error>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: std::error::Error + Send + Sync + 'static,
{
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(config.rustls_https_connector_with_connector(connector)?);
    let mut config = config.clone();
    // As in client-go, the token of a file has precedence over the token beside it.
    let token = match config.auth_info.token_file.take().map(|path| TokenFile::new(path.into())) {
        Some(Ok(token)) => {
            config.auth_info.token = None;
            Some(token)
        }
        Some(Err(error)) if config.auth_info.token.is_none() => {
            return Err(kube::Error::Auth(error));
        }
        _ => None,
    };
    let authorize =
        token.map(|token| MapRequestLayer::new(move |request| token.authorize(request)));
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .option_layer(authorize)
        .layer(config.extra_headers_layer()?)
        .map_response(|response: Response<Incoming>| {
            response.map(|body| body.map_err(BoxError::from).boxed_unsync())
        })
        .map_err(BoxError::from)
        .service(client);
    Ok(BoxCloneSyncService::new(service))
}
