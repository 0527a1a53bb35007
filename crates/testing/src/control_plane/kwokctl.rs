//! kwokctl: its configuration, in the format of kwok 0.8, and its calls.
//!
//! A configuration file is used because flags cannot set the bind address (etcd would accept
//! everybody) or etcd's peer port. And `--extra-args` confuses the components when two of them have
//! two flags.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde::Serialize;

use super::component::Component;
use super::error::Error;
use super::logs;
use super::ports::Ports;
use super::spec::Spec;
use crate::assets::{Assets, Binary};
use crate::command;
use crate::home::{Home, HomeError, write_private};

/// The used part of a `KwokctlConfiguration`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configuration<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata<'a>,
    options: Options<'a>,
    components_patches: Vec<Patch>,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    name: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Options<'a> {
    runtime: &'static str,
    bind_address: &'static str,
    kube_version: String,
    components: Vec<&'static str>,
    #[serde(rename = "disableQPSLimits")]
    disable_qps_limits: bool,
    kube_apiserver_binary: Option<&'a Path>,
    kube_controller_manager_binary: Option<&'a Path>,
    kube_scheduler_binary: Option<&'a Path>,
    kubectl_binary: Option<&'a Path>,
    etcd_binary: Option<&'a Path>,
    kwok_controller_binary: Option<&'a Path>,
    etcd_port: u16,
    etcd_peer_port: u16,
    kube_apiserver_port: u16,
    kube_controller_manager_port: u16,
    kube_scheduler_port: u16,
    kwok_controller_port: u16,
}

/// Flags for one component, after those of kwokctl. The last value of a flag wins.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Patch {
    name: &'static str,
    extra_args: Vec<ExtraArg>,
}

#[derive(Debug, Serialize)]
struct ExtraArg {
    key: String,
    value: String,
}

/// The configuration for `spec`.
pub(super) fn configuration<'a>(
    spec: &'a Spec,
    ports: &Ports,
    assets: &'a Assets,
) -> Configuration<'a> {
    let components = spec.components();
    Configuration {
        api_version: "config.kwok.x-k8s.io/v1alpha1",
        kind: "KwokctlConfiguration",
        metadata: Metadata { name: &spec.name },
        options: Options {
            runtime: "binary",
            bind_address: "127.0.0.1",
            kube_version: spec.kubernetes.to_string(),
            components: components.iter().map(|component| component.name()).collect(),
            disable_qps_limits: true,
            kube_apiserver_binary: assets.path(Binary::KubeApiserver),
            kube_controller_manager_binary: assets.path(Binary::KubeControllerManager),
            kube_scheduler_binary: assets.path(Binary::KubeScheduler),
            kubectl_binary: assets.path(Binary::Kubectl),
            etcd_binary: assets.path(Binary::Etcd),
            kwok_controller_binary: assets.path(Binary::Kwok),
            etcd_port: ports.etcd,
            etcd_peer_port: ports.etcd_peer,
            kube_apiserver_port: ports.kube_apiserver,
            kube_controller_manager_port: ports.kube_controller_manager,
            kube_scheduler_port: ports.kube_scheduler,
            kwok_controller_port: ports.kwok_controller,
        },
        components_patches: components
            .into_iter()
            .map(|component| patch(component, spec))
            .collect(),
    }
}

fn patch(component: Component, spec: &Spec) -> Patch {
    let own = own_args(component, spec).into_iter();
    let extra = spec.extra_args.get(&component).into_iter().flatten().cloned();
    let extra_args = own.chain(extra).map(|(key, value)| ExtraArg { key, value }).collect();
    Patch { name: component.name(), extra_args }
}

