//! Errors of the engine and of requests to the API server, each with its class.

use std::time::Duration;

use kubewright_connect::ConnectError;
use kubewright_core::Class;
use kubewright_core::internals::causes::with_causes;
use serde::Deserialize;

/// Why the engine could not start or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// There is no kubeconfig, and no service account.
    #[error("no cluster: {0}. Pass --kubeconfig FILE, or start one with `cargo xtask cluster up`.")]
    NoCluster(#[source] ConnectError),
    /// The kubeconfig cannot be read.
    #[error("no cluster: {0}. Check --kubeconfig, --context and $KUBECONFIG.")]
    Config(#[source] ConnectError),
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
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The API server answers, but not this user: wrong credentials, or no rights.
    #[error(
        "the API server at {server} rejected the first request: {message}; check the credentials \
         and the rights of the user in the kubeconfig"
    )]
    Rejected {
        /// The address of the API server.
        server: String,
        /// The answer of the API server.
        message: String,
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

impl From<ConnectError> for RunError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::NoCluster { .. } => Self::NoCluster(error),
            _ => Self::Config(error),
        }
    }
}

/// A request that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The API server answered with an error.
    #[error("{}", .0.message)]
    Status(Box<Failure>),
    #[error("no answer from the API server: {}", with_causes(&**.0))]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no answer from the API server within {0} s")]
    Timeout(u64),
    #[error("cannot read the answer of the API server: {0}")]
    Decode(#[from] kubewright_core::observed::DecodeError),
    /// The definition of the kind is gone; no request was sent.
    #[error("the API of the kind is not served")]
    NotServed,
}

/// The answer of the API server.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// The part of a metav1.Status that the engine reads.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Failure {
    /// The HTTP status code.
    pub(crate) code: u16,
    pub(crate) message: String,
    pub(crate) details: Details,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Details {
    /// One cause for each invalid field or violated rule.
    causes: Vec<Cause>,
    pub(crate) retry_after_seconds: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Cause {
    reason: String,
    field: String,
    message: String,
}

impl ApiError {
    fn code(&self) -> Option<u16> {
        match self {
            Self::Status(failure) => Some(failure.code),
            _ => None,
        }
    }

    fn has_cause(&self, is_it: impl Fn(&Cause) -> bool) -> bool {
        matches!(self, Self::Status(failure) if failure.details.causes.iter().any(is_it))
    }

    /// How long the API server asks to wait, if it does.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let Self::Status(failure) = self else { return None };
        let seconds = failure.details.retry_after_seconds;
        (seconds > 0).then(|| Duration::from_secs(seconds.into()))
    }

    /// The fields that the API server rejected, such as `spec.ports[1].name`.
    pub(crate) fn rejected_fields(&self) -> Vec<&str> {
        let Self::Status(failure) = self else { return Vec::new() };
        let causes = failure.details.causes.iter().filter(|_| failure.code == 422);
        causes.map(|cause| &*cause.field).filter(|field| !field.is_empty()).collect()
    }

    /// The object does not exist, or its API is not served.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::NotServed) || self.code() == Some(404)
    }

    pub(crate) fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }

    /// This user may not do that, or is not known.
    pub(crate) fn is_access_denied(&self) -> bool {
        matches!(self.code(), Some(401 | 403))
    }

    /// The resourceVersion or continue token is too old.
    pub(crate) fn is_expired(&self) -> bool {
        self.code() == Some(410)
    }

    /// A precondition on the identity of the object failed: it exists, is gone, or has another UID.
    pub(crate) fn is_identity_conflict(&self) -> bool {
        self.code() == Some(409)
            || self.code() == Some(422) && self.has_cause(|c| c.field == "metadata.uid")
    }

    /// The namespace is being deleted, so nothing can be created in it.
    pub(crate) fn is_namespace_terminating(&self) -> bool {
        self.has_cause(|c| c.reason == "NamespaceTerminating")
    }

    /// An admission plugin denied the request: a webhook, a policy, a quota, a limit range, Pod
    /// Security. A webhook and a policy choose the code; only the message shows where it is from.
    fn is_denied(&self) -> bool {
        let Self::Status(failure) = self else { return false };
        if is_from_webhook(&failure.message) {
            return true;
        }
        let Some(why) = forbidden_because(&failure.message) else { return false };
        // `User "name" cannot ...` is a missing right.
        let is_policy = why.contains("denied request");
        (failure.code == 403 || is_policy) && !why.starts_with("User \"")
    }

    /// Whether a retry can help.
    pub(crate) fn class(&self) -> Class {
        // Another Service may release a node port without an edit of this resource.
        let is_taken = || self.has_cause(|c| c.message.contains("already allocated"));
        match self.code() {
            _ if self.is_namespace_terminating() => Class::Transient,
            _ if self.is_denied() => Class::Denied,
            Some(400 | 413 | 415 | 422) if !is_taken() => Class::Invalid,
            _ => Class::Transient,
        }
    }
}

/// `admission webhook "NAME" denied the request`, at the start: a value of an object may contain
/// the same text.
fn is_from_webhook(message: &str) -> bool {
    let Some(named) = message.strip_prefix("admission webhook \"") else { return false };
    named.split_once('"').is_some_and(|(_, rest)| rest.starts_with(" denied the request"))
}

/// The reason in a message of an admission plugin: `deployments.apps "web" is forbidden: REASON`.
/// The name of an object contains no space, so a value of the object is never in front.
fn forbidden_because(message: &str) -> Option<&str> {
    let (object, why) = message.split_once(" is forbidden: ")?;
    (object.split(' ').count() <= 2).then_some(why)
}

#[cfg(test)]
mod tests;
