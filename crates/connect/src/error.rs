//! Why there is no cluster to connect to. Each program adds what to do.

use std::fmt;
use std::path::PathBuf;

pub(crate) use kubewright_core::internals::causes::with_causes;

/// Why a configuration cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No file exists that describes a cluster.
    #[error(
        "{files} {}{}", does_not_exist(.files),
        .pod.as_ref().map(|pod| format!(", and {pod}")).unwrap_or_default()
    )]
    NoCluster {
        /// The files that were looked at.
        files: Files,
        /// Why there is no service account of a Pod; `None` if flags exclude it.
        pod: Option<String>,
    },
    /// The configuration cannot be used.
    #[error("{files} cannot be used: {problem}")]
    Unusable {
        /// The files that were read.
        files: Files,
        /// What is wrong.
        problem: String,
    },
}

fn does_not_exist(files: &Files) -> &'static str {
    match files.paths.len() {
        // Without a home directory there is no default file.
        0 => "are not set",
        1 => "does not exist",
        _ => "do not exist",
    }
}

/// The kubeconfig files that a program looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The files in the order of their precedence.
    pub paths: Vec<PathBuf>,
    /// Where their names come from.
    pub origin: Origin,
}

/// Where the name of a kubeconfig file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The flag `--kubeconfig`.
    Flag,
    /// The variable `KUBECONFIG`.
    Variable,
    /// The default file.
    Default,
}

/// `/a and /b (from $KUBECONFIG)`.
impl fmt::Display for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
        let origin = match self.origin {
            Origin::Flag => " (from --kubeconfig)",
            Origin::Variable => " (from $KUBECONFIG)",
            Origin::Default => "",
        };
        match paths.as_slice() {
            [] => f.write_str("$KUBECONFIG and $HOME"),
            [path] => write!(f, "{path}{origin}"),
            [first @ .., last] => write!(f, "{} and {last}{origin}", first.join(", ")),
        }
    }
}
