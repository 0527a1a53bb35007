//! A control plane for one test alone, for what would disturb others or is disturbed by them; and
//! what its API server writes down about the requests of one user.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, PostParams};
use kube::config::{AuthInfo, Kubeconfig};
use kubewright::testing::assets::Environment;
use kubewright::testing::control_plane::{Component, ControlPlane, Disposable, Spec};
use kubewright::testing::home::Home;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::connect::{Cluster, NODES, up};

/// Begins the names of control planes for one test; the process that made it follows.
const PREFIX: &str = "own-";
/// The service account that an operator runs as where its requests are to be told from those of
/// others.
const ACCOUNT: &str = "operator";
const ACCOUNT_NAMESPACE: &str = "kube-system";

/// A cluster for one test; it is taken down when this value goes.
#[derive(Debug)]
pub struct OwnCluster {
    cluster: Cluster,
    folder: TempDir,
    _control_plane: Disposable,
}

/// A request of the operator, as the API server wrote it down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
    pub verb: String,
    /// Path and query.
    pub uri: String,
    /// HTTP status.
    pub code: u64,
}

impl Audited {
    /// Whether it is a request to change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

impl Deref for OwnCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl OwnCluster {
    /// Brings it up, with our definitions. The requests of [`operator`](Self::operator_kubeconfig)
    /// are written down.
    #[must_use]
    pub fn up(about: &str) -> Self {
        remove_left_behind();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.json"), audit_policy().to_string()).unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let spec = named(about)
            .nodes(NODES)
            // As some distributions have it: whoever blocks the deletion of an owner needs a right
            // for that.
            .arg(
                Component::KubeApiserver,
                "enable-admission-plugins",
                "OwnerReferencesPermissionEnforcement",
            )
            .arg(Component::KubeApiserver, "audit-policy-file", path("policy.json"))
            .arg(Component::KubeApiserver, "audit-log-path", path("audit.log"));
        Self::of(&spec, folder)
    }

    /// Brings up an API server alone, with these feature gates: nothing reacts to objects but what
    /// is tested.
    #[must_use]
    pub fn bare(about: &str, gates: &str) -> Self {
        remove_left_behind();
        let spec = named(about).api_only();
        let spec = if gates.is_empty() {
            spec
        } else {
            spec.arg(Component::KubeApiserver, "feature-gates", gates)
        };
        Self::of(&spec, tempfile::tempdir().unwrap())
    }

    fn of(spec: &Spec, folder: TempDir) -> Self {
        let control_plane = up(spec).disposable();
        let cluster = Cluster::prepared(control_plane.kubeconfig().to_owned());
        Self { cluster, folder, _control_plane: control_plane }
    }

    /// A kubeconfig with which an operator is a user of its own.
    pub async fn operator_kubeconfig(&self) -> PathBuf {
        let client = self.client().await;
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), ACCOUNT_NAMESPACE);
        let account = json!({ "metadata": { "name": ACCOUNT } });
        accounts
            .create(&PostParams::default(), &serde_json::from_value(account).unwrap())
            .await
            .unwrap();
        let binding: ClusterRoleBinding = serde_json::from_value(json!({
            "metadata": { "name": ACCOUNT },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "ServiceAccount", "name": ACCOUNT, "namespace": ACCOUNT_NAMESPACE }],
        }))
        .unwrap();
        Api::all(client).create(&PostParams::default(), &binding).await.unwrap();
        let spec =
            TokenRequestSpec { expiration_seconds: Some(3600), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec, ..TokenRequest::default() };
        let answer =
            accounts.create_token_request(ACCOUNT, &PostParams::default(), &request).await.unwrap();
        self.write_kubeconfig(&answer.status.unwrap().token)
    }

    fn write_kubeconfig(&self, token: &str) -> PathBuf {
        let mut config = Kubeconfig::read_from(self.kubeconfig()).unwrap();
        for user in &mut config.auth_infos {
            let info: AuthInfo = serde_json::from_value(json!({ "token": token })).unwrap();
            user.auth_info = Some(info);
        }
        let path = self.folder.path().join("operator.kubeconfig");
        // A kubeconfig is YAML, and so is JSON.
        std::fs::write(&path, serde_json::to_vec(&config).unwrap()).unwrap();
        path
    }

    /// All requests of the operator so far, oldest first.
    #[must_use]
    pub fn audited(&self) -> Vec<Audited> {
        read_audit_log(&self.folder.path().join("audit.log"))
    }
}

fn named(about: &str) -> Spec {
    Spec::new(format!("{PREFIX}{about}-{}", process::id()))
}

/// Writes down who did what when the answer begins, for the operator alone.
fn audit_policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            { "level": "Metadata", "users": [format!("system:serviceaccount:{ACCOUNT_NAMESPACE}:{ACCOUNT}")] },
            { "level": "None" },
        ],
    })
}

fn read_audit_log(path: &Path) -> Vec<Audited> {
    // The last line may still be being written.
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|event| audited(&event))
        .collect()
}

/// A watch is written down when it begins and when it ends; only its beginning is a request.
fn audited(event: &Value) -> Option<Audited> {
    let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let verb = text("verb");
    let counts = if verb == "watch" { "ResponseStarted" } else { "ResponseComplete" };
    let code = event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or(0);
    (event["stage"] == counts).then(|| Audited { verb, uri: text("requestURI"), code })
}

/// Removes control planes for tests of processes that ended without doing so.
fn remove_left_behind() {
    let Ok(home) = Home::from_environment(&Environment::from_process()) else { return };
    for name in ControlPlane::list(&home).iter().filter(|name| name.starts_with(PREFIX)) {
        let process: Option<u32> = name.rsplit('-').next().and_then(|id| id.parse().ok());
        let ended = process.is_some_and(|id| {
            Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{id}")).exists()
        });
        if ended && let Err(error) = ControlPlane::remove(&home, name) {
            eprintln!("{name} was left behind and cannot be removed: {error}");
        }
    }
}
