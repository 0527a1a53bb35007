//! What a machine can lack, and what to do about it.

use std::path::PathBuf;

/// Something without which deploying cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// No docker.
    #[error("docker is not on PATH: install Docker (https://docs.docker.com/engine/install)")]
    NoDocker,
    /// Docker does not answer.
    #[error(
        "Docker does not answer: start it, or check DOCKER_HOST and that you may use it ({detail})"
    )]
    DockerDown {
        /// What docker said.
        detail: String,
    },
    /// No kind.
    #[error(
        "kind is not on PATH: install it (https://kind.sigs.k8s.io/docs/user/quick-start), or `go install sigs.k8s.io/kind@latest`"
    )]
    NoKind,
    /// Too little room.
    #[error(
        "{} has {free} MB left, and {needed} MB are needed for the node and the images: \
         make room, for example with `docker system prune`", .folder.display()
    )]
    Disk {
        /// Where Docker keeps what it has.
        folder: PathBuf,
        /// What is free there, in MB.
        free: u64,
        /// What is needed, in MB.
        needed: u64,
    },
    /// An architecture for which we do not know what to build.
    #[error("Docker runs on {architecture}, and images are built for x86_64 and aarch64 only")]
    Architecture {
        /// What docker says.
        architecture: String,
    },
    /// No compiler for the parts in C.
    #[error(
        "no C compiler for {target}: install one (Debian, Ubuntu: `apt-get install musl-tools`; \
         elsewhere a musl cross compiler, named in CC_{variable})", variable = .target.replace('-', "_")
    )]
    NoCompiler {
        /// What is built for.
        target: &'static str,
    },
    /// No standard library for the target.
    #[error(
        "Rust's standard library for {target} is missing, and so is rustup, which would add it: install the target"
    )]
    NoTarget {
        /// What is built for.
        target: &'static str,
    },
}
