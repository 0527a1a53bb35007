//! What can go wrong, what to do about it, and the exit code of each: scripts rely on the codes.

use std::process::ExitCode;

use kubewright::runtime::RunError;

/// What the exit codes mean, as `--help` says it.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  it is so
  1  it did not come true: not ready in time or not without an edit, no URL, nothing to extend
  2  the arguments cannot be used
  3  there is no such preview, or the cluster does not know previews
  4  the cluster did not do it: it cannot be reached, or does not allow or accept it";

/// It did not come true.
const NOT_TRUE: u8 = 1;
/// As clap has it.
const USAGE: u8 = 2;
/// There is nothing of that name.
const NOT_FOUND: u8 = 3;
/// The cluster did not do it.
const CLUSTER: u8 = 4;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No configuration, or nobody answers.
    #[error(transparent)]
    Connect(#[from] RunError),
    /// The definition of the resource is missing.
    #[error(
        "the cluster at {server} does not know PreviewEnvironments (platform9.com/v1): install the operator there, or choose another cluster with --context"
    )]
    NoApi {
        /// Its address.
        server: String,
    },
    #[error("there is no preview {name} in namespace {namespace}{hint}")]
    NotFound {
        namespace: String,
        name: String,
        /// What there is instead; empty, or with its own punctuation.
        hint: String,
    },
    #[error("the preview {name} was deleted meanwhile")]
    Deleted { name: String },
    #[error(
        "the cluster at {server} does not accept your credentials ({message}): log in again, or choose others with --context"
    )]
    Unauthorized { server: String, message: String },
    #[error("you may not do that: {message}; ask an administrator of the cluster for the right")]
    Forbidden { message: String },
    #[error("the API server did not take it: {message}")]
    Refused { message: String },
    #[error(
        "{name} was deleted and made again while this was done; nothing was changed: look at it, and try again"
    )]
    Replaced { name: String },
    #[error("the API server cannot do it now: {message}; try again")]
    Server { message: String },
    #[error("an answer of the API server cannot be read: {0}")]
    Answer(#[source] Box<kube::Error>),
    /// A resource of a form that is not known here.
    #[error(
        "{namespace}/{name} cannot be read: {source}; `kubectl get previewenvironment {name} -n {namespace} -o yaml` shows it"
    )]
    Unreadable { namespace: String, name: String, source: serde_json::Error },
    #[error("{name} will not become ready as it is: {reason}: {message}")]
    Stalled { name: String, reason: String, message: String },
    #[error("{name} was not ready within {limit}: {last}")]
    NotInTime { name: String, limit: String, last: String },
    #[error("{name} has no URL: {why}")]
    NoUrl { name: String, why: String },
    #[error("{name} has no end: nothing deletes it by time. Write --until to give it one")]
    NoEnd { name: String },
    #[error(
        "{name} is pinned: nothing deletes it by time. Unpin it, or write --until for the time after that"
    )]
    Pinned { name: String },
    #[error(
        "the operator has not said yet when {name} ends: try again in a moment (`wait` waits for it), or write --until"
    )]
    EndUnknown { name: String },
    #[error(
        "{moment} has passed: {name} would be deleted at once. If that is what you want: kubectl delete previewenvironment {name}"
    )]
    Passed { name: String, moment: String },
    #[error("that is further ahead than a moment can be written")]
    TooFar,
    #[error("cannot open a browser with {program}: {source}; --print prints the URL instead")]
    Browser { program: &'static str, source: std::io::Error },
    #[error("cannot open a browser: {program} ended with {status}; --print prints the URL instead")]
    BrowserFailed { program: &'static str, status: std::process::ExitStatus },
    #[error(
        "the URL in its status is {url:?}, which is no address of a web page; nothing was opened"
    )]
    StrangeUrl { url: String },
    #[error("this program does not run previews; it is built without their operator")]
    NoOperator,
    #[error(transparent)]
    Output(#[from] kubewright::cli::Error),
    #[error("cannot be written as YAML: {0}")]
    Yaml(#[from] kubewright::manifests::yaml::WriteError),
    #[error("cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot start: {0}; look at the limits of the process (ulimit -n)")]
    Start(#[source] std::io::Error),
    /// Each was told already.
    #[error("{failed} of {all} previews could not be read")]
    Several { failed: usize, all: usize },
}

impl Error {
    /// What the program ends with.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.number())
    }

    pub(crate) fn number(&self) -> u8 {
        match self {
            Self::Passed { .. } | Self::TooFar => USAGE,
            Self::NoApi { .. } | Self::NotFound { .. } | Self::Deleted { .. } => NOT_FOUND,
            Self::Connect(_)
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Refused { .. }
            | Self::Replaced { .. }
            | Self::Server { .. }
            | Self::Answer(_) => CLUSTER,
            _ => NOT_TRUE,
        }
    }
}
