//! A control plane for one measured run: etcd on memory without fsync, and an API server; the
//! controller manager where the whole life of a resource is looked at. It has a name of its own and
//! is taken down when its value goes.
//!
//! Whatever writes or computes by itself is turned off or waited for, so that revisions are exact
//! and CPU time is the workload's: leases of API servers, compaction of etcd (it writes, too), and
//! the API server's work after its start.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kubewright::testing::assets::{Assets, Environment};
use kubewright::testing::control_plane::{Component, ControlPlane, Disposable, Spec};
use kubewright::testing::home::Home;
use kubewright::testing::progress::Silent;
use serde_json::{Value, json};

use crate::client::{Api, MANAGER};
use crate::error::Error;
use crate::load;
use crate::proc::{Cpu, CpuTime};
use crate::workload::{NAMESPACE, kinds};

/// Begins the names of control planes; the process that made it and a number follow.
const PREFIX: &str = "bench-";
/// A tmpfs on every Linux. Where it is missing, etcd writes to the disk.
const MEMORY: &str = "/dev/shm";
/// Objects that are written before anything is measured, so that the API server's caches, heap and
/// connections are warm.
const WARM_UP: usize = 400;
/// At rest a control plane uses less CPU than this share of one core.
const AT_REST: f64 = 0.08;
const WINDOW: Duration = Duration::from_millis(400);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A control plane, warm and at rest.
pub(crate) struct Plane {
    running: Disposable,
    api: Api,
    processes: Vec<u32>,
}

impl Plane {
    /// Etcd and the API server.
    pub(crate) async fn up() -> Result<Self, Error> {
        Self::of(Spec::new(next_name()).api_only()).await
    }

    /// With the controller manager.
    pub(crate) async fn with_controller_manager() -> Result<Self, Error> {
        Self::of(Spec { controller_manager: true, ..Spec::new(next_name()).api_only() }).await
    }

    async fn of(spec: Spec) -> Result<Self, Error> {
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
        let running = tokio::task::block_in_place(|| start(&spec))?;
        let api = Api::connect(running.kubeconfig()).await?;
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
                "the processes of the control plane are not found: {status}"
            )));
        }
        let plane = Self { running, api, processes };
        plane.prepare().await?;
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

    /// CPU time of etcd and the API server so far.
    pub(crate) fn cpu(&self) -> Result<Vec<Cpu>, Error> {
        self.processes.iter().map(|pid| Cpu::of(*pid)).collect()
    }

    /// How much of it was used since `before`.
    pub(crate) fn cpu_since(&self, before: &[Cpu]) -> Result<CpuTime, Error> {
        let mut sum = CpuTime::default();
        for (now, before) in self.cpu()?.into_iter().zip(before) {
            sum += now.since(*before);
        }
        Ok(sum)
    }

    /// Waits until it does next to nothing.
    pub(crate) async fn rest(&self) -> Result<(), Error> {
        let deadline = tokio::time::Instant::now() + LONGEST_WAIT;
        loop {
            let before = self.cpu()?;
            tokio::time::sleep(WINDOW).await;
            let share = self.cpu_since(&before)?.millis() / 1000.0 / WINDOW.as_secs_f64();
            if share < AT_REST {
                return Ok(());
            }
            if tokio::time::Instant::now() > deadline {
                let seen = format!("{:.0} % of a core", share * 100.0);
                return Err(Error::Late {
                    what: "the control plane is at rest".into(),
                    within: LONGEST_WAIT,
                    seen,
                });
            }
        }
    }

    /// The definition, the namespace, and writes of another kind.
    async fn prepare(&self) -> Result<(), Error> {
        let echo = &kinds()[0];
        let registry = operator::registry();
        let controller = registry.controller_of(&echo.api_version(), &echo.kind);
        let crd = controller
            .map(|controller| controller.crd())
            .ok_or_else(|| Error::Workload("no definition".into()))?;
        let body =
            serde_json::to_string(&crd).map_err(|error| Error::Workload(error.to_string()))?;
        self.api.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body).await?;
        for namespace in [NAMESPACE, "warm"] {
            let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
            self.api.create("/api/v1/namespaces", body.to_string()).await?;
        }
        self.served(&format!("{}?limit=1", echo.path(Some(NAMESPACE)))).await?;
        self.served(&format!("/openapi/v3/apis/{}", echo.api_version())).await?;
        let api = self.api.clone();
        load::all(0..WARM_UP, move |number| {
            let api = api.clone();
            async move {
                let body = warm_up(number);
                let path = format!("/api/v1/namespaces/warm/configmaps/warm-{number}");
                api.apply(&path, MANAGER, body.to_string()).await.map(drop)
            }
        })
        .await?;
        self.rest().await
    }

    async fn served(&self, path: &str) -> Result<(), Error> {
        let deadline = tokio::time::Instant::now() + LONGEST_WAIT;
        loop {
            match self.api.get(path).await {
                Ok(_) => return Ok(()),
                Err(error) if tokio::time::Instant::now() > deadline => {
                    return Err(Error::Late {
                        what: format!("{path} is served"),
                        within: LONGEST_WAIT,
                        seen: error.to_string(),
                    });
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// About as large as a child of the workload.
fn warm_up(number: usize) -> Value {
    let data: Value =
        (0..8).map(|key| (format!("key-{key}"), Value::from("x".repeat(120)))).collect();
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": format!("warm-{number}") }, "data": data })
}

fn next_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn start(spec: &Spec) -> Result<Disposable, Error> {
    let environment = Environment::from_process();
    let home = Home::from_environment(&environment)?;
    let assets = Assets::locate(&environment, &home, &spec.wanted(), &Silent)?;
    match ControlPlane::up(&home, spec, &assets, &Silent) {
        Ok(control_plane) => Ok(control_plane.disposable()),
        Err(error) => {
            ControlPlane::remove(&home, &spec.name)?;
            Err(error.into())
        }
    }
}

/// Removes control planes of runs that were killed.
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
