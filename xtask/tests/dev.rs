//! `cargo xtask dev`: the samples become ready, kubectl works, and a signal stops everything.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use kubewright::testing::assets::{Binary, Environment};
use kubewright::testing::control_plane::ControlPlane;
use kubewright::testing::home::Home;
use tempfile::TempDir;

/// A session. If a test fails, a signal stops the session in order.
struct Session(Child);

impl Session {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut dev = xtask(&["dev", "--name", name]);
        Self(dev.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap())
    }

    fn terminate(&self) {
        let killed =
            Command::new("sh").args(["-c", &format!("kill -TERM {}", self.0.id())]).status();
        assert!(killed.unwrap().success());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|status| status.is_none()) {
            self.terminate();
            let _ = self.0.wait();
        }
    }
}

fn xtask(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments);
    command
}

fn clusters() -> Vec<String> {
    ControlPlane::list(&Home::from_environment(&Environment::from_process()).unwrap())
}

/// A state folder for a session whose control plane cannot start: every program only prints its
/// version, and kwokctl runs `on_start` and fails.
struct Broken(TempDir);

impl Broken {
    fn new(on_start: &str) -> Self {
        let folder = TempDir::new().unwrap();
        for binary in Binary::ALL {
            let (path, version) = (folder.path().join(binary.name()), binary.project().pinned());
            let on_start = if binary == Binary::Kwokctl { on_start } else { "" };
            let script = format!(
                "#!/bin/sh\ncase \"$1\" in *version) echo {version} && exit;; esac\n\
                 {on_start}\nexit 1\n"
            );
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        }
        Self(folder)
    }

    fn home(&self) -> Home {
        Home::at(&self.0.path().join("home")).unwrap()
    }

    /// Runs a session to its end, and returns its messages.
    fn dev(&self) -> String {
        let mut dev = xtask(&["dev", "--name", "broken"]);
        dev.env("KUBEWRIGHT_ASSETS", self.0.path()).env("KUBEWRIGHT_HOME", self.home().root());
        let output = dev.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn a_control_plane_that_does_not_start_is_removed() {
    let broken = Broken::new("");
    let messages = broken.dev();
    assert!(messages.contains("control plane `broken` removed"), "{messages}");
    assert_eq!(ControlPlane::list(&broken.home()), [""; 0], "{messages}");
}

#[test]
fn a_control_plane_that_existed_is_kept_when_its_start_fails() {
    let broken = Broken::new("");
    let state = broken.home().root().join("clusters/broken/state.json");
    fs::create_dir_all(state.parent().unwrap()).unwrap();
    fs::write(&state, "{}").unwrap();
    let messages = broken.dev();
    assert!(!messages.contains("removed"), "{messages}");
    assert!(state.exists(), "{messages}");
}

#[test]
fn both_errors_are_reported_if_a_control_plane_neither_starts_nor_can_be_removed() {
    // Without a file at the path of the lock, nothing can be removed.
    let lock = "\"$KUBEWRIGHT_HOME/locks/cluster-broken.lock\"";
    let messages = Broken::new(&format!("rm {lock}; mkdir {lock}")).dev();
    assert!(!messages.contains("`broken` removed"), "{messages}");
    assert!(messages.contains("kwokctl"), "{messages}");
    assert!(messages.contains("cluster-broken.lock"), "{messages}");
    assert!(messages.contains("cargo xtask cluster down --name broken"), "{messages}");
}

#[test]
fn a_session_shows_ready_samples_and_stops_everything_after_a_signal() {
    let name = format!("dev-{}", std::process::id());
    let mut session = Session::start(&name, &[]);
    let mut lines = BufReader::new(session.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut shown = Vec::new();
    // If the session exits early, the lines so far contain the reason.
    for line in lines.by_ref() {
        let is_last = line.starts_with("Metrics:");
        shown.push(line);
        if is_last {
            break;
        }
    }
    let shown = shown.join("\n");
    assert!(shown.contains("test-echo   True    2/2"), "{shown}");
    let hint = format!("cargo xtask kubectl --name {name} delete deployment test-echo");
    assert!(
        shown.contains(&hint) || shown.contains("  kubectl delete deployment test-echo"),
        "{shown}"
    );

    let get =
        xtask(&["kubectl", "--name", &name, "get", "echoes", "--no-headers"]).output().unwrap();
    assert!(String::from_utf8_lossy(&get.stdout).contains("test-echo   True"), "{get:?}");

    session.terminate();
    let log: Vec<String> = lines.collect();
    assert_eq!(session.0.wait().unwrap().code(), Some(0), "{log:?}");
    assert!(
        log.iter().any(|line| line.contains("stop")),
        "the operator did not stop in order: {log:?}"
    );
    assert!(!clusters().contains(&name), "the control plane still exists");
}
