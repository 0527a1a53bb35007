//! The local control plane with real processes.
//!
//! `Assets` provides the binaries; on a new machine it may build them for ten minutes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use kubewright_testing::assets::{Assets, Environment};
use kubewright_testing::control_plane::{Component, ControlPlane, Disposable, Error, Health, Spec};
use kubewright_testing::home::Home;
use kubewright_testing::progress::{self, Silent};

/// The state folder and the binaries, shared by all tests.
fn machine() -> &'static (Home, Assets) {
    static MACHINE: OnceLock<(Home, Assets)> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let environment = Environment::from_process();
        let home = Home::from_environment(&environment).unwrap();
        let wanted = Spec::new("any").wanted();
        let assets =
            Assets::locate(&environment, &home, &wanted, progress::detect().as_ref()).unwrap();
        (home, assets)
    })
}

/// A name that no other run of these tests uses.
fn unique(name: &str) -> String {
    format!("it-{name}-{}", std::process::id())
}

fn up(spec: &Spec) -> Result<Disposable, Error> {
    let (home, assets) = machine();
    ControlPlane::up(home, spec, assets, &Silent).map(ControlPlane::disposable)
}

fn kubectl(cluster: &ControlPlane, arguments: &[&str]) -> String {
    let output = cluster.kubectl().args(arguments).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

fn pids(cluster: &ControlPlane) -> Vec<u32> {
    cluster.status().components.iter().filter_map(|component| component.pid).collect()
}

fn runs(pid: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
    // A zombie has exited. In a container its parent may never wait for it.
    !state.is_empty() && !state.starts_with('Z')
}

fn signal(target: &str, name: &str) {
    assert!(Command::new("kill").args([name, "--", target]).status().unwrap().success());
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < deadline, "timeout: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn files_of(name: &str) -> Vec<PathBuf> {
    let (home, _) = machine();
    let root = home.root();
    [
        root.join("clusters").join(name),
        root.join("kwok/clusters").join(name),
        root.join(format!("locks/cluster-{name}.lock")),
    ]
    .into_iter()
    .filter(|path| path.exists())
    .collect()
}

fn users_kubeconfig() -> Option<Vec<u8>> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?;
    fs::read(home.join(".kube/config")).ok()
}

#[test]
fn two_clusters_run_side_by_side_and_are_removed_completely() {
    let before = users_kubeconfig();
    let names = [unique("one"), unique("two")];
    let specs = [Spec::new(&names[0]).nodes(2), Spec::new(&names[1])];
    // At the same time, because then they could choose the same ports.
    let (one, two) = thread::scope(|scope| {
        let one = scope.spawn(|| up(&specs[0]).unwrap());
        let two = scope.spawn(|| up(&specs[1]).unwrap());
        (one.join().unwrap(), two.join().unwrap())
    });

    let namespaces = kubectl(&one, &["get", "namespaces", "-o", "name"]);
    assert!(namespaces.contains("namespace/default"), "{namespaces}");
    assert_eq!(kubectl(&one, &["get", "nodes", "-o", "name"]).lines().count(), 2);
    assert_eq!(kubectl(&two, &["get", "nodes", "-o", "name"]).lines().count(), 1);
    kubectl(&one, &["create", "namespace", "mine"]);
    assert!(!kubectl(&two, &["get", "namespaces", "-o", "name"]).contains("mine"));

    kubectl(&one, &["create", "deployment", "web", "--image=example.com/web", "--replicas=3"]);
    kubectl(&one, &["wait", "--for=condition=Available", "deployment/web", "--timeout=60s"]);

    let (home, _) = machine();
    let known = ControlPlane::list(home);
    assert!(names.iter().all(|name| known.contains(name)), "{known:?}");
    let attached = ControlPlane::attach(home, &names[1]).unwrap();
    assert_eq!(attached.status(), two.status());
    assert_eq!(attached.status().health, Health::Ready);

    let pids: Vec<u32> = pids(&one).into_iter().chain(pids(&two)).collect();
    assert_eq!(pids.len(), 10);
    drop((one, two));
    assert!(!pids.iter().any(|pid| runs(*pid)));
    for name in &names {
        assert_eq!(files_of(name), [] as [PathBuf; 0]);
        let error = ControlPlane::attach(home, name).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
    }
    assert_eq!(users_kubeconfig(), before, "~/.kube/config was touched");
}

