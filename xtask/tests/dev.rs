//! `cargo xtask dev`: the samples become ready, kubectl works, and a signal stops everything.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use kubewright::testing::assets::Environment;
use kubewright::testing::control_plane::ControlPlane;
use kubewright::testing::home::Home;

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
