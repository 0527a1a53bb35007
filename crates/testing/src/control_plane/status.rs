//! The status of a cluster, for people and programs.

use std::fmt;
use std::path::PathBuf;

use super::component::Component;
use super::kubectl::Kubectl;
use super::ready::Starting;
use super::state::{Phase, State};
use super::{logs, processes};
use crate::assets::Version;
use crate::home::Home;

/// The health of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// All components run and the API server is ready.
    Ready,
    /// All components run, but the API server is not ready.
    NotReady,
    /// Some components do not run. `up` starts them.
    Degraded,
    /// No component runs. `up` starts the cluster with its data.
    Stopped,
    /// The creation was interrupted. `up` creates the cluster again.
    Unfinished,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::NotReady => "not ready",
            Self::Degraded => "degraded",
            Self::Stopped => "stopped",
            Self::Unfinished => "unfinished",
        })
    }
}

/// A process of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentStatus {
    /// The component.
    pub component: Component,
    /// The process id, if the component runs.
    pub pid: Option<u32>,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The version of the binary, if known.
    pub version: Option<Version>,
    /// The path of the log.
    pub log: PathBuf,
}

/// The status of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The name.
    pub name: String,
    /// The health.
    pub health: Health,
    /// The components.
    pub components: Vec<ComponentStatus>,
    /// The URL of the API server.
    pub server_url: String,
    /// The path of the kubeconfig.
    pub kubeconfig: PathBuf,
    /// The number of requested nodes.
    pub nodes: u32,
}

pub(super) fn read(home: &Home, state: &State, kubectl: &Kubectl, server_url: &str) -> Status {
    let spec = &state.spec;
    let running = processes::find(home, &spec.name);
    let component = |component: Component| ComponentStatus {
        component,
        pid: running
            .iter()
            .find(|process| process.component == Some(component))
            .map(|process| process.pid),
        port: state.ports.of_component(component),
        version: state.assets.get(component.binary()).map(|located| located.version),
        log: logs::component_log(home, &spec.name, component),
    };
    let components: Vec<ComponentStatus> = spec.components().into_iter().map(component).collect();
    let is_ready = || Starting { home, spec, assets: &state.assets, kubectl }.is_ready();
    Status {
        name: spec.name.clone(),
        health: health(state.phase, &components, is_ready),
        components,
        server_url: server_url.to_owned(),
        kubeconfig: home.kubeconfig(&spec.name),
        nodes: spec.nodes,
    }
}

fn health(phase: Phase, components: &[ComponentStatus], is_ready: impl FnOnce() -> bool) -> Health {
    let running = components.iter().filter(|component| component.pid.is_some()).count();
    match (phase, running) {
        (Phase::Creating, _) => Health::Unfinished,
        (Phase::Created, 0) => Health::Stopped,
        (Phase::Created, n) if n < components.len() => Health::Degraded,
        (Phase::Created, _) if is_ready() => Health::Ready,
        (Phase::Created, _) => Health::NotReady,
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.health)?;
        writeln!(f, "  server      {}", self.server_url)?;
        writeln!(f, "  kubeconfig  {}", self.kubeconfig.display())?;
        writeln!(f, "  nodes       {}", self.nodes)?;
        writeln!(f, "  {:<24} {:<8} {:>8} {:>6}  version", "component", "state", "pid", "port")?;
        for one in &self.components {
            let state = if one.pid.is_some() { "running" } else { "stopped" };
            let pid = one.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
            let version = one.version.map_or_else(|| "-".to_owned(), |version| version.to_string());
            writeln!(
                f,
                "  {:<24} {state:<8} {pid:>8} {:>6}  {version}",
                one.component.name(),
                one.port
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn components(pids: [Option<u32>; 2]) -> Vec<ComponentStatus> {
        let component = |(component, pid): (Component, Option<u32>)| ComponentStatus {
            component,
            pid,
            port: 20_000,
            version: Some(Version::new(1, 36, 3)),
            log: PathBuf::from("/x.log"),
        };
        [Component::Etcd, Component::KubeApiserver].into_iter().zip(pids).map(component).collect()
    }

    #[test]
    fn health_depends_on_the_running_components_and_the_api_server() {
        let both = components([Some(1), Some(2)]);
        assert_eq!(health(Phase::Created, &both, || true), Health::Ready);
        assert_eq!(health(Phase::Created, &both, || false), Health::NotReady);
        assert_eq!(health(Phase::Created, &components([None, Some(2)]), || true), Health::Degraded);
        assert_eq!(health(Phase::Created, &components([None, None]), || true), Health::Stopped);
        assert_eq!(health(Phase::Creating, &both, || true), Health::Unfinished);
    }

    #[test]
    fn a_status_is_printed_as_a_table() {
        let status = Status {
            name: "dev".into(),
            health: Health::Degraded,
            components: components([Some(812), None]),
            server_url: "https://127.0.0.1:20002".into(),
            kubeconfig: PathBuf::from("/h/clusters/dev/kubeconfig"),
            nodes: 3,
        };
        let lines: Vec<String> = status.to_string().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "dev: degraded");
        assert_eq!(lines[2], "  kubeconfig  /h/clusters/dev/kubeconfig");
        assert_eq!(lines[5], "  etcd                     running       812  20000  v1.36.3");
        assert_eq!(lines[6], "  kube-apiserver           stopped         -  20000  v1.36.3");
    }
}
