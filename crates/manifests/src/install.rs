//! One file with all that a cluster needs to run the operator.

use kubewright_core::Registry;
use serde_json::{Value, json};

use crate::artifact::{Artifact, Error, Options, labels, written};
use crate::{crds, rbac, yaml};

const PATH: &str = "install.yaml";
/// Where the operator answers probes and shows metrics; `run --listen` is given the same.
pub const PORT: u16 = 8080;
/// A user that is nobody's: the one that distroless images have as `nonroot`.
const USER: u32 = 65532;
/// Longer than the 20 seconds that `run` gives to reconciles that are under way
/// (`--shutdown-deadline`).
const TERMINATION_GRACE_SECONDS: u32 = 30;

/// `install.yaml`: Namespace, CRDs, rights, Deployment.
///
/// # Errors
/// The first [`Error`].
pub fn install(registry: &Registry, options: &Options) -> Result<Artifact, Error> {
    let mut documents = vec![written(PATH, &namespace(registry, options))?];
    for definition in registry.definitions() {
        documents.push(written(PATH, &crds::definition(&definition.crd)?)?);
    }
    documents.extend(rbac::documents(registry, options)?);
    documents.push(
        commented(&written(PATH, &deployment(registry, options))?)
            .map_err(|source| Error::Yaml { path: PATH.to_owned(), source })?,
    );
    let about =
        "All that a cluster needs to run the operator: kubectl apply --server-side -f install.yaml";
    Ok(options.file(PATH, about, &documents))
}

fn namespace(registry: &Registry, options: &Options) -> Value {
    let mut labels = labels(registry);
    // The version stays at its default, `latest`: what the cluster knows, it enforces.
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

/// Says why, where the Deployment would surprise.
fn commented(deployment: &str) -> Result<String, yaml::WriteError> {
    let one = "One at a time: there is no leader election yet, and two would do everything twice. So an update stops the old\n\
               Pod first, and replicas stays at 1.";
    let text = yaml::comment_above(deployment, "replicas: 1", one)?;
    let limit =
        "No limit for cpu: throttling a start-up with many resources would only make it longer.";
    yaml::comment_above(&text, "limits:", limit)
}
