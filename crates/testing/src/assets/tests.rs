//! The order in which the places for binaries are searched.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use super::*;
use crate::home::Home;
use crate::progress::Silent;
use crate::scratch::Scratch;

/// A machine without binaries, without Go in `PATH` and without a network.
struct Machine {
    scratch: Scratch,
    environment: Environment,
    home: Home,
}

impl Machine {
    fn new() -> Self {
        let scratch = Scratch::new();
        let environment = Environment {
            path: Some(scratch.path().join("path").into_os_string()),
            never_download: true,
            ..Environment::default()
        };
        let home = Home::at(&scratch.path().join("home")).unwrap();
        Self { scratch, environment, home }
    }

    fn with(self, folder: &str, binary: Binary, output: &str) -> Self {
        self.scratch.executable(&format!("{folder}/{binary}"), output);
        self
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn find(&self, binary: Binary) -> Result<resolve::Found, AssetsError> {
        let wanted = Wanted { binaries: vec![binary], ..Wanted::default() };
        resolve::find(&self.environment, &self.home, &wanted)
    }

    fn source(&self, binary: Binary) -> Option<Source> {
        self.find(binary).unwrap().located.first().map(|one| one.source)
    }
}

const PINNED: &str = "Kubernetes v1.36.3";

#[test]
fn the_named_folder_comes_first_then_kubebuilders_then_the_cache_then_the_path() {
    let mut machine = Machine::new()
        .with("named", Binary::KubeApiserver, PINNED)
        .with("kubebuilder", Binary::KubeApiserver, PINNED)
        .with("home/bin/kubernetes-v1.36.3", Binary::KubeApiserver, PINNED)
        .with("path", Binary::KubeApiserver, PINNED);
    machine.environment.kubewright_assets = Some(machine.folder("named"));
    machine.environment.kubebuilder_assets = Some(machine.folder("kubebuilder"));
    assert_eq!(machine.source(Binary::KubeApiserver), Some(Source::KubewrightAssets));
    machine.environment.kubewright_assets = None;
    assert_eq!(machine.source(Binary::KubeApiserver), Some(Source::KubebuilderAssets));
    machine.environment.kubebuilder_assets = None;
    assert_eq!(machine.source(Binary::KubeApiserver), Some(Source::Cache));
    std::fs::remove_dir_all(machine.folder("home/bin")).unwrap();
    assert_eq!(machine.source(Binary::KubeApiserver), Some(Source::Path));
    std::fs::remove_dir_all(machine.folder("path")).unwrap();
    assert_eq!(machine.source(Binary::KubeApiserver), None);
}

#[test]
fn one_error_lists_all_binaries_that_the_named_folder_lacks() {
    let mut machine = Machine::new().with("named", Binary::KubeApiserver, PINNED);
    machine.environment.kubewright_assets = Some(machine.folder("named"));
    let error = resolve::find(&machine.environment, &machine.home, &Wanted::default()).unwrap_err();
    let AssetsError::Missing { missing, .. } = error else { panic!("{error}") };
    assert_eq!(missing.len(), Binary::ALL.len() - 1);
    assert!(!missing.contains(&Binary::KubeApiserver));
}

#[test]
fn the_named_folder_needs_only_the_requested_binaries() {
    let mut machine = Machine::new().with("named", Binary::KubeApiserver, PINNED);
    machine.environment.kubewright_assets = Some(machine.folder("named"));
    assert_eq!(machine.source(Binary::KubeApiserver), Some(Source::KubewrightAssets));
}

#[test]
fn another_version_in_the_named_folder_is_an_error_unless_it_is_requested() {
    let mut machine = Machine::new().with("named", Binary::KubeApiserver, "Kubernetes v1.34.2");
    machine.environment.kubewright_assets = Some(machine.folder("named"));
    let error = machine.find(Binary::KubeApiserver).unwrap_err();
    assert!(matches!(error, AssetsError::WrongVersion { .. }));
    assert!(error.to_string().contains("has version v1.34.2, but v1.36 is needed"), "{error}");
    let wanted =
        Wanted { kubernetes: Version::new(1, 34, 0), binaries: vec![Binary::KubeApiserver] };
    let found = resolve::find(&machine.environment, &machine.home, &wanted).unwrap();
    assert_eq!(found.located[0].version, Version::new(1, 34, 2));
}

#[test]
fn a_binary_that_kubebuilder_assets_lacks_or_has_in_another_version_is_found_elsewhere() {
    let mut machine = Machine::new()
        .with("kubebuilder", Binary::KubeApiserver, "Kubernetes v1.31.0")
        .with("path", Binary::KubeApiserver, PINNED)
        .with("path", Binary::Etcd, "etcd Version: 3.5.21");
    machine.environment.kubebuilder_assets = Some(machine.folder("kubebuilder"));
    assert_eq!(machine.source(Binary::KubeApiserver), Some(Source::Path));
    assert_eq!(machine.source(Binary::Etcd), Some(Source::Path));
    let skipped = machine.find(Binary::KubeApiserver).unwrap().skipped;
    assert!(skipped[0].contains("it is v1.31.0, v1.36 is needed"), "{skipped:?}");
}

#[test]
fn an_old_wrapper_does_not_hide_a_suitable_binary_later_in_the_path() {
    let mut machine = Machine::new()
        .with("front", Binary::Kubectl, "Client Version: v1.32.4-dispatcher")
        .with("back", Binary::Kubectl, "Client Version: v1.35.1");
    let folders = [machine.folder("front"), machine.folder("back")];
    machine.environment.path = Some(std::env::join_paths(folders).unwrap());
    let found = machine.find(Binary::Kubectl).unwrap();
    assert_eq!(found.located[0].path, machine.folder("back").join("kubectl"));
}

#[test]
fn a_relative_folder_in_the_path_is_skipped() {
    let mut machine = Machine::new();
    machine.environment.path = Some("bin:.:".into());
    assert!(machine.environment.path_folders().is_empty());
    assert_eq!(machine.source(Binary::Etcd), None);
}

#[test]
fn a_binary_that_does_not_run_is_skipped_with_a_reason() {
    let machine = Machine::new();
    machine.scratch.script("path/etcd", "echo 'wrong machine' >&2; exit 126");
    let found = machine.find(Binary::Etcd).unwrap();
    assert_eq!(found.missing, [Binary::Etcd]);
    assert!(found.skipped[0].contains("wrong machine"), "{:?}", found.skipped);
}

#[test]
fn a_missing_version_that_is_not_pinned_is_rejected_before_go_is_searched() {
    let machine = Machine::new();
    let wanted =
        Wanted { kubernetes: Version::new(1, 30, 0), binaries: vec![Binary::KubeApiserver] };
    let error = Assets::locate(&machine.environment, &machine.home, &wanted, &Silent).unwrap_err();
    assert!(matches!(error, AssetsError::NotPinned { .. }), "{error}");
}

#[test]
fn the_error_names_a_go_that_is_too_old() {
    let mut machine = Machine::new();
    machine.scratch.executable("path/go", "go version go1.19.8 linux/amd64");
    machine.environment.path = Some(machine.folder("path").into_os_string());
    let wanted = Wanted { binaries: vec![Binary::Etcd], ..Wanted::default() };
    let error = Assets::locate(&machine.environment, &machine.home, &wanted, &Silent).unwrap_err();
    assert!(error.to_string().contains("go1.19.8 linux/amd64 is too old"), "{error}");
}

/// A Go that "builds" by writing a script, and counts its builds.
fn fake_go(scratch: &Scratch) {
    scratch.script(
        "path/go",
        r#"case "$1" in
version) echo "go version go1.26.8 linux/amd64";;
list) printf 'fmt\nnet/http\ngo.etcd.io/etcd/server/v3\n';;
build)
  echo built >> "$(dirname "$0")/builds"
  while [ "$1" != -o ]; do shift; done
  printf '#!/bin/sh\necho etcd Version: 3.7.3\n' > "$2"; chmod +x "$2"
  echo net/http >&2; echo go.etcd.io/etcd/server/v3 >&2;;
esac"#,
    );
}

#[test]
fn a_binary_is_built_once_even_if_two_callers_request_it_at_the_same_time() {
    let machine = Machine::new();
    fake_go(&machine.scratch);
    let wanted = Wanted { binaries: vec![Binary::Etcd], ..Wanted::default() };
    let locate = || Assets::locate(&machine.environment, &machine.home, &wanted, &Silent).unwrap();
    let sources = std::thread::scope(|scope| {
        let both = [scope.spawn(locate), scope.spawn(locate)];
        both.map(|thread| thread.join().unwrap().get(Binary::Etcd).unwrap().source)
    });
    assert!(sources.contains(&Source::Built), "{sources:?}");
    let builds = std::fs::read_to_string(machine.folder("path/builds")).unwrap();
    assert_eq!(builds.lines().count(), 1);
    assert_eq!(locate().get(Binary::Etcd).unwrap().source, Source::Cache);
    assert!(!machine.home.root().join("build/etcd").exists());
}