/// The flags that this crate adds to those of kwokctl.
fn own_args(component: Component, spec: &Spec) -> Vec<(String, String)> {
    let mut args: Vec<(&str, String)> = Vec::new();
    match component {
        Component::Etcd => {
            if !spec.durable {
                args.push(("unsafe-no-fsync", "true".into()));
            }
            if let Some(folder) = etcd_folder(spec) {
                args.push(("data-dir", folder.to_string_lossy().into_owned()));
            }
        }
        Component::KubeApiserver => {
            // The default range is a /24, which ends at 254 Services.
            args.push(("service-cluster-ip-range", "10.96.0.0/12".into()));
            // Without an address the API server needs a default route, which a machine without a
            // network lacks. The Service `kubernetes` cannot have endpoints on 127.0.0.1, so it has
            // none.
            args.push(("advertise-address", "127.0.0.1".into()));
            args.push(("endpoint-reconciler-type", "none".into()));
        }
        // Each has one replica. An election delays a start by up to 15 s after a kill.
        Component::KubeControllerManager | Component::KubeScheduler => {
            args.push(("leader-elect", "false".into()));
        }
        Component::KwokController => {}
    }
    args.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The folder of etcd's data, if the spec names one.
pub(super) fn etcd_folder(spec: &Spec) -> Option<PathBuf> {
    spec.etcd_data.as_ref().map(|folder| folder.join(format!("kubewright-{}", spec.name)))
}

/// A command of kwokctl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Create certificates and configuration, and start the components.
    Create,
    /// Start the components that do not run.
    Start,
}

/// The arguments of an action.
///
/// Global flags come first: where arguments are one string (macOS), that identifies the process.
pub(super) fn arguments(action: Action, name: &str, configuration: &Path) -> Vec<String> {
    let configuration = configuration.to_string_lossy();
    let mut arguments = vec!["--config", &configuration, "--name", name];
    match action {
        // kwokctl would add the cluster to the user's kubeconfig.
        Action::Create => arguments.extend(["create", "cluster", "--kubeconfig", ""]),
        Action::Start => arguments.extend(["start", "cluster"]),
    }
    arguments.into_iter().map(str::to_owned).collect()
}

/// The path of the configuration.
pub(super) fn configuration_file(home: &Home, name: &str) -> PathBuf {
    home.cluster(name).join("kwokctl.json")
}

/// Writes the configuration, and a folder that contains only kubectl, because kwokctl uses the
/// first kubectl on `PATH`.
pub(super) fn prepare(
    home: &Home,
    spec: &Spec,
    ports: &Ports,
    assets: &Assets,
) -> Result<(), Error> {
    let path = configuration_file(home, &spec.name);
    let text = serde_json::to_vec_pretty(&configuration(spec, ports, assets))
        .map_err(|error| Error::State { path: path.clone(), detail: error.to_string() })?;
    write_private(&path, &text)?;
    let kubectl =
        assets.path(Binary::Kubectl).ok_or(Error::NoBinary { binary: Binary::Kubectl })?;
    let folder = path_folder(home, &spec.name);
    let link = folder.join(Binary::Kubectl.name());
    let create = || {
        fs::create_dir_all(&folder)?;
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(kubectl, &link)
    };
    Ok(create().map_err(HomeError::at(&link))?)
}

fn path_folder(home: &Home, name: &str) -> PathBuf {
    home.cluster(name).join("path")
}

