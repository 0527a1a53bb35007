//! A control plane for one run: etcd in memory without fsync, and an API server; the controller
//! manager only where resources are deleted. It stops when its value is dropped.
//!
//! Everything that writes or computes by itself is turned off or waited for, so that revisions are
//! exact and all CPU time is the workload's: the leases of API servers, the compaction of etcd, and
//! the work of the API server after its start.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kubewright::testing::assets::{Assets, Environment};
use kubewright::testing::control_plane::{Component, ControlPlane, Disposable, Spec};
use kubewright::testing::home::Home;
use kubewright::testing::progress::Silent;
use serde_json::{Value, json};

use crate::client::Api;
use crate::error::Error;
use crate::load;
use crate::wait::{Look, at_rest, until};
use crate::workload::{NAMESPACE, Workload};

/// Names of control planes are this, the process that created it, and a number.
const PREFIX: &str = "bench-";
/// A tmpfs on every Linux. Without it, etcd writes to the disk.
const MEMORY: &str = "/dev/shm";
/// Objects written before a measurement, so that the API server's caches, heap and connections are
/// warm.
const WARM_UP: usize = 400;
const POLL: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A control plane, warm and at rest.
pub(crate) struct Plane {
    running: Disposable,
    api: Api,
    processes: Vec<u32>,
}

impl Plane {
    /// Starts etcd and the API server.
    pub(crate) async fn start(workload: Workload) -> Result<Self, Error> {
        Self::start_with(Spec::new(next_name()).api_only(), workload).await
    }

    /// Starts the controller manager, too.
    pub(crate) async fn start_with_controller_manager(workload: Workload) -> Result<Self, Error> {
        let spec = Spec { controller_manager: true, ..Spec::new(next_name()).api_only() };
        Self::start_with(spec, workload).await
    }

    async fn start_with(spec: Spec, workload: Workload) -> Result<Self, Error> {
        let server = Component::KubeApiserver;
        let mut spec = spec
            .arg(server, "service-cluster-ip-range", "10.96.0.0/12")
            .arg(
                server,
                "feature-gates",
                "APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false",
            )
            .arg(server, "etcd-compaction-interval", "0");
        spec.etcd_data = Some(Path::new(MEMORY).to_owned()).filter(|folder| folder.is_dir());
        let running = tokio::task::block_in_place(|| start_processes(&spec))?;
        let api = Api::connect(running.kubeconfig())?;
        let status = tokio::task::block_in_place(|| running.status());
        let measured = [Component::Etcd, Component::KubeApiserver];
        let processes: Vec<u32> = status
            .components
            .iter()
            .filter(|c| measured.contains(&c.component))
            .filter_map(|c| c.pid)
            .collect();
        if processes.len() != measured.len() {
            return Err(Error::Unmeasurable(format!(
                "a process of the control plane has no PID: {status}"
            )));
        }
        let plane = Self { running, api, processes };
        plane.prepare(workload).await?;
        Ok(plane)
    }

    pub(crate) fn api(&self) -> &Api {
        &self.api
    }

    pub(crate) fn kubeconfig(&self) -> &Path {
        self.running.kubeconfig()
    }

    /// The version of Kubernetes.
    pub(crate) fn version(&self) -> String {
        self.running.spec().kubernetes.to_string()
    }

    /// etcd and the API server.
    pub(crate) fn processes(&self) -> &[u32] {
        &self.processes
    }

    /// Waits until the control plane is at rest.
    pub(crate) async fn rest(&self) -> Result<(), Error> {
        at_rest(&self.processes).await
    }

    /// Waits until the control plane and this client are at rest.
    pub(crate) async fn rest_with(&self, client: u32) -> Result<(), Error> {
        at_rest(&[&self.processes[..], &[client]].concat()).await
    }

    /// Creates the definition and the namespaces, and warms up with objects of another kind.
    async fn prepare(&self, workload: Workload) -> Result<(), Error> {
        let definitions = workload.definitions();
        for definition in &definitions {
            let body = serde_json::to_string(&definition.crd)
                .map_err(|error| Error::Workload(error.to_string()))?;
            let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
            self.api.create(path, body).await?;
        }
        for namespace in [NAMESPACE, "warm"] {
            let metadata = json!({ "name": namespace });
            let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata });
            self.api.create("/api/v1/namespaces", body.to_string()).await?;
        }
        for definition in &definitions {
            self.served(&format!("{}?limit=1", definition.kind.path(Some(NAMESPACE)))).await?;
        }
        let api_version = workload.kinds()[0].api_version();
        self.served(&format!("/openapi/v3/apis/{api_version}")).await?;
        let api = self.api.clone();
        load::run_all(0..WARM_UP, move |number| {
            let api = api.clone();
            async move {
                let body = warm_up(number);
                let path = format!("/api/v1/namespaces/warm/configmaps/warm-{number}");
                api.apply(&path, body.to_string()).await.map(drop)
            }
        })
        .await?;
        self.rest().await
    }

    /// Waits until the API server serves this path.
    async fn served(&self, path: &str) -> Result<(), Error> {
        until(format!("{path} is served"), LONGEST_WAIT, POLL, async || {
            let answer = self.api.get(path).await;
            Ok(answer.map_or_else(|error| Look::Seen(error.to_string()), |_| Look::Found(())))
        })
        .await
    }
}

/// An object about as large as a child of the workload.
fn warm_up(number: usize) -> Value {
    let data: Value =
        (0..8).map(|key| (format!("key-{key}"), Value::from("x".repeat(120)))).collect();
    let metadata = json!({ "name": format!("warm-{number}") });
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data })
}

fn next_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn start_processes(spec: &Spec) -> Result<Disposable, Error> {
    let environment = Environment::from_process();
    let home = Home::from_environment(&environment)?;
    let assets = Assets::locate(&environment, &home, &spec.wanted(), &Silent)?;
    match ControlPlane::up(&home, spec, &assets, &Silent) {
        Ok(control_plane) => Ok(control_plane.disposable()),
        Err(error) => {
            // The first error is the cause. The next run of the bench removes what remains.
            let _ = ControlPlane::remove(&home, &spec.name);
            Err(error.into())
        }
    }
}

/// Removes the control planes of runs that were killed.
pub(crate) fn remove_left_behind() -> Result<(), Error> {
    let home = Home::from_environment(&Environment::from_process())?;
    for name in ControlPlane::list(&home) {
        let process = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next())
            .and_then(|id| id.parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new(&format!("/proc/{id}")).exists()) {
            ControlPlane::remove(&home, &name)?;
        }
    }
    Ok(())
}
