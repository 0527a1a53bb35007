//! `install.yaml`: everything that a cluster needs to run the operator.

use kubewright_core::Registry;
use serde_json::{Value, json};

use crate::artifact::{Artifact, Error, Options, labels, to_yaml};
use crate::{crds, rbac, yaml};

const PATH: &str = "install.yaml";
/// Port of probes and metrics, passed to `run --listen`.
const PORT: u16 = 8080;
/// The user `nonroot` of distroless images.
const USER: u32 = 65532;
/// Longer than the default of `run --shutdown-deadline` (8 seconds).
const TERMINATION_GRACE_SECONDS: u32 = 30;

/// `install.yaml`: Namespace, CRDs, RBAC, Deployment.
///
/// # Errors
/// The first [`Error`].
pub fn install(registry: &Registry, options: &Options) -> Result<Artifact, Error> {
    let mut documents = vec![to_yaml(PATH, &namespace(registry, options))?];
    for definition in registry.definitions() {
        documents.push(to_yaml(PATH, &crds::definition(&definition.crd)?)?);
    }
    documents.extend(rbac::documents(registry, options)?);
    documents.push(
        add_comments(&to_yaml(PATH, &deployment(registry, options))?)
            .map_err(|source| Error::Yaml { path: PATH.to_owned(), source })?,
    );
    let about = "Everything to run the operator: kubectl apply --server-side -f install.yaml";
    Ok(options.file(PATH, about, &documents))
}

fn namespace(registry: &Registry, options: &Options) -> Value {
    let mut labels = labels(registry);
    // Without a version label the cluster enforces its own version of Pod Security.
    labels["pod-security.kubernetes.io/enforce"] = "restricted".into();
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": options.system_namespace_of(registry), "labels": labels },
    })
}

fn deployment(registry: &Registry, options: &Options) -> Value {
    let labels = labels(registry);
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": registry.name(),
            "namespace": options.system_namespace_of(registry),
            "labels": labels,
        },
        "spec": {
            "replicas": 1,
            "strategy": { "type": "Recreate" },
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "serviceAccountName": options.service_account_of(registry),
                    "automountServiceAccountToken": true,
                    "terminationGracePeriodSeconds": TERMINATION_GRACE_SECONDS,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": USER,
                        "runAsGroup": USER,
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "containers": [container(registry, options)],
                },
            },
        },
    })
}

fn container(registry: &Registry, options: &Options) -> Value {
    let mut args = vec!["run".to_owned(), format!("--listen=0.0.0.0:{PORT}")];
    args.extend(options.namespaces.iter().map(|namespace| format!("--namespace={namespace}")));
    let probe = |path: &str| json!({ "httpGet": { "path": path, "port": "http" } });
    json!({
        "name": "operator",
        "image": options.image_of(registry),
        "imagePullPolicy": "IfNotPresent",
        "args": args,
        "ports": [{ "name": "http", "containerPort": PORT, "protocol": "TCP" }],
        "livenessProbe": probe("/livez"),
        "readinessProbe": probe("/readyz"),
        "resources": {
            "requests": { "cpu": "10m", "memory": "32Mi" },
            "limits": { "memory": "256Mi" },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
        },
    })
}

/// Explains unusual settings of the Deployment.
fn add_comments(deployment: &str) -> Result<String, yaml::WriteError> {
    let replicas = "Keep 1: without leader election, two Pods would write the same objects.\n\
                    Recreate stops the old Pod before the new Pod starts.";
    let text = yaml::comment_above(deployment, "replicas: 1", replicas)?;
    let limits = "No CPU limit: throttling would slow down the start with many resources.";
    yaml::comment_above(&text, "limits:", limits)
}
