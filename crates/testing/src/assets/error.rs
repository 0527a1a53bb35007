//! Errors about binaries, each with a remedy.

use std::io;
use std::path::PathBuf;

use super::binary::{Binary, Project};
use super::version::Version;
use crate::home::HomeError;

/// A binary of the control plane cannot be provided.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    /// The folder `KUBEWRIGHT_ASSETS` lacks binaries.
    #[error(
        "KUBEWRIGHT_ASSETS={} has no {}; put {} there, or unset the variable to find or build {}",
        .folder.display(), list(.missing), pronoun(.missing), pronoun(.missing)
    )]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// The missing binaries.
        missing: Vec<Binary>,
    },
    /// The folder `KUBEWRIGHT_ASSETS` has a binary of another version.
    #[error(
        "{} has version {found}, but {} is needed: request Kubernetes {found}, \
         or unset KUBEWRIGHT_ASSETS",
        .path.display(), .binary.requirement(*.wanted)
    )]
    WrongVersion {
        /// The binary.
        binary: Binary,
        /// The path of the binary.
        path: PathBuf,
        /// The version that the binary prints.
        found: Version,
        /// The requested version.
        wanted: Version,
    },
    /// A binary does not run, or prints no version.
    #[error(
        "{} does not print its version: {detail}; is it built for this machine?",
        .path.display()
    )]
    CannotRun {
        /// The path of the binary.
        path: PathBuf,
        /// The exit status and the output.
        detail: String,
    },
    /// The requested version is not on this machine and cannot be built.
    #[error(
        "{} {wanted} is not on this machine, and only {} {} can be built: \
         set KUBEWRIGHT_ASSETS to a folder that contains it, or request {}",
        .project.name(), .project.name(), .project.pinned(), .project.pinned()
    )]
    NotPinned {
        /// The project.
        project: Project,
        /// The requested version.
        wanted: Version,
    },
    /// Go is not installed.
    #[error(
        "{} must be built, and `go` is not on PATH: install Go 1.26 or newer \
         (https://go.dev/dl), or set KUBEWRIGHT_ASSETS to a folder that contains {}",
        list(.missing), pronoun(.missing)
    )]
    NoGo {
        /// The binaries to build.
        missing: Vec<Binary>,
    },
    /// Go is too old, and cannot or must not download a newer toolchain.
    #[error(
        "{found} is too old, Go 1.26 or newer is needed: install it (https://go.dev/dl), \
         or set GOTOOLCHAIN=auto, with which Go 1.21 or newer downloads it{}",
        .detail.as_ref().map(|detail| format!("\n{detail}")).unwrap_or_default()
    )]
    GoTooOld {
        /// The output of `go version`.
        found: String,
        /// The error of the toolchain download.
        detail: Option<String>,
    },
    /// Go modules cannot be downloaded.
    #[error(
        "the Go modules of {target} cannot be downloaded: check the network and GOPROXY. \
         Without a network, set KUBEWRIGHT_ASSETS to a folder that contains the binaries\n{detail}"
    )]
    Network {
        /// The binary that was built.
        target: String,
        /// The output of Go.
        detail: String,
    },
    /// The disk is full.
    #[error(
        "the disk is full, and the build of {target} needs several GB: free some space, or point \
         KUBEWRIGHT_HOME, GOCACHE, GOMODCACHE and TMPDIR to a larger disk\n{detail}"
    )]
    DiskFull {
        /// The binary that was built.
        target: String,
        /// The output of Go.
        detail: String,
    },
    /// The compiler was killed.
    #[error(
        "the build of {target} was killed, probably because it needs 2 GB of memory: \
         close other programs, or set GOFLAGS=-p=1, and try again\n{detail}"
    )]
    Killed {
        /// The binary that was built.
        target: String,
        /// The output of Go.
        detail: String,
    },
    /// A downloaded module differs from the pinned one.
    #[error(
        "a Go module of {target} does not have the pinned checksum: it was changed by the proxy or \
         in the module cache; try `go clean -modcache` and another GOPROXY\n{detail}"
    )]
    Checksum {
        /// The binary that was built.
        target: String,
        /// The output of Go.
        detail: String,
    },
    /// The build failed for another reason.
    #[error("the build of {target} failed:\n{detail}")]
    Build {
        /// The binary that was built.
        target: String,
        /// The output of Go.
        detail: String,
    },
    /// Go cannot be started.
    #[error(
        "{} cannot be started: {source}; reinstall Go, or remove it from PATH",
        .go.display()
    )]
    Go {
        /// The path of Go.
        go: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The state folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// `a`, `a and b`, `a, b and c`.
fn list(binaries: &[Binary]) -> String {
    let names: Vec<&str> = binaries.iter().map(|binary| binary.name()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn pronoun(binaries: &[Binary]) -> &'static str {
    if binaries.len() == 1 { "it" } else { "them" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_folder_and_all_missing_binaries() {
        let error = AssetsError::Missing {
            folder: PathBuf::from("/opt/k8s"),
            missing: vec![Binary::Etcd, Binary::Kwok, Binary::Kwokctl],
        };
        assert_eq!(
            error.to_string(),
            "KUBEWRIGHT_ASSETS=/opt/k8s has no etcd, kwok and kwokctl; put them there, \
             or unset the variable to find or build them"
        );
    }

    #[test]
    fn without_go_the_error_names_both_remedies() {
        let text = AssetsError::NoGo { missing: vec![Binary::Etcd] }.to_string();
        assert!(text.contains("install Go 1.26"), "{text}");
        assert!(text.contains("set KUBEWRIGHT_ASSETS to a folder that contains it"), "{text}");
    }

    #[test]
    fn the_error_names_the_requested_version_and_the_version_that_can_be_built() {
        let error =
            AssetsError::NotPinned { project: Project::Kubernetes, wanted: Version::new(1, 34, 2) };
        let text = error.to_string();
        assert!(text.contains("kubernetes v1.34.2 is not on this machine"), "{text}");
        assert!(text.contains("only kubernetes v1.36.3 can be built"), "{text}");
    }
}
