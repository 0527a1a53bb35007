//! Creates, restarts or repairs a cluster.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::Error;
use super::handle::ControlPlane;
use super::kubeconfig;
use super::kwokctl::{self, Action};
use super::ports::Ports;
use super::ready::Starting;
use super::spec::Spec;
use super::state::{Phase, State, taken_ports};
use super::status::Health;
use super::{logs, nodes, processes, remove};
use crate::assets::{Assets, Binary};
use crate::home::{Home, HomeError};
use crate::progress::Progress;

/// The number of steps that a start reports.
const STEPS: usize = 2;

/// The way to start a cluster.
#[derive(Debug, PartialEq, Eq)]
enum Plan {
    /// Create it. Nothing exists, or nothing worth keeping.
    Create,
    /// Start the components that do not run.
    Start(Box<State>),
}

impl ControlPlane {
    /// Creates the cluster of `spec`, or reuses the cluster with its name: starts missing
    /// components, and creates it again if it is damaged or unfinished.
    ///
    /// # Guarantees
    /// On return the API server and the nodes are ready, and the `default` ServiceAccount exists.
    ///
    /// # Errors
    /// [`Error`]: each message names the remedy. [`Error::Differs`] when the cluster exists with
    /// another spec.
    pub fn up(
        home: &Home,
        spec: &Spec,
        assets: &Assets,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        spec.validate()?;
        let has_all = |binary: &Binary| assets.path(*binary).is_some();
        if let Some(binary) = spec.wanted().binaries.into_iter().find(|binary| !has_all(binary)) {
            return Err(Error::NoBinary { binary });
        }
        let name = &spec.name;
        let waiting = || {
            progress.note(&format!("waiting for another process that uses cluster `{name}`"));
        };
        let _lock = home.lock_cluster(name, waiting)?;
        match plan(home, spec)? {
            Plan::Create => create(home, spec, assets, progress),
            Plan::Start(state) => match start(home, spec, &state, progress) {
                Err(error) if must_be_recreated(&error) => {
                    progress.note(&format!(
                        "{error}\ncluster `{name}` cannot be repaired: it is created again"
                    ));
                    create(home, spec, assets, progress)
                }
                result => result,
            },
        }
    }
}

/// Whether a cluster must be created again after this error. After a timeout it is kept: its data
/// is valuable, and a new cluster is no faster on a busy machine.
fn must_be_recreated(error: &Error) -> bool {
    matches!(error, Error::Crashed { .. } | Error::Kwokctl { .. } | Error::Run { .. })
}

fn plan(home: &Home, spec: &Spec) -> Result<Plan, Error> {
    let differs = |what: String| Err(Error::Differs { name: spec.name.clone(), what });
    match State::load(home, &spec.name) {
        Ok(Some(state)) if state.phase == Phase::Creating => Ok(Plan::Create),
        // Without certificates nothing can start.
        Ok(Some(_)) if !home.pki(&spec.name).join("admin.key").exists() => Ok(Plan::Create),
        Ok(Some(state)) => match &state.spec.differences(spec)[..] {
            [] => Ok(Plan::Start(Box::new(state))),
            _ if spec.replace => Ok(Plan::Create),
            differences => differs(differences.join(", ")),
        },
        Err(Error::State { .. }) if !spec.replace => {
            differs("created by another version of this program".to_owned())
        }
        Ok(None) | Err(Error::State { .. }) => Ok(Plan::Create),
        Err(error) => Err(error),
    }
}

fn create(
    home: &Home,
    spec: &Spec,
    assets: &Assets,
    progress: &dyn Progress,
) -> Result<ControlPlane, Error> {
    let name = &spec.name;
    progress.plan(STEPS);
    let step =
        progress.step(&format!("Start a Kubernetes {} control plane `{name}`", spec.kubernetes));
    let exported =
        State::load(home, name).ok().flatten().map(|state| state.exported).unwrap_or_default();
    remove::files(home, name)?;
    let state = reserve(home, spec, assets, exported)?;
    kwokctl::prepare(home, spec, &state.ports, assets)?;
    if let Some(folder) = kwokctl::etcd_folder(spec) {
        // etcd rejects a folder that others can read.
        create_private_folder(&folder)?;
    }
    let mut control_plane = ControlPlane::new(home, state)?;
    let kubectl = control_plane.starting_kubectl();
    Starting { home, spec, assets, kubectl: &kubectl }.run(Action::Create, &step)?;
    control_plane.write_kubeconfig()?;
    let pki = home.pki(name);
    for target in &control_plane.state.exported {
        // Existing entries contain the certificates of the previous cluster.
        if let Err(error) = kubeconfig::export(
            &control_plane.kubectl,
            target,
            name,
            &control_plane.server_url,
            &pki,
        ) {
            progress.note(&format!("cannot update {}: {error}", target.display()));
        }
    }
    step.done(&control_plane.server_url);
    control_plane.settle(spec, progress)?;
    control_plane.state.phase = Phase::Created;
    control_plane.state.save(home)?;
    Ok(control_plane)
}

fn start(
    home: &Home,
    spec: &Spec,
    state: &State,
    progress: &dyn Progress,
) -> Result<ControlPlane, Error> {
    let name = &spec.name;
    let mut control_plane = ControlPlane::new(home, state.clone())?;
    if !control_plane.kubeconfig.exists() {
        control_plane.write_kubeconfig()?;
    }
    let health = control_plane.status().health;
    if health != Health::Ready {
        progress.plan(STEPS);
        let step = progress.step(&format!("Restart the control plane `{name}`, which is {health}"));
        processes::correct_pid_files(home, name);
        let kubectl = control_plane.starting_kubectl();
        Starting { home, spec, assets: &state.assets, kubectl: &kubectl }
            .run(Action::Start, &step)?;
        step.done(&control_plane.server_url);
        control_plane.settle(spec, progress)?;
    } else if control_plane.state.spec.nodes != spec.nodes {
        progress.plan(1);
        control_plane.settle(spec, progress)?;
    }
    control_plane.state.spec.nodes = spec.nodes;
    control_plane.state.save(home)?;
    Ok(control_plane)
}

