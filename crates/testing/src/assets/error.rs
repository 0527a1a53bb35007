//! What can be wrong with binaries, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::binary::{Binary, Project};
use super::version::Version;
use crate::home::HomeError;

/// A binary of the control plane could not be had.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    /// `KUBEWRIGHT_ASSETS` names a folder that does not hold everything.
    #[error(
        "KUBEWRIGHT_ASSETS={} has no {}; put {} there, or unset the variable and the binaries are found or built",
        .folder.display(), list(.missing), if .missing.len() == 1 { "it" } else { "them" }
    )]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// What is not in it.
        missing: Vec<Binary>,
    },
    /// `KUBEWRIGHT_ASSETS` names a folder with a binary of another version than the one that is
    /// asked for.
    #[error(
        "{} is {found}, but {} is needed: ask for Kubernetes {found}, or unset KUBEWRIGHT_ASSETS",
        .path.display(), .binary.requirement(*.wanted)
    )]
    DoesNotFit {
        /// Which binary.
        binary: Binary,
        /// Where it is.
        path: PathBuf,
        /// What it says it is.
        found: Version,
        /// What was asked for.
        wanted: Version,
    },
    /// A binary does not run, or does not say its version.
    #[error("{} does not say its version: {detail}; is it built for this machine?", .path.display())]
    CannotRun {
        /// Where it is.
        path: PathBuf,
        /// What happened.
        detail: String,
    },
    /// A version that is not pinned here was asked for, and it is nowhere to be found.
    #[error(
        "{} {wanted} is not on this machine, and only {} {} can be built: \
         name a folder that holds it in KUBEWRIGHT_ASSETS, or ask for {}",
        .project.name(), .project.name(), .project.pinned(), .project.pinned()
    )]
    NotPinned {
        /// Which project.
        project: Project,
        /// Which version was asked for.
        wanted: Version,
    },
    /// There is no Go to build with.
    #[error(
        "{} must be built, and there is no `go` on PATH: install Go 1.26 or newer (https://go.dev/dl), \
         or name a folder that holds {} in KUBEWRIGHT_ASSETS",
        list(.missing), if .missing.len() == 1 { "it" } else { "them" }
    )]
    NoGo {
        /// What would have been built.
        missing: Vec<Binary>,
    },
    /// Go is too old, and is not allowed or not able to fetch a newer one.
    #[error(
        "{found} is too old, Go 1.26 or newer is needed: install it (https://go.dev/dl), \
         or set GOTOOLCHAIN=auto and go 1.21 or newer fetches it by itself{}",
        .detail.as_ref().map(|detail| format!("\n{detail}")).unwrap_or_default()
    )]
    GoTooOld {
        /// What `go version` says.
        found: String,
        /// What Go said when it was to fetch the newer one.
        detail: Option<String>,
    },
    /// Modules could not be fetched.
    #[error(
        "the Go modules of {target} could not be fetched: is there a network, and does GOPROXY name a server \
         that it reaches? Without one, name a folder that holds the binaries in KUBEWRIGHT_ASSETS\n{detail}"
    )]
    Network {
        /// What was being built.
        target: String,
        /// What Go said.
        detail: String,
    },
    /// The disk is full.
    #[error(
        "the disk is full while building {target}; a build needs several GB: make room, or point \
         KUBEWRIGHT_HOME, GOCACHE, GOMODCACHE and TMPDIR to a larger disk\n{detail}"
    )]
    DiskFull {
        /// What was being built.
        target: String,
        /// What Go said.
        detail: String,
    },
    /// The compiler was killed.
    #[error(
        "the build of {target} was killed, most often for want of memory: it needs 2 GB; \
         close something, or set GOFLAGS=-p=1 and try again\n{detail}"
    )]
    Killed {
        /// What was being built.
        target: String,
        /// What Go said.
        detail: String,
    },
    /// What was fetched is not what is pinned.
    #[error(
        "a module of {target} is not the one that is pinned: what was fetched was changed on the way or in the \
         module cache; try `go clean -modcache`, and another GOPROXY\n{detail}"
    )]
    Checksum {
        /// What was being built.
        target: String,
        /// What Go said.
        detail: String,
    },
    /// The build failed for another reason.
    #[error("the build of {target} failed:\n{detail}")]
    Build {
        /// What was being built.
        target: String,
        /// What Go said.
        detail: String,
    },
    /// Go could not be started.
    #[error("{} could not be started: {source}; reinstall Go, or take it off PATH", .go.display())]
    Go {
        /// Where it is.
        go: PathBuf,
        /// What the system said.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_lacks_binaries_is_named_with_what_it_lacks() {
        let error = AssetsError::Missing {
            folder: PathBuf::from("/opt/k8s"),
            missing: vec![Binary::Etcd, Binary::Kwok, Binary::Kwokctl],
        };
        assert_eq!(
            error.to_string(),
            "KUBEWRIGHT_ASSETS=/opt/k8s has no etcd, kwok and kwokctl; put them there, \
             or unset the variable and the binaries are found or built"
        );
    }

    #[test]
    fn without_go_the_error_says_what_to_install_or_to_name() {
        let text = AssetsError::NoGo { missing: vec![Binary::Etcd] }.to_string();
        assert!(text.contains("install Go 1.26"), "{text}");
        assert!(text.contains("name a folder that holds it in KUBEWRIGHT_ASSETS"), "{text}");
    }

    #[test]
    fn a_version_that_cannot_be_built_is_named_beside_the_one_that_can() {
        let error =
            AssetsError::NotPinned { project: Project::Kubernetes, wanted: Version::new(1, 34, 2) };
        let text = error.to_string();
        assert!(text.contains("kubernetes v1.34.2 is not on this machine"), "{text}");
        assert!(text.contains("only kubernetes v1.36.3 can be built"), "{text}");
    }
}