#[test]
fn a_stopped_or_killed_component_is_started_again_with_its_data() {
    let data = std::env::temp_dir().join(unique("data"));
    let spec = Spec { etcd_data: Some(data.clone()), ..Spec::new(unique("again")) };
    let cluster = up(&spec).unwrap();
    kubectl(&cluster, &["create", "namespace", "kept"]);
    let (server, first) = (cluster.server_url().to_owned(), pids(&cluster));
    assert!(data.join(format!("kubewright-{}/member", spec.name)).exists());

    let scheduler =
        cluster.status().components.into_iter().find(|c| c.component == Component::KubeScheduler);
    let scheduler = scheduler.and_then(|component| component.pid).unwrap();
    signal(&scheduler.to_string(), "-KILL");
    wait_until("the scheduler is gone", || !runs(scheduler));
    assert_eq!(cluster.status().health, Health::Degraded);
    up_again(&spec);
    assert_eq!(cluster.status().health, Health::Ready);
    let second = pids(&cluster);
    assert_eq!(
        first.iter().filter(|pid| second.contains(pid)).count(),
        4,
        "only the killed component is started"
    );

    cluster.stop().unwrap();
    assert_eq!(cluster.status().health, Health::Stopped);
    let mut foreign = foreign_process_in_a_pid_file(&spec.name);
    fs::remove_file(cluster.kubeconfig()).unwrap();
    up_again(&spec.clone().nodes(3));
    assert_eq!(cluster.status().health, Health::Ready);
    assert_eq!(cluster.server_url(), server);
    assert!(kubectl(&cluster, &["get", "namespaces", "-o", "name"]).contains("kept"));
    assert_eq!(kubectl(&cluster, &["get", "nodes", "-o", "name"]).lines().count(), 3);
    up_again(&spec.clone().nodes(1));
    assert_eq!(kubectl(&cluster, &["get", "nodes", "-o", "name"]), "node/node-0\n");

    let other = spec.arg(Component::KubeApiserver, "v", "4");
    assert!(matches!(up(&other), Err(Error::Differs { .. })));
    drop(cluster);
    assert!(foreign.try_wait().unwrap().is_none(), "a foreign process was killed");
    foreign.kill().unwrap();
    foreign.wait().unwrap();
    assert_eq!(fs::read_dir(&data).unwrap().count(), 0);
    fs::remove_dir(&data).unwrap();
}

/// A foreign process with the pid of the cluster's etcd, as after a reboot.
fn foreign_process_in_a_pid_file(name: &str) -> Child {
    let foreign = Command::new("sleep").arg("600").spawn().unwrap();
    let (home, _) = machine();
    let file = home.root().join("kwok/clusters").join(name).join("pids/etcd.pid");
    fs::write(file, foreign.id().to_string()).unwrap();
    foreign
}

/// Starts a cluster that another value removes.
fn up_again(spec: &Spec) {
    let (home, assets) = machine();
    ControlPlane::up(home, spec, assets, &Silent).unwrap();
}

