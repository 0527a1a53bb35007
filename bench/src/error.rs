//! Why a measurement failed.

use std::path::PathBuf;
use std::time::Duration;

use kubewright::testing::assets::AssetsError;
use kubewright::testing::control_plane;
use kubewright::testing::home::HomeError;
use kubewright_core::internals::causes::with_causes;

/// A measurement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The binaries of the control plane are missing.
    #[error(transparent)]
    Assets(#[from] AssetsError),
    /// The control plane does not work.
    #[error(transparent)]
    ControlPlane(#[from] control_plane::Error),
    /// The folder of control planes is not usable.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A file, program or pipe is not usable.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// No connection.
    #[error("no connection to the control plane: {}; is the machine out of memory or \
             ports?", with_causes(&**.0))]
    Connection(Box<dyn std::error::Error + Send + Sync>),
    /// The API server answered with an error, or with something unexpected.
    #[error("{what}: {message}")]
    Request {
        /// Method and path.
        what: String,
        /// The answer.
        message: String,
    },
    /// A process ended, or did not answer.
    #[error("the {name} {what}; the end of its log:\n{log}")]
    Process {
        /// Operator or bare client.
        name: &'static str,
        /// What happened.
        what: String,
        /// The last lines of its log.
        log: String,
    },
    /// Something did not happen in time.
    #[error("timed out after {} s, waiting until {what}; last seen: {seen}", .within.as_secs())]
    Late {
        /// The expected state.
        what: String,
        /// The time limit.
        within: Duration,
        /// The last state.
        seen: String,
    },
    /// The workload has no definition or no JSON.
    #[error("the workload is not usable: {0}")]
    Workload(String),
    /// Operator and bare client do not send the same.
    #[error(
        "the {workload} operator and the bare client send different requests, so their figures \
         cannot be compared: {difference}"
    )]
    DifferentWork {
        /// Whose operator.
        workload: &'static str,
        /// Where the requests differ first: the operator's value, then the bare client's.
        difference: String,
    },
    /// A figure would be wrong.
    #[error("this cannot be measured: {0}")]
    Unmeasurable(String),
    /// SIGINT, SIGTERM or SIGHUP.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// A connection failed.
    pub(crate) fn connection(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Connection(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("client error (Connect)")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_connection_that_failed_has_its_cause() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let text = Error::connection(Outer(refused)).to_string();
        assert!(text.contains("client error (Connect): connection refused; is"), "{text}");
    }
}
