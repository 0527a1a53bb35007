//! Builds binaries from Go modules that are pinned by checksum (`go/*/go.mod` and `go.sum` of this
//! crate). Each version is built once, into the cache.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::binary::{Binary, Project};
use super::environment::Environment;
use super::error::AssetsError;
use super::go::Go;
use super::located::{Located, Source};
use super::wanted::Wanted;
use super::{probe, resolve};
use crate::home::{Home, HomeError, remove_folder};
use crate::progress::{Progress, Step};

/// The Go module that pins everything that one project's binaries are built from.
struct Module {
    go_mod: &'static str,
    go_sum: &'static str,
    /// Linker flags. Without them the Kubernetes binaries do not know their own version, which
    /// kwokctl asks for.
    ldflags: &'static str,
}

impl Project {
    const fn module(self) -> Module {
        match self {
            Self::Kubernetes => Module {
                go_mod: include_str!("../../go/kubernetes/go.mod"),
                go_sum: include_str!("../../go/kubernetes/go.sum"),
                ldflags: concat!(
                    "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3",
                    " -X k8s.io/component-base/version.gitMajor=1",
                    " -X k8s.io/component-base/version.gitMinor=36"
                ),
            },
            Self::Etcd => Module {
                go_mod: include_str!("../../go/etcd/go.mod"),
                go_sum: include_str!("../../go/etcd/go.sum"),
                ldflags: "-s -w",
            },
            Self::Kwok => Module {
                go_mod: include_str!("../../go/kwok/go.mod"),
                go_sum: include_str!("../../go/kwok/go.sum"),
                ldflags: "-s -w",
            },
        }
    }
}

impl Binary {
    /// The import path of the main package.
    const fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::KubeScheduler => "k8s.io/kubernetes/cmd/kube-scheduler",
            Self::Kubectl => "k8s.io/kubernetes/cmd/kubectl",
            Self::Kwok => "sigs.k8s.io/kwok/cmd/kwok",
            Self::Kwokctl => "sigs.k8s.io/kwok/cmd/kwokctl",
        }
    }
}

/// Builds `missing` and returns the binaries.
pub(super) fn build(
    environment: &Environment,
    home: &Home,
    wanted: &Wanted,
    missing: &[Binary],
    progress: &dyn Progress,
) -> Result<Vec<Located>, AssetsError> {
    if let Some(&binary) = missing.iter().find(|b| wanted.version(**b) != b.project().pinned()) {
        let project = binary.project();
        return Err(AssetsError::NotPinned { project, wanted: wanted.version(binary) });
    }
    let go = Go::find(environment, missing)?;
    // The short builds come first, so that an error shows early.
    let projects = [Project::Etcd, Project::Kwok, Project::Kubernetes];
    let of = |project: Project| missing.iter().copied().filter(move |b| b.project() == project);
    progress.plan(missing.len() + projects.iter().filter(|p| of(**p).next().is_some()).count());
    let mut located = Vec::new();
    for project in projects {
        let binaries: Vec<Binary> = of(project).collect();
        if !binaries.is_empty() {
            located.extend(build_project(&go, home, project, &binaries, progress)?);
        }
    }
    Ok(located)
}

fn build_project(
    go: &Go,
    home: &Home,
    project: Project,
    binaries: &[Binary],
    progress: &dyn Progress,
) -> Result<Vec<Located>, AssetsError> {
    let name = format!("{} {}", project.name(), project.pinned());
    let fetch = progress.step(&format!("Fetch the Go modules of {name}"));
    let waiting = || fetch.update("waiting for another process that builds it");
    let _lock = home.lock(&format!("build-{}", project.name()), waiting)?;
    let folder = home.binaries(project, project.pinned());
    let sources = write_module(home, project, &folder)?;
    let packages = packages(go, &sources, binaries, &fetch);
    // This process builds even after it waited: the other process may have been interrupted.
    let packages = packages?;
    fetch.done("");

    let mut located = Vec::new();
    for (&binary, packages) in binaries.iter().zip(&packages) {
        let step = progress.step(&format!("Build {binary} {}", project.pinned()));
        if let Some(cached) = resolve::cached(home, binary, project.pinned()) {
            step.done("built by another process");
            located.push(cached);
            continue;
        }
        located.push(build_one(go, &sources, &folder, binary, *packages, &step)?);
        step.done("");
    }
    remove_folder(&sources)?;
    Ok(located)
}

