//! Runs the commands of `deploy-kind` on a local control plane, with the operator's program and the
//! rights of its ServiceAccount. Only containers are missing.
#![allow(clippy::unwrap_used)]

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kubewright::testing::assets::{Assets, Binary, Environment};
use kubewright::testing::control_plane::{ControlPlane, Disposable, Spec};
use kubewright::testing::home::Home;
use kubewright::testing::progress;
use serde_json::{Value, json};
use tempfile::TempDir;

const NAMESPACE: &str = "kubewright-operator-system";
const ACCOUNT: &str = "kubewright-operator";

#[test]
fn the_commands_of_deploy_kind_make_the_samples_ready() {
    let control_plane = start_control_plane();
    let folder = TempDir::new().unwrap();
    let program = build_operator();
    let log = folder.path().join("operator.log");
    let mut operator = None;
    let commands = kubectl_commands();
    assert!(commands.len() > 5, "deploy-kind has too few kubectl commands: {commands:?}");
    for command in commands {
        let on_ours = for_cluster(&command, &control_plane);
        let output =
            Command::new("sh").args(["-c", &on_ours]).current_dir(root()).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let log = || fs::read_to_string(&log).unwrap_or_default();
        assert!(
            output.status.success(),
            "{on_ours}\n{}\noperator:\n{}",
            String::from_utf8_lossy(&printed),
            log()
        );
        if command.contains("install.yaml") {
            let kubeconfig = service_account_kubeconfig(&control_plane, folder.path());
            operator = Some(run(&program, &kubeconfig, &folder.path().join("operator.log")));
        }
    }
    assert!(operator.is_some(), "no command applies install.yaml");
    let log = fs::read_to_string(&log).unwrap();
    assert!(!log.to_lowercase().contains("forbidden"), "the operator lacks a right:\n{log}");
}

/// The operator's process, killed on drop.
struct Operator(Child);

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &Path, kubeconfig: &Path, log: &Path) -> Operator {
    let log = File::create(log).unwrap();
    let errors = log.try_clone().unwrap();
    let mut command = Command::new(program);
    command.arg("run").arg("--kubeconfig").arg(kubeconfig).args(["--listen", "127.0.0.1:0"]);
    Operator(command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().unwrap())
}

/// A separate control plane: the operator watches all namespaces, and would conflict with other
/// tests.
fn start_control_plane() -> Disposable {
    let environment = Environment::from_process();
    let home = Home::from_environment(&environment).unwrap();
    let spec = Spec::new(format!("install-{}", std::process::id()));
    let assets = Assets::locate(&environment, &home, &spec.wanted(), progress::detect().as_ref())
        .unwrap_or_else(|e| panic!("{e}"));
    let up = ControlPlane::up(&home, &spec, &assets, progress::detect().as_ref());
    up.unwrap_or_else(|error| panic!("{error}")).disposable()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn build_operator() -> PathBuf {
    // With the features of `cargo xtask`, as in `dev`, so that nothing is compiled again.
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--package", "operator", "--bin", "operator", "--package", "xtask"]);
    // Build scripts that read what cargo sets for this test would run again.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if ["BIN_", "CRATE_", "MANIFEST_", "PKG_", "PRIMARY_"]
            .iter()
            .any(|rest| name.strip_prefix("CARGO_").is_some_and(|name| name.starts_with(rest)))
        {
            cargo.env_remove(&*name);
        }
    }
    assert!(cargo.current_dir(root()).status().unwrap().success(), "{cargo:?}");
    Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("operator")
}

/// The commands that `deploy-kind` runs on the cluster.
fn kubectl_commands() -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["deploy-kind", "--dry-run"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.lines().filter(|line| line.starts_with("kubectl ")).map(str::to_owned).collect()
}

/// The command with the control plane's kubectl and kubeconfig.
fn for_cluster(command: &str, control_plane: &ControlPlane) -> String {
    let mut words = command.split(' ');
    assert_eq!((words.next(), words.next()), (Some("kubectl"), Some("--kubeconfig")), "{command}");
    words.next();
    let rest: Vec<&str> = words.collect();
    let kubectl = control_plane.assets().path(Binary::Kubectl).unwrap();
    format!(
        "'{}' --kubeconfig '{}' {}",
        kubectl.display(),
        control_plane.kubeconfig().display(),
        rest.join(" ")
    )
}

/// A kubeconfig with the rights of the operator's ServiceAccount.
fn service_account_kubeconfig(control_plane: &ControlPlane, folder: &Path) -> PathBuf {
    let ask = |arguments: &[&str]| {
        let output = control_plane.kubectl().args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let token = ask(&["create", "token", ACCOUNT, "--namespace", NAMESPACE]);
    let mut config: Value =
        serde_json::from_str(&ask(&["config", "view", "--raw", "-o", "json"])).unwrap();
    config["users"][0]["user"] = json!({ "token": token.trim() });
    let path = folder.join("kubeconfig");
    fs::write(&path, config.to_string()).unwrap();
    path
}
