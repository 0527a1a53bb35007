//! Missing requirements of a deployment, each with a remedy.

use std::path::PathBuf;

/// A requirement that this machine does not meet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("docker is not on PATH: install Docker (https://docs.docker.com/engine/install)")]
    NoDocker,
    #[error(
        "Docker does not answer: start it, or check DOCKER_HOST and your permissions ({detail})"
    )]
    DockerDown { detail: String },
    #[error(
        "kind is not on PATH: install it (https://kind.sigs.k8s.io/docs/user/quick-start) \
         or run `go install sigs.k8s.io/kind@latest`"
    )]
    NoKind,
    #[error(
        "{} has {free} MB of free space, but {needed} MB are needed for the node and the images: \
         free some space, for example with `docker system prune`", .folder.display()
    )]
    Disk { folder: PathBuf, free: u64, needed: u64 },
    #[error("Docker runs on {architecture}; images are built only for x86_64 and aarch64")]
    Architecture { architecture: String },
    #[error(
        "there is no C compiler for {target}: install one (Debian, Ubuntu: \
         `apt-get install musl-tools`), or set CC_{variable} to a musl cross compiler",
        variable = .target.replace('-', "_")
    )]
    NoCompiler { target: &'static str },
    #[error(
        "Rust's standard library for {target} is missing: install rustup, which adds it, \
         or install the target"
    )]
    NoTarget { target: &'static str },
}
