//! The cluster that all tests share: whichever the environment names, or a local control plane of
//! our own.

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

/// Names the cluster for the tests: a kubeconfig with the rights of an administrator.
const VARIABLE: &str = "KUBEWRIGHT_TEST_KUBECONFIG";
/// The control plane that is used without it. It goes on when the tests have ended, for the next
/// ones.
const NAME: &str = "test";
/// Nodes of a control plane for tests; each has room for 4000 pods.
pub(super) const NODES: u32 = 3;

/// A cluster to test on, with the definitions of our operators.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub(super) kubeconfig: PathBuf,
}

impl Cluster {
    /// The one that all tests share. The first call in a process brings it up, if it has to.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| {
            let named = env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
            Self::prepared(
                named.unwrap_or_else(|| up(&Spec::new(NAME).nodes(NODES)).kubeconfig().to_owned()),
            )
        })
    }

    /// The cluster of this kubeconfig, once it has our definitions.
    pub(super) fn prepared(kubeconfig: PathBuf) -> Self {
        let cluster = Self { kubeconfig };
        cluster.blocking(async |client| definitions::install(&client, &our_definitions()).await);
        cluster
    }

    /// Runs `work` to its end on a thread of its own: for places that cannot wait otherwise.
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

    /// The kubeconfig of an administrator.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client with the rights of an administrator. Each test has its own: a client lives and dies
    /// with a runtime.
    pub async fn client(&self) -> Client {
        prepare_process();
        let file = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let config =
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        Client::try_from(config).unwrap()
    }

    /// What the API server counts, now.
    pub async fn metrics(&self) -> Metrics {
        let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
        Metrics::parse(&self.client().await.request_text(request).await.unwrap())
    }

    /// Installs more definitions, for operators that are only there for a test.
    pub async fn install(&self, definitions: &[CustomResourceDefinition]) {
        definitions::install(&self.client().await, definitions).await;
    }
}

/// Brings a control plane up, or finds that it is.
pub(super) fn up(spec: &Spec) -> ControlPlane {
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

/// What a process does once: choose a cryptography provider, and show logs where `RUST_LOG` asks
/// for them.
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
