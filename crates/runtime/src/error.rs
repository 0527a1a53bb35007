//! What can go wrong between us and the API server, and which class each error has.

use std::time::Duration;

use kubewright_core::Class;
use serde::Deserialize;

/// Why the engine could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Neither a kubeconfig nor a service account.
    #[error(
        "no cluster to connect to: {0}; set KUBECONFIG, pass --kubeconfig, or run inside a Pod"
    )]
    Config(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The configuration cannot be used.
    #[error("the cluster's configuration cannot be used: {0}")]
    Client(#[source] Box<kube::Error>),
    /// Nobody answers.
    #[error(
        "cannot reach the API server at {server}: {source}; check that the cluster is running (kubectl cluster-info)"
    )]
    Unreachable {
        /// Its address.
        server: String,
        /// What happened.
        source: ApiError,
    },
    /// The port is taken.
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// A registry that cannot work.
    #[error(transparent)]
    Registry(#[from] kubewright_core::registry::RegistryError),
    /// A part of the engine panicked; going on would mean working blindly.
    #[error(
        "a part of the engine ended with a panic (the log says which); start it again, and please report this"
    )]
    Defect,
    /// Running reconciles did not end in time.
    #[error(
        "{running} reconciles were still running after {seconds} s and were cut off; the next start goes on with them"
    )]
    Shutdown {
        /// How many.
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
    /// No answer.
    #[error("no answer from the API server: {}", with_causes(&**.0))]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time.
    #[error("no answer from the API server within {0} s")]
    Timeout(u64),
    /// An answer that is not what the API documents.
    #[error("the API server's answer cannot be read: {0}")]
    Decode(#[from] kubewright_core::observed::DecodeError),
    /// The definition of the kind is gone; nobody was asked.
    #[error("its API is not served")]
    NotServed,
}

/// An error and what caused it, in one line; what a text says already is not said twice.
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

/// An error answer (metav1.Status), with what decides about it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Failure {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason.
    pub reason: String,
    /// For a person.
    pub message: String,
    /// More about it.
    pub details: Details,
}

/// `details` of a metav1.Status.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Details {
    /// One for each field or rule that is to blame.
    pub causes: Vec<Cause>,
    /// When to come back, in seconds.
    pub retry_after_seconds: u32,
}

/// One cause in a metav1.Status.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Cause {
    /// Machine-readable.
    pub reason: String,
    /// Which field.
    pub field: String,
    /// For a person.
    pub message: String,
}

impl ApiError {
    fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Status(failure) => Some(failure),
            _ => None,
        }
    }

    /// HTTP status code of the answer, if there was one.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        self.failure().map(|f| f.code)
    }

    /// How long the API server asks not to be asked again, if it does.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.failure()?.details.retry_after_seconds;
        (seconds > 0).then(|| Duration::from_secs(seconds.into()))
    }

    /// The object is not there, or its API is not served.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotServed) || self.code() == Some(404)
    }

    /// The version that we know is too old to go on from.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.code() == Some(410)
    }

    /// A precondition on the object's identity did not hold: it exists, it is gone, or it is
    /// another one.
    #[must_use]
    pub fn is_identity_conflict(&self) -> bool {
        self.failure().is_some_and(|f| {
            f.code == 409
                || f.code == 422 && f.details.causes.iter().any(|c| c.field == "metadata.uid")
        })
    }

    /// The namespace is being deleted: nothing can be created there any more.
    #[must_use]
    pub fn is_namespace_terminating(&self) -> bool {
        self.failure()
            .is_some_and(|f| f.details.causes.iter().any(|c| c.reason == "NamespaceTerminating"))
    }

    /// Whether another try can help.
    #[must_use]
    pub fn class(&self) -> Class {
        let Some(failure) = self.failure() else { return Class::Transient };
        // A node port is taken cluster-wide; it may be free again without an edit here.
        let taken = failure.details.causes.iter().any(|c| c.message.contains("already allocated"));
        match failure.code {
            400 | 413 | 415 | 422 if !taken => Class::Invalid,
            _ => Class::Transient,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Because(&'static str, #[source] Option<Box<Because>>);

    #[test]
    fn an_error_tells_its_causes_once_each() {
        let cause = |text, cause: Option<Because>| Because(text, cause.map(Box::new));
        let error = cause(
            "client error",
            Some(cause("connect", Some(cause("tcp: refused", Some(cause("refused", None)))))),
        );
        let said = ApiError::Unreachable(Box::new(error)).to_string();
        assert_eq!(said, "no answer from the API server: client error: connect: tcp: refused");
    }
}
