//! The cluster that all tests share: the one that the environment names, or a local control plane.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use kubewright::testing::assets::{Assets, Environment};
use kubewright::testing::control_plane::{ControlPlane, Spec};
use kubewright::testing::home::Home;
use kubewright::testing::progress;

use super::definitions;
use super::metrics::Metrics;

/// The variable that names the cluster for the tests: an administrator's kubeconfig.
const VARIABLE: &str = "KUBEWRIGHT_TEST_KUBECONFIG";
/// The control plane that the tests use without the variable. It keeps running for later test runs.
const NAME: &str = "test";
/// Number of nodes of a control plane for tests. Each node has room for 4000 pods.
pub(super) const NODES: u32 = 3;

/// A cluster for tests, with the CRDs of our operators.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(super) kubeconfig: PathBuf,
}

impl Cluster {
    /// The shared cluster. The first call in a process starts it when it does not run.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let named = env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
            Self::prepared(
                named.unwrap_or_else(|| {
                    start(&Spec::new(NAME).nodes(NODES)).kubeconfig().to_owned()
                }),
            )
        })
    }

    /// The cluster of this kubeconfig, after the CRDs are installed.
    pub(super) fn prepared(kubeconfig: PathBuf) -> Self {
        let cluster = Self { kubeconfig };
        cluster.blocking(async |client| definitions::install(&client, &our_definitions()).await);
        cluster
    }

    /// Runs `work` to completion on a separate thread, for callers that cannot await.
    pub(super) fn blocking<T: Send>(&self, work: impl AsyncFnOnce(Client) -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async { work(self.client().await).await })
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// An administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client with the rights of an administrator. Each test needs its own client, because a
    /// client belongs to one runtime.
    pub async fn client(&self) -> Client {
        prepare_process();
        let file = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let config =
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }

    /// The API server's metrics.
    pub async fn metrics(&self) -> Metrics {
        let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
        Metrics::parse(&self.client().await.request_text(request).await.unwrap())
    }

    /// Installs more CRDs, for operators that only exist in a test.
    pub async fn install(&self, definitions: &[CustomResourceDefinition]) {
        definitions::install(&self.client().await, definitions).await;
    }
}

/// Starts a control plane unless it runs.
pub(super) fn start(spec: &Spec) -> ControlPlane {
    let environment = Environment::from_process();
    let home = Home::from_environment(&environment).unwrap();
    let progress = progress::detect();
    let assets = Assets::locate(&environment, &home, &spec.wanted(), progress.as_ref())
        .unwrap_or_else(|e| panic!("{e}"));
    ControlPlane::up(&home, spec, &assets, progress.as_ref()).unwrap_or_else(|e| panic!("{e}"))
}

fn our_definitions() -> Vec<CustomResourceDefinition> {
    operator::registry().definitions().into_iter().map(|definition| definition.crd).collect()
}

/// Chooses a cryptography provider and sets up logging by `RUST_LOG`, once in a process.
fn prepare_process() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let filter =
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "off".into());
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .try_init();
    });
}
