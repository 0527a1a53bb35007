//! The tools, images and disk space of this machine. Nothing is changed here.

use std::path::{Path, PathBuf};

use kubewright_testing::assets::{Binary, KUBERNETES, Version};

use super::problem::Problem;
use crate::invocation::{Invocation, RunError};

/// The properties of this machine that matter for a deployment.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// The state of Docker.
    pub(super) docker: Docker,
    /// Whether kind is installed.
    pub(super) kind: bool,
    /// Whether the cluster exists.
    pub(super) exists: bool,
    /// The images in the local Docker as `name:tag`.
    pub(super) images: Vec<String>,
    /// Whether the kubectl on `PATH` fits the version of the cluster.
    pub(super) kubectl: bool,
    pub(super) target: Target,
    pub(super) compiler: Compiler,
    /// Docker's data folder and its free space in MB; `None` if it is on another machine.
    pub(super) disk: Option<(PathBuf, u64)>,
}

/// The state of Docker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Docker {
    /// Docker is not installed.
    #[default]
    Missing,
    /// Docker does not answer, with this error.
    Down(String),
    /// Docker runs on this architecture (`amd64`, `arm64`).
    Runs(String),
}

/// The state of Rust's standard library for the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Target {
    /// It is missing, and rustup is not installed.
    #[default]
    Missing,
    /// rustup can add it.
    CanBeAdded,
    Installed,
}

/// The C compiler for the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Compiler {
    /// No compiler was found.
    #[default]
    Missing,
    /// The `cc` crate finds a compiler for musl.
    Found,
    /// The compiler of this machine, for the same processor. It is sufficient for C code that does
    /// not use the C library, such as ring's.
    Host,
}

/// Space for a new cluster: the node image, its copy in the node and its unpacked files.
const NEW_CLUSTER_MB: u64 = 4000;
/// Space for the operator's image in Docker and in the node.
const IMAGES_MB: u64 = 500;

impl Facts {
    /// Inspects this machine.
    pub(super) fn inspect(name: &str, node_image: Option<&str>) -> Self {
        let docker = docker();
        let mut facts = Self { kind: succeeds("kind", &["version"]), docker, ..Self::default() };
        facts.kubectl = kubectl_fits(cluster_version(node_image));
        if let Docker::Runs(_) = &facts.docker {
            facts.images =
                lines("docker", &["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]);
            facts.exists = facts.kind
                && lines("kind", &["get", "clusters"]).iter().any(|cluster| cluster == name);
            facts.disk = disk();
        }
        if let Some(target) = facts.rust_target() {
            facts.target = standard_library(target);
            facts.compiler = compiler(target);
        }
        facts
    }

    /// The target of a static program for Docker's machine.
    pub(super) fn rust_target(&self) -> Option<&'static str> {
        let architecture = match &self.docker {
            Docker::Runs(architecture) => architecture,
            // Without Docker the architecture of this machine is the most likely one.
            _ => std::env::consts::ARCH,
        };
        match architecture {
            "x86_64" | "amd64" => Some("x86_64-unknown-linux-musl"),
            "aarch64" | "arm64" => Some("aarch64-unknown-linux-musl"),
            _ => None,
        }
    }

    /// Everything that is missing.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        match (&self.docker, self.rust_target()) {
            (Docker::Missing, _) => problems.push(Problem::NoDocker),
            (Docker::Down(detail), _) => {
                problems.push(Problem::DockerDown { detail: detail.clone() });
            }
            (Docker::Runs(architecture), None) => {
                problems.push(Problem::Architecture { architecture: architecture.clone() });
            }
            (Docker::Runs(_), Some(_)) => {}
        }
        if !self.kind {
            problems.push(Problem::NoKind);
        }
        let needed = if self.exists { IMAGES_MB } else { NEW_CLUSTER_MB };
        if let Some((folder, free)) = self.disk.clone().filter(|(_, free)| *free < needed) {
            problems.push(Problem::Disk { folder, free, needed });
        }
        if let Some(target) = self.rust_target() {
            if self.target == Target::Missing {
                problems.push(Problem::NoTarget { target });
            }
            if self.compiler == Compiler::Missing {
                problems.push(Problem::NoCompiler { target });
            }
        }
        problems
    }
}