/// Starts kwokctl. Its output is appended to [`logs::kwokctl_log`].
pub(super) fn spawn(
    home: &Home,
    name: &str,
    assets: &Assets,
    action: Action,
) -> Result<Child, Error> {
    let path = assets.path(Binary::Kwokctl).ok_or(Error::NoBinary { binary: Binary::Kwokctl })?;
    let log = logs::kwokctl_log(home, name);
    let open = || -> std::io::Result<(File, File)> {
        let file = OpenOptions::new().create(true).append(true).open(&log)?;
        Ok((file.try_clone()?, file))
    };
    let (stdout, stderr) = open().map_err(HomeError::at(&log))?;
    let mut kwokctl = Command::new(path);
    kwokctl
        .args(arguments(action, name, &configuration_file(home, name)))
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr);
    // Variables of the user are for the user's own kwokctl.
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("KWOK_") {
            kwokctl.env_remove(variable);
        }
    }
    kwokctl.env("KWOK_WORKDIR", home.kwok());
    let path_before = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::iter::once(path_folder(home, name)).chain(std::env::split_paths(&path_before));
    // `PATH` cannot contain a folder with a colon; then kwokctl uses another kubectl.
    if let Ok(joined) = std::env::join_paths(folders) {
        kwokctl.env("PATH", joined);
    }
    command::spawn(&mut kwokctl).map_err(|source| Error::Run { path: path.to_owned(), source })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::assets::{Located, Source};

    fn assets() -> Assets {
        let located = Binary::ALL.map(|binary| Located {
            binary,
            path: PathBuf::from("/bin").join(binary.name()),
            version: binary.project().pinned(),
            source: Source::Cache,
        });
        located.into_iter().collect()
    }

    fn configured(spec: &Spec) -> Value {
        let ports = Ports::choose("x", &BTreeSet::new()).unwrap();
        serde_json::to_value(configuration(spec, &ports, &assets())).unwrap()
    }

    fn args(configured: &Value, component: &str) -> Vec<String> {
        let patches = configured["componentsPatches"].as_array().unwrap();
        let patch = patches.iter().find(|patch| patch["name"] == component).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        patch["extraArgs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|arg| format!("{}={}", text(&arg["key"]), text(&arg["value"])))
            .collect()
    }

    #[test]
    fn every_component_listens_on_127_0_0_1_and_every_binary_has_a_path() {
        let configured = configured(&Spec::new("a"));
        let options = &configured["options"];
        assert_eq!(options["bindAddress"], "127.0.0.1");
        assert_eq!(options["runtime"], "binary");
        assert_eq!(options["kubeVersion"], "v1.36.3");
        assert_eq!(options["disableQPSLimits"], true);
        for (key, value) in [
            ("etcdBinary", "/bin/etcd"),
            ("kubeApiserverBinary", "/bin/kube-apiserver"),
            ("kubeControllerManagerBinary", "/bin/kube-controller-manager"),
            ("kubeSchedulerBinary", "/bin/kube-scheduler"),
            ("kubectlBinary", "/bin/kubectl"),
            ("kwokControllerBinary", "/bin/kwok"),
        ] {
            assert_eq!(options[key], value, "{key}");
        }
    }

    #[test]
    fn more_than_254_services_have_addresses() {
        let configured = configured(&Spec::new("a"));
        let args = args(&configured, "kube-apiserver");
        assert!(args.contains(&"service-cluster-ip-range=10.96.0.0/12".to_owned()), "{args:?}");
    }

    #[test]
    fn disabled_components_are_not_configured() {
        let configured = configured(&Spec::new("a").api_only());
        assert_eq!(configured["options"]["components"], json!(["etcd", "kube-apiserver"]));
        assert_eq!(configured["componentsPatches"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn flags_of_the_user_come_last() {
        let spec =
            Spec::new("a").arg(Component::KubeApiserver, "service-cluster-ip-range", "10.0.0.0/16");
        let args = args(&configured(&spec), "kube-apiserver");
        assert_eq!(args.last().unwrap(), "service-cluster-ip-range=10.0.0.0/16");
    }

    #[test]
    fn etcd_waits_for_the_disk_only_if_the_spec_is_durable() {
        assert_eq!(args(&configured(&Spec::new("a")), "etcd"), ["unsafe-no-fsync=true"]);
        let spec = Spec { durable: true, etcd_data: Some("/dev/shm".into()), ..Spec::new("a") };
        assert_eq!(args(&configured(&spec), "etcd"), ["data-dir=/dev/shm/kubewright-a"]);
    }

    #[test]
    fn kwokctl_writes_no_kubeconfig_of_the_user_and_global_flags_come_first() {
        let file = Path::new("/h/clusters/a/kwokctl.json");
        assert_eq!(
            arguments(Action::Create, "a", file),
            [
                "--config",
                "/h/clusters/a/kwokctl.json",
                "--name",
                "a",
                "create",
                "cluster",
                "--kubeconfig",
                ""
            ]
        );
        assert_eq!(
            arguments(Action::Start, "a", file),
            ["--config", "/h/clusters/a/kwokctl.json", "--name", "a", "start", "cluster"]
        );
    }
}