/// Chooses ports and records them before another cluster can choose the same ports.
fn reserve(
    home: &Home,
    spec: &Spec,
    assets: &Assets,
    exported: BTreeSet<PathBuf>,
) -> Result<State, Error> {
    let _lock = home.lock("ports", || ())?;
    let seed = format!("{}/{}", home.root().display(), spec.name);
    let ports = Ports::choose(&seed, &taken_ports(home, &spec.name))?;
    let state = State {
        phase: Phase::Creating,
        spec: spec.clone(),
        ports,
        assets: assets.clone(),
        exported,
    };
    state.save(home)?;
    Ok(state)
}

fn create_private_folder(folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    Ok(created.map_err(HomeError::at(folder))?)
}

impl ControlPlane {
    fn write_kubeconfig(&self) -> Result<(), Error> {
        kubeconfig::write(
            &self.kubeconfig,
            self.name(),
            &self.server_url,
            &self.home.pki(self.name()),
        )
    }

    /// Waits for the nodes and for the default ServiceAccount.
    fn settle(&self, spec: &Spec, progress: &dyn Progress) -> Result<(), Error> {
        let title = match spec.nodes {
            0 => "Wait for the cluster".to_owned(),
            1 => "Wait for the cluster and 1 node".to_owned(),
            nodes => format!("Wait for the cluster and {nodes} nodes"),
        };
        let step = progress.step(&title);
        let kubectl = self.own_kubectl();
        if spec.kwok {
            let (folder, logs) =
                (self.home.cluster(&spec.name), logs::folder(&self.home, &spec.name));
            nodes::settle(&kubectl, &folder, &logs, spec.nodes, spec.timeout, &step)?;
        }
        if spec.controller_manager {
            // Without it the API server rejects pods.
            let timeout = format!("--timeout={}s", spec.timeout.as_secs());
            let wait =
                ["wait", "--for=create", "serviceaccount/default", "--namespace=default", &timeout];
            kubectl.run(&wait, spec.timeout + Duration::from_secs(5))?;
        }
        step.done("");
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::home::remove_folder;
    use crate::scratch::Scratch;

    fn written(home: &Home, spec: &Spec, phase: Phase) -> State {
        let mut state = reserve(home, spec, &Assets::default(), BTreeSet::new()).unwrap();
        state.phase = phase;
        state.save(home).unwrap();
        crate::home::write_private(&home.pki(&spec.name).join("admin.key"), b"key").unwrap();
        state
    }

    #[test]
    fn the_plan_depends_on_the_recorded_state() {
        let scratch = Scratch::new();
        let home = Home::at(scratch.path()).unwrap();
        let spec = Spec::new("a");
        assert_eq!(plan(&home, &spec).unwrap(), Plan::Create);

        written(&home, &spec, Phase::Creating);
        assert_eq!(plan(&home, &spec).unwrap(), Plan::Create, "an unfinished cluster");

        let state = written(&home, &spec, Phase::Created);
        assert_eq!(plan(&home, &spec).unwrap(), Plan::Start(Box::new(state)));

        remove_folder(&home.pki("a")).unwrap();
        assert_eq!(plan(&home, &spec).unwrap(), Plan::Create, "without certificates");

        written(&home, &spec, Phase::Created);
        let other = spec.clone().api_only();
        assert!(matches!(plan(&home, &other), Err(Error::Differs { .. })));
        assert_eq!(plan(&home, &other.replace(true)).unwrap(), Plan::Create);
    }

    #[test]
    fn a_cluster_is_kept_after_a_timeout() {
        let (limit, logs) = (Duration::from_secs(1), PathBuf::new());
        let late = Error::Timeout {
            what: "the API server",
            limit,
            logs: logs.clone(),
            detail: String::new(),
        };
        assert!(!must_be_recreated(&late));
        assert!(must_be_recreated(&Error::Kwokctl { log: logs, detail: String::new() }));
    }

    #[test]
    fn a_state_file_of_another_version_is_replaced_only_on_request() {
        let scratch = Scratch::new();
        let home = Home::at(scratch.path()).unwrap();
        crate::home::write_private(&home.cluster("a").join("state.json"), b"{}").unwrap();
        assert!(matches!(plan(&home, &Spec::new("a")), Err(Error::Differs { .. })));
        assert_eq!(plan(&home, &Spec::new("a").replace(true)).unwrap(), Plan::Create);
    }

    #[test]
    fn a_missing_binary_is_reported_before_any_change() {
        let scratch = Scratch::new();
        let home = Home::at(scratch.path()).unwrap();
        let result =
            ControlPlane::up(&home, &Spec::new("a"), &Assets::default(), &crate::progress::Silent);
        assert!(matches!(result, Err(Error::NoBinary { binary: Binary::Etcd })));
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
    }

    #[test]
    fn clusters_never_share_a_port() {
        let scratch = Scratch::new();
        let home = Home::at(scratch.path()).unwrap();
        // Many clusters, so that some searches start at the same port.
        let ports: Vec<u16> = (0..120)
            .flat_map(|n| {
                written(&home, &Spec::new(format!("c{n}")), Phase::Created).ports.to_array()
            })
            .collect();
        let distinct: BTreeSet<u16> = ports.iter().copied().collect();
        assert_eq!(distinct.len(), ports.len());
    }
}
