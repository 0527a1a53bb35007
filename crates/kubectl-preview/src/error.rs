//! Every error with what to do about it, and its exit code. Scripts rely on the exit codes.

use std::process::ExitStatus;

use kubewright_connect::ConnectError;
use kubewright_core::internals::causes::with_causes;

/// The end of every `--help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  not done: timeout, needs an edit, no URL, nothing to extend
  2  the arguments are not valid
  3  the preview does not exist, or the cluster does not serve PreviewEnvironment
  4  the API server cannot be reached, or rejected the request";

const NOT_DONE: u8 = 1;
/// The code of clap.
pub(crate) const USAGE: u8 = 2;
const NOT_FOUND: u8 = 3;
const CLUSTER: u8 = 4;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no cluster: {cause}. {}", what_to_do(.cause))]
    NoCluster {
        #[from]
        cause: ConnectError,
    },
    #[error(
        "cannot connect to {server}: {}; check the certificates, keys and tokens in the kubeconfig",
        with_causes(.cause)
    )]
    Credentials { server: String, cause: kube::Error },
    #[error(
        "cannot reach the API server at {server}: {}; \
         check that the cluster is running (kubectl cluster-info)",
        with_causes(&**.cause)
    )]
    Unreachable { server: String, cause: Box<dyn std::error::Error + Send + Sync> },
    #[error(
        "the cluster at {server} does not serve PreviewEnvironment (platform9.com/v1); \
         install the operator there, or select another cluster with --context"
    )]
    NoApi { server: String },
    /// `hint` is empty, or starts with its own punctuation.
    #[error("namespace {namespace} has no preview {name}{hint}")]
    NotFound { namespace: String, name: String, hint: String },
    #[error("the preview {name} was deleted")]
    Deleted { name: String },
    #[error(
        "the cluster at {server} rejects your credentials ({message}); \
         log in again, or select other credentials with --context"
    )]
    Unauthorized { server: String, message: String },
    #[error("access denied: {message}; ask an administrator of the cluster for this right")]
    Forbidden { message: String },
    #[error("the API server rejected the request: {message}")]
    Rejected { message: String },
    #[error(
        "the preview {name} was deleted and created again in the meantime; \
         nothing was changed: check the new one, then try again"
    )]
    Replaced { name: String },
    #[error("the API server failed: {message}; try again")]
    Server { message: String },
    #[error("cannot read the response of the API server: {}", with_causes(.0))]
    Response(kube::Error),
    #[error(
        "cannot read the preview {namespace}/{name}: {source}; \
         `kubectl get previewenvironment {name} -n {namespace} -o yaml` shows it"
    )]
    Unreadable { namespace: String, name: String, source: serde_json::Error },
    /// One error per preview was printed before.
    #[error("cannot read {failed} of {all} previews")]
    SomeUnreadable { failed: usize, all: usize },
    #[error("{name} needs an edit to become ready: {message}")]
    NeedsEdit { name: String, message: String },
    #[error("{name} was not ready after {limit}: {last}")]
    Timeout { name: String, limit: String, last: String },
    #[error("{name} has no URL: {reason}")]
    NoUrl { name: String, reason: String },
    #[error("{name} never expires, so --by has nothing to extend; set a time with --until")]
    NeverExpires { name: String },
    #[error(
        "{name} is pinned and does not expire; unpin it, or set the time after unpinning with \
         --until"
    )]
    Pinned { name: String },
    #[error(
        "the operator has not reported yet when {name} expires; \
         run `kubectl preview wait {name}` first, or set a time with --until"
    )]
    ExpiryUnknown { name: String },
    #[error(
        "{moment} has passed, and the operator would delete {name} at once; \
         to delete it, run `kubectl delete previewenvironment {name}`"
    )]
    Passed { name: String, moment: String },
    #[error("the new expiry of {name} would be after the year 9998; choose a shorter --by")]
    TooLate { name: String },
    #[error("cannot run {program} to open a browser: {source}; --print prints the URL instead")]
    Browser { program: &'static str, source: std::io::Error },
    #[error("{program} did not open a browser ({status}); --print prints the URL instead")]
    BrowserFailed { program: &'static str, status: ExitStatus },
    #[error("the URL in the status of {name} is not a web address: {url:?}; it is not used")]
    NotWebUrl { name: String, url: String },
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot start: {0}; check the limits of the process (ulimit -n)")]
    Start(std::io::Error),
}

fn what_to_do(cause: &ConnectError) -> &'static str {
    match cause {
        ConnectError::NoCluster { .. } => {
            "Pass --kubeconfig FILE, or set $KUBECONFIG to a file that exists."
        }
        _ => "Check --kubeconfig, --context and $KUBECONFIG.",
    }
}

impl Error {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Passed { .. } | Self::TooLate { .. } => USAGE,
            Self::NoApi { .. } | Self::NotFound { .. } | Self::Deleted { .. } => NOT_FOUND,
            Self::NoCluster { .. }
            | Self::Credentials { .. }
            | Self::Unreachable { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Rejected { .. }
            | Self::Replaced { .. }
            | Self::Server { .. }
            | Self::Response(_)
            | Self::Unreadable { .. }
            | Self::SomeUnreadable { .. } => CLUSTER,
            _ => NOT_DONE,
        }
    }

    /// Whether the same request may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Server { .. } | Self::Rejected { .. })
    }
}