fn docker() -> Docker {
    match Invocation::new("docker").args(["version", "--format", "{{.Server.Arch}}"]).capture() {
        Ok(architecture) => Docker::Runs(architecture.trim().to_owned()),
        Err(RunError::NotFound { .. }) => Docker::Missing,
        Err(RunError::Failed { detail, .. }) => Docker::Down(last_line(&detail)),
        Err(error) => Docker::Down(error.to_string()),
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().to_owned()
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Invocation::new(program).args(arguments.iter().copied()).capture().is_ok()
}

fn lines(program: &str, arguments: &[&str]) -> Vec<String> {
    let text =
        Invocation::new(program).args(arguments.iter().copied()).capture().unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The Kubernetes version of a new cluster.
fn cluster_version(node_image: Option<&str>) -> Version {
    let tag = node_image.and_then(|image| image.split('@').next()?.rsplit_once(':'));
    tag.and_then(|(_, tag)| tag.parse().ok()).unwrap_or(KUBERNETES)
}

/// Whether the kubectl on `PATH` differs by at most one minor version from `cluster`.
pub(crate) fn kubectl_fits(cluster: Version) -> bool {
    let version =
        Invocation::new("kubectl").args(["version", "--client"]).capture().unwrap_or_default();
    Version::find_in(&version).is_some_and(|found| Binary::Kubectl.accepts(found, cluster))
}

fn standard_library(target: &str) -> Target {
    let folder =
        Invocation::new("rustc").args(["--print", "target-libdir", "--target", target]).capture();
    if folder.is_ok_and(|folder| Path::new(folder.trim()).is_dir()) {
        Target::Installed
    } else if succeeds("rustup", &["--version"]) {
        Target::CanBeAdded
    } else {
        Target::Missing
    }
}

fn compiler(target: &str) -> Compiler {
    let variables = [
        format!("CC_{target}"),
        format!("CC_{}", target.replace('-', "_")),
        "TARGET_CC".to_owned(),
    ];
    let named = variables.iter().any(|variable| std::env::var_os(variable).is_some());
    // The names that the `cc` crate tries for musl.
    let prefix = target.replace("-unknown", "");
    let found = || {
        succeeds("musl-gcc", &["--version"]) || succeeds(&format!("{prefix}-gcc"), &["--version"])
    };
    let same_machine = || cfg!(target_os = "linux") && target.starts_with(std::env::consts::ARCH);
    if named || found() {
        Compiler::Found
    } else if same_machine() && succeeds("cc", &["--version"]) {
        Compiler::Host
    } else {
        Compiler::Missing
    }
}

fn disk() -> Option<(PathBuf, u64)> {
    let folder = Invocation::new("docker")
        .args(["info", "--format", "{{.DockerRootDir}}"])
        .capture()
        .ok()?;
    let folder = PathBuf::from(folder.trim());
    // A Docker in a virtual machine or behind DOCKER_HOST has its data folder there.
    let output = Invocation::new("df").args(["-Pk", &folder.to_string_lossy()]).capture().ok()?;
    Some((folder, free_mb(&output)?))
}

/// The fourth column of the last line, in MB.
fn free_mb(df: &str) -> Option<u64> {
    let free: u64 = df.lines().last()?.split_whitespace().nth(3)?.parse().ok()?;
    Some(free / 1024)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A machine with all tools and without a cluster.
    pub(in crate::deploy) fn complete() -> Facts {
        Facts {
            docker: Docker::Runs("amd64".into()),
            kind: true,
            exists: false,
            images: vec!["hashicorp/http-echo:1.0.0".into(), "somebody/else:1".into()],
            kubectl: true,
            target: Target::Installed,
            compiler: Compiler::Found,
            disk: Some((PathBuf::from("/var/lib/docker"), 50_000)),
        }
    }

    fn messages(facts: &Facts) -> String {
        facts.problems().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_complete_machine_has_no_problem() {
        assert_eq!(messages(&complete()), "");
    }

    #[test]
    fn all_missing_tools_are_reported_at_once_with_remedies() {
        let messages = messages(&Facts::default());
        for advice in [
            "install Docker",
            "kind is not on PATH: install it",
            "musl-tools",
            "install the target",
        ] {
            assert!(messages.contains(advice), "{advice} is not in:\n{messages}");
        }
    }

    #[test]
    fn a_docker_that_does_not_answer_is_not_reported_as_missing() {
        let facts = Facts {
            docker: Docker::Down("Cannot connect to the Docker daemon".into()),
            ..complete()
        };
        assert!(
            messages(&facts).starts_with("Docker does not answer: start it"),
            "{}",
            messages(&facts)
        );
    }

    #[test]
    fn a_new_cluster_needs_more_space_than_an_existing_one() {
        let full = Facts { disk: Some((PathBuf::from("/var/lib/docker"), 1000)), ..complete() };
        assert!(
            messages(&full)
                .contains("/var/lib/docker has 1000 MB of free space, but 4000 MB are needed"),
            "{}",
            messages(&full)
        );
        assert_eq!(messages(&Facts { exists: true, ..full }), "");
    }

    #[test]
    fn the_target_depends_on_the_architecture_of_dockers_machine() {
        let target = |architecture: &str| {
            Facts { docker: Docker::Runs(architecture.into()), ..complete() }.rust_target()
        };
        assert_eq!(target("arm64"), Some("aarch64-unknown-linux-musl"));
        assert_eq!(target("amd64"), Some("x86_64-unknown-linux-musl"));
        assert_eq!(target("s390x"), None);
    }

    #[test]
    fn free_space_is_read_from_df() {
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n\
                  /dev/vda 263174212 32505856 65011712 34% /\n";
        assert_eq!(free_mb(df), Some(63_488));
    }
}
