//! A control plane for one test, where a shared one would disturb tests; and the audit log of its
//! API server for the requests of one user.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, PostParams};
use kubewright::testing::assets::Environment;
use kubewright::testing::control_plane::{Component, ControlPlane, Disposable, Spec};
use kubewright::testing::home::Home;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::accounts::kubeconfig_of;
use super::connect::{self, Cluster, NODES};

/// Prefix of the names of control planes for one test. The process id of the test follows.
const PREFIX: &str = "own-";
/// The service account of the operator whose requests the audit log records.
const ACCOUNT: &str = "operator";
const ACCOUNT_NAMESPACE: &str = "kube-system";

/// A cluster for one test. Dropping this value stops and removes the cluster.
#[derive(Debug)]
pub struct OwnCluster {
    cluster: Cluster,
    folder: TempDir,
    _control_plane: Disposable,
}

/// A request of the operator from the API server's audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedRequest {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
    pub verb: String,
    /// Path and query.
    pub uri: String,
    /// HTTP status code of the answer.
    pub code: u64,
    /// Whether this entry is the end of a watch that began in an earlier entry.
    pub ends_watch: bool,
}

impl AuditedRequest {
    /// Whether the request changes an object.
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
    /// Starts a cluster with our CRDs. Its audit log records the requests that use
    /// [`operator_kubeconfig`](Self::operator_kubeconfig).
    #[must_use]
    pub fn start(about: &str) -> Self {
        remove_left_behind();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.json"), audit_policy().to_string()).unwrap();
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let spec = named(about)
            .nodes(NODES)
            // Some distributions enable this plugin: blocking the deletion of an owner needs a
            // right.
            .arg(
                Component::KubeApiserver,
                "enable-admission-plugins",
                "OwnerReferencesPermissionEnforcement",
            )
            .arg(Component::KubeApiserver, "audit-policy-file", path("policy.json"))
            .arg(Component::KubeApiserver, "audit-log-path", path("audit.log"));
        Self::of(&spec, folder)
    }

    /// Starts an API server without controllers, with these feature gates. Only the tested operator
    /// reacts to objects.
    #[must_use]
    pub fn start_api_server(about: &str, gates: &str) -> Self {
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
        let control_plane = connect::start(spec).disposable();
        let cluster = Cluster::prepared(control_plane.kubeconfig().to_owned());
        Self { cluster, folder, _control_plane: control_plane }
    }

    /// Creates a service account with all rights, for the operator alone; returns its kubeconfig.
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
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [
                { "kind": "ServiceAccount", "name": ACCOUNT, "namespace": ACCOUNT_NAMESPACE },
            ],
        }))
        .unwrap();
        Api::all(client).create(&PostParams::default(), &binding).await.unwrap();
        kubeconfig_of(&self.cluster, ACCOUNT_NAMESPACE, ACCOUNT, self.folder.path()).await
    }

    /// All requests of the operator so far, oldest first.
    #[must_use]
    pub fn audited_requests(&self) -> Vec<AuditedRequest> {
        self.audit_log().into_iter().filter(|entry| !entry.ends_watch).collect()
    }

    /// All entries of the audit log so far, oldest first: requests, and ends of watches.
    #[must_use]
    pub fn audit_log(&self) -> Vec<AuditedRequest> {
        read_audit_log(&self.folder.path().join("audit.log"))
    }
}

fn named(about: &str) -> Spec {
    Spec::new(format!("{PREFIX}{about}-{}", process::id()))
}

/// Records the metadata of the operator's requests and of no others.
fn audit_policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {
                "level": "Metadata",
                "users": [format!("system:serviceaccount:{ACCOUNT_NAMESPACE}:{ACCOUNT}")],
            },
            { "level": "None" },
        ],
    })
}

fn read_audit_log(path: &Path) -> Vec<AuditedRequest> {
    // The last line may be incomplete while the API server writes it.
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|event| parse_event(&event))
        .collect()
}

/// The log has an entry for the beginning and another one for the end of a watch.
fn parse_event(event: &Value) -> Option<AuditedRequest> {
    let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let (verb, stage) = (text("verb"), text("stage"));
    let ends_watch = verb == "watch" && stage == "ResponseComplete";
    let is_entry = if verb == "watch" {
        stage == "ResponseStarted" || ends_watch
    } else {
        stage == "ResponseComplete"
    };
    let code = event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or(0);
    is_entry.then(|| AuditedRequest { verb, uri: text("requestURI"), code, ends_watch })
}

/// Removes control planes of test processes that ended without removing them.
fn remove_left_behind() {
    let Ok(home) = Home::from_environment(&Environment::from_process()) else { return };
    for name in ControlPlane::list(&home).iter().filter(|name| name.starts_with(PREFIX)) {
        let process: Option<u32> = name.rsplit('-').next().and_then(|id| id.parse().ok());
        let ended = process.is_some_and(|id| {
            Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{id}")).exists()
        });
        if ended && let Err(error) = ControlPlane::remove(&home, name) {
            eprintln!("cannot remove control plane {name} of a test that ended: {error}");
        }
    }
}
