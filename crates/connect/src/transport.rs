//! How requests reach the API server: kube's configuration (TLS, plugins, impersonation) around a
//! plain HTTP client.
//!
//! kube's own client sends each request through a queue and a span, which costs too much for small
//! requests.

use std::sync::Arc;

use kube::Config;
use tower::service_fn;

use crate::client::connect;
pub use crate::client::{Answer, Transport};
use crate::renewal::Renewing;

/// Connects to the API server of `config`.
///
/// The URI of a request is only a path and a query. A request is sent again only if it certainly
/// never left, or if the API server rejected a token that has been renewed since. An answer whose
/// body is dropped before its end costs its connection.
///
/// # Errors
/// The errors of [`kube::Client::try_from`]: unreadable certificates, keys or tokens, a plugin that
/// failed.
pub fn transport(config: Config) -> Result<Transport, kube::Error> {
    let first = connect(&config)?;
    if config.auth_info.exec.is_none() && config.auth_info.token_file.is_none() {
        return Ok(first);
    }
    let renewing = Arc::new(Renewing::new(config, first));
    Ok(Transport::new(service_fn(move |request| {
        let renewing = Arc::clone(&renewing);
        async move { renewing.send(request).await }
    })))
}

/// A kube client above [`transport`].
///
/// # Errors
/// The errors of [`transport`].
pub fn client(config: Config) -> Result<kube::Client, kube::Error> {
    let namespace = config.default_namespace.clone();
    Ok(kube::Client::new(transport(config)?, namespace))
}

#[cfg(test)]
mod tests;
