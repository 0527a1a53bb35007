//! Why there are no figures.

use std::path::PathBuf;
use std::time::Duration;

use kubewright::testing::assets::AssetsError;
use kubewright::testing::control_plane;
use kubewright::testing::home::HomeError;

/// Something without which nothing can be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The control plane's binaries.
    #[error(transparent)]
    Assets(#[from] AssetsError),
    /// The control plane.
    #[error(transparent)]
    ControlPlane(#[from] control_plane::Error),
    /// Where control planes are kept.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// A file.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No connection.
    #[error("no connection to the control plane: {0}; is the machine out of memory or ports?")]
    Connection(Box<dyn std::error::Error + Send + Sync>),
    /// A request was not answered as it should be.
    #[error("{what}: {message}")]
    Request {
        /// Method and path.
        what: String,
        /// What the API server said.
        message: String,
    },
    /// The operator ended.
    #[error("the operator {what}; what it wrote last:\n{log}")]
    Operator {
        /// What happened.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// Something did not happen.
    #[error("waited {} s in vain until {what}; last seen: {seen}", .within.as_secs())]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        within: Duration,
        /// How far it was.
        seen: String,
    },
    /// The workload cannot be made.
    #[error("the operator's own functions did not give what to write: {0}")]
    Workload(String),
    /// A figure that would not mean what it says.
    #[error("this cannot be measured: {0}")]
    Unmeasurable(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// A connection that failed.
    pub(crate) fn connection(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Connection(error.into())
    }
}