/// Writes the pinning module, and removes files that an interrupted build left in the cache.
fn write_module(home: &Home, project: Project, folder: &Path) -> Result<PathBuf, AssetsError> {
    let sources = home.root().join("build").join(project.name());
    let module = project.module();
    let write = || {
        fs::create_dir_all(folder)?;
        fs::create_dir_all(&sources)?;
        for entry in fs::read_dir(folder)?.flatten() {
            if entry.file_name().to_string_lossy().ends_with(PARTIAL) {
                fs::remove_file(entry.path())?;
            }
        }
        fs::write(sources.join("go.mod"), module.go_mod)?;
        fs::write(sources.join("go.sum"), module.go_sum)
    };
    write().map_err(HomeError::at(&sources))?;
    Ok(sources)
}

/// Downloads all modules. Returns for each binary the number of packages that no earlier binary
/// has.
fn packages(
    go: &Go,
    sources: &Path,
    binaries: &[Binary],
    step: &Step<'_>,
) -> Result<Vec<usize>, AssetsError> {
    let mut seen: HashSet<String> = HashSet::new();
    let mut counts = Vec::new();
    for binary in binaries {
        let arguments =
            ["list", "-mod=readonly", "-deps", "-f", "{{.ImportPath}}", binary.package()];
        let list = go.run(sources, &arguments, binary.name(), |line| step.update(line))?;
        let before = seen.len();
        seen.extend(list.lines().map(str::to_owned));
        counts.push(seen.len() - before);
    }
    Ok(counts)
}

/// The suffix of a file that is not a complete binary yet.
const PARTIAL: &str = ".partial";

fn build_one(
    go: &Go,
    sources: &Path,
    folder: &Path,
    binary: Binary,
    packages: usize,
    step: &Step<'_>,
) -> Result<Located, AssetsError> {
    let partial = folder.join(format!("{}{PARTIAL}", binary.name()));
    let module = binary.project().module();
    let ldflags = format!("-ldflags={}", module.ldflags);
    let out = partial.to_string_lossy();
    let arguments = [
        "build",
        "-v",
        "-mod=readonly",
        "-trimpath",
        "-buildvcs=false",
        &ldflags,
        "-o",
        &out,
        binary.package(),
    ];
    let mut compiled = 0;
    step.count("reading the build cache", 0, packages);
    go.run(sources, &arguments, binary.name(), |line| {
        if line.starts_with("go: ") {
            return step.update(line);
        }
        // `-v` prints each package when it is compiled. The main package is last; then the linker
        // runs.
        compiled += 1;
        let detail = if line == binary.package() { "linking" } else { line };
        step.count(detail, compiled.min(packages), packages);
    })?;

    let expected = binary.project().pinned();
    let found = probe::version(binary, &partial)?;
    if found != expected {
        let detail = format!("the binary reports version {found}; {expected} was built");
        return Err(AssetsError::Build { target: binary.name().to_owned(), detail });
    }
    let path = folder.join(binary.name());
    fs::rename(&partial, &path).map_err(HomeError::at(&path))?;
    Ok(Located { binary, path, version: found, source: Source::Built })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_flags_contain_the_pinned_version() {
        let version = Project::Kubernetes.pinned();
        let flags = Project::Kubernetes.module().ldflags;
        assert!(flags.contains(&format!("gitVersion={version} ")), "{flags}");
        assert!(flags.contains(&format!("gitMajor={} ", version.major)), "{flags}");
        assert!(flags.ends_with(&format!("gitMinor={}", version.minor)), "{flags}");
    }

    #[test]
    fn every_main_package_is_a_tool_of_its_go_module() {
        for binary in Binary::ALL {
            let module = binary.project().module();
            let words: HashSet<&str> = module.go_mod.split_whitespace().collect();
            assert!(words.contains(binary.package()), "{binary} is not in its go.mod");
        }
    }
}