#[test]
fn the_users_kubeconfig_contains_an_exported_cluster_until_its_removal() {
    let folder = std::env::temp_dir().join(unique("export"));
    let target = folder.join("config");
    fs::create_dir_all(&folder).unwrap();
    fs::write(&target, USERS_OWN).unwrap();
    let (home, assets) = machine();
    let spec = Spec::new(unique("export")).api_only();
    let mut cluster = ControlPlane::up(home, &spec, assets, &Silent).unwrap();
    let guard = cluster.clone().disposable();
    cluster.export_kubeconfig(&target).unwrap();

    let contexts = |flag: &[&str]| config(&cluster, &target, flag);
    assert_eq!(contexts(&["current-context"]).trim(), cluster.context());
    assert_eq!(contexts(&["get-contexts", "-o", "name"]).lines().count(), 2);
    let mut with_users_file = cluster.kubectl();
    with_users_file.args(["--kubeconfig"]).arg(&target).args(["get", "--raw", "/readyz"]);
    assert_eq!(with_users_file.output().unwrap().stdout, b"ok");

    // The new cluster has new certificates, which the entry must contain.
    let replaced = Spec { replace: true, ..spec.arg(Component::KubeApiserver, "v", "2") };
    up_again(&replaced);
    assert_eq!(with_users_file.output().unwrap().stdout, b"ok");

    let after = cluster.clone();
    drop(guard);
    let text = config(&after, &target, &["view"]);
    assert!(!text.contains("kubewright"), "{text}");
    assert!(text.contains("https://my.example.com"), "{text}");
    fs::remove_dir_all(&folder).unwrap();
}

const USERS_OWN: &str = r#"apiVersion: v1
kind: Config
clusters: [{name: mine, cluster: {server: "https://my.example.com"}}]
contexts: [{name: mine, context: {cluster: mine, user: me}}]
users: [{name: me, user: {}}]
current-context: mine
"#;

fn config(cluster: &ControlPlane, file: &Path, arguments: &[&str]) -> String {
    let output = Command::new(cluster.kubectl().get_program())
        .args(["config", "--kubeconfig"])
        .arg(file)
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn components_survive_an_interrupt_of_the_process_that_started_them() {
    let name = unique("interrupt");
    let mut caller = start_in_another_process(&name);
    let mut output = BufReader::new(caller.stdout.take().unwrap()).lines();
    assert!(output.any(|line| line.unwrap() == IS_UP), "the cluster is not up");
    let (home, _) = machine();
    let cluster = ControlPlane::attach(home, &name).unwrap().disposable();
    let before = pids(&cluster);
    // To the process group, like a terminal.
    signal(&format!("-{}", caller.id()), "-INT");
    caller.wait().unwrap();
    assert_eq!(cluster.status().health, Health::Ready);
    assert_eq!(pids(&cluster), before);
}

#[test]
fn the_next_start_repairs_a_killed_start() {
    let (home, _) = machine();
    let name = unique("killed");
    let mut caller = start_in_another_process(&name);
    let has_processes = || {
        ControlPlane::attach(home, &name).is_ok_and(|cluster| {
            let status = cluster.status();
            status.health == Health::Unfinished && status.components.iter().any(|c| c.pid.is_some())
        })
    };
    wait_until("a component runs", has_processes);
    caller.kill().unwrap();
    caller.wait().unwrap();
    let left = ControlPlane::attach(home, &name).unwrap();
    assert_eq!(left.status().health, Health::Unfinished);
    let orphans = pids(&left);

    let cluster = up(&Spec::new(&name)).unwrap();
    assert_eq!(cluster.status().health, Health::Ready);
    assert!(
        !orphans.iter().any(|pid| pids(&cluster).contains(pid)),
        "the unfinished cluster is not reused"
    );
    drop(cluster);
    assert!(!orphans.iter().any(|pid| runs(*pid)));
    assert_eq!(files_of(&name), [] as [PathBuf; 0]);
}

/// The line that the program prints when its cluster is up.
const IS_UP: &str = "the cluster is up";

/// Another process, in its own process group, that starts a cluster and then waits.
fn start_in_another_process(name: &str) -> Child {
    machine();
    Command::new(env!("CARGO_BIN_EXE_hold-cluster"))
        .arg(name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap()
}
