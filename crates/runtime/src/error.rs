//! Errors of the engine and of requests to the API server, each with its class.

use std::path::PathBuf;
use std::time::Duration;

use kubewright_core::Class;
use serde::Deserialize;

/// Why the engine could not start or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is neither a kubeconfig nor a service account.
    #[error(
        "no cluster: {} ({origin}) does not exist, and this is not a Pod; pass --kubeconfig FILE, \
         or start a cluster with `cargo xtask cluster up`", path.display()
    )]
    NoCluster {
        /// The kubeconfig that was looked for.
        path: PathBuf,
        /// Where that path comes from.
        origin: &'static str,
    },
    /// The kubeconfig cannot be read.
    #[error("cannot read the kubeconfig: {0}; check --kubeconfig, --context and $KUBECONFIG")]
    Config(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The kubeconfig cannot be used: certificates, keys or tokens are not readable.
    #[error("cannot use the kubeconfig: {0}")]
    Client(#[source] Box<kube::Error>),
    /// The API server does not answer.
    #[error(
        "cannot reach the API server at {server}: {source}; check that the cluster runs (kubectl \
         cluster-info)"
    )]
    Unreachable {
        /// The address of the API server.
        server: String,
        /// Why the request failed.
        source: ApiError,
    },
    /// The port is in use.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The registry is invalid.
    #[error(transparent)]
    Registry(#[from] kubewright_core::RegistryError),
    /// A background task of the engine panicked; without it the caches would become stale.
    #[error("a task of the engine panicked; the log has the details; restart, and report this bug")]
    Defect,
    /// Reconciles did not end before the shutdown deadline.
    #[error(
        "{running} reconciles were still running after {seconds} s and were cancelled; the next \
         start repeats them"
    )]
    Shutdown {
        /// The number of reconciles.
        running: usize,
        /// The deadline.
        seconds: u64,
    },
}

/// A request that failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The API server answered with an error.
    #[error("{}", .0.message)]
    Status(Box<Failure>),
    /// The API server did not answer.
    #[error("no answer from the API server: {}", with_causes(&**.0))]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The API server did not answer in time.
    #[error("no answer from the API server within {0} s")]
    Timeout(u64),
    /// The answer does not have the documented form.
    #[error("cannot read the answer of the API server: {0}")]
    Decode(#[from] kubewright_core::observed::DecodeError),
    /// The definition of the kind is gone; no request was sent.
    #[error("the API of the kind is not served")]
    NotServed,
}

/// An error with its causes in one line. A cause that the text already contains is not repeated.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// An error answer (metav1.Status), as far as the engine reads it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// The HTTP status code.
    pub code: u16,
    /// The machine-readable reason.
    pub reason: String,
    /// The message for a person.
    pub message: String,
    /// More details.
    pub details: Details,
}

/// `details` of a metav1.Status.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Details {
    /// One cause for each invalid field or violated rule.
    pub causes: Vec<Cause>,
    /// When to try again, in seconds.
    pub retry_after_seconds: u32,
}

/// One cause in a metav1.Status.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Cause {
    /// The machine-readable reason.
    pub reason: String,
    /// The path of the field.
    pub field: String,
    /// The message for a person.
    pub message: String,
}

impl ApiError {
    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Status(failure) => Some(failure),
            _ => None,
        }
    }

    /// The HTTP status code, if the API server answered.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.failure().map(|f| f.code)
    }

    /// How long the API server asks to wait, if it does.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.failure()?.details.retry_after_seconds;
        (seconds > 0).then(|| Duration::from_secs(seconds.into()))
    }

    /// The object does not exist, or its API is not served.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotServed) || self.code() == Some(404)
    }

    /// The resourceVersion or continue token is too old.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.code() == Some(410)
    }

    /// A precondition on the identity of the object failed: it exists, is gone, or has another UID.
    #[must_use]
    pub fn is_identity_conflict(&self) -> bool {
        self.failure().is_some_and(|f| {
            f.code == 409
                || f.code == 422 && f.details.causes.iter().any(|c| c.field == "metadata.uid")
        })
    }

    /// The namespace is being deleted, so nothing can be created in it.
    #[must_use]
    pub fn is_namespace_terminating(&self) -> bool {
        self.failure()
            .is_some_and(|f| f.details.causes.iter().any(|c| c.reason == "NamespaceTerminating"))
    }

    /// Whether a retry can help.
    #[must_use]
    pub fn class(&self) -> Class {
        let Some(failure) = self.failure() else { return Class::Transient };
        // Another Service may release a node port without an edit of this resource.
        let is_taken =
            failure.details.causes.iter().any(|c| c.message.contains("already allocated"));
        match failure.code {
            400 | 413 | 415 | 422 if !is_taken => Class::Invalid,
            _ => Class::Transient,
        }
    }
}

#[cfg(test)]
mod tests;
