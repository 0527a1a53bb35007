//! New credentials after the API server rejected the old ones: the file of the token is read again,
//! or the plugin is run again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use kube::Config;
use kube::client::Body;
use tokio::time::Instant;
use tower::{BoxError, ServiceExt};

use crate::client::{Answer, Transport, connect};
use crate::error::with_causes;

/// The shortest time between two renewals: a plugin whose credentials the API server never accepts
/// must not run for each request.
const PAUSE: Duration = Duration::from_secs(10);

/// A transport whose credentials can be renewed.
pub(crate) struct Renewing {
    config: Config,
    current: Mutex<Transport>,
    /// When the credentials were renewed. Held during a renewal, so that others wait for it.
    renewed: tokio::sync::Mutex<Option<Instant>>,
}

impl Renewing {
    pub(crate) fn new(config: Config, first: Transport) -> Self {
        Self { config, current: Mutex::new(first), renewed: tokio::sync::Mutex::default() }
    }

    /// Sends a request. If the API server rejects the credentials, the request is sent once more
    /// with new ones: the API server did nothing with the first.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Answer>, BoxError> {
        let again = copy(&request);
        let sent = Instant::now();
        let response = self.current().oneshot(request).await?;
        match again {
            Some(again) if response.status() == StatusCode::UNAUTHORIZED => {
                if self.renew(sent).await {
                    return self.current().oneshot(again).await;
                }
                Ok(response)
            }
            _ => Ok(response),
        }
    }

    fn current(&self) -> Transport {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Renews the credentials, unless that happened after `sent`. Returns whether a request can be
    /// sent with newer ones.
    async fn renew(&self, sent: Instant) -> bool {
        let mut renewed = self.renewed.lock().await;
        match *renewed {
            Some(last) if last >= sent => return true,
            Some(last) if last.elapsed() < PAUSE => return false,
            _ => {}
        }
        let config = self.config.clone();
        // A plugin may wait for a person.
        let connected = tokio::task::spawn_blocking(move || connect(&config)).await;
        *renewed = Some(Instant::now());
        match connected {
            Ok(Ok(transport)) => {
                *self.current.lock().unwrap_or_else(PoisonError::into_inner) = transport;
                true
            }
            Ok(Err(error)) => {
                tracing::warn!(error = with_causes(&error), "cannot renew the credentials");
                false
            }
            // The process stops.
            Err(_) => false,
        }
    }
}

/// The same request; `None` if its body can be sent only once.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}
