//! The example in `examples/hello`, a crate outside of the workspace, on a real control plane: it
//! builds, its program runs, and its custom resource creates, updates and deletes its children.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::json;
use tests::cluster::{LONG, Namespaced, SOON, Sandbox, condition, describe, eventually};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/hello")
}

/// Builds the example with cargo, into a folder below the target folder; returns its program.
fn build() -> PathBuf {
    let manifest = folder().join("Cargo.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("examples");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--locked", "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(&target);
    // The variables of the cargo that runs this test describe another package.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text == "CARGO_MANIFEST_DIR" {
            cargo.env_remove(&name);
        }
    }
    let output = cargo.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} does not build:\n{errors}", manifest.display());
    target.join("debug/hello")
}

/// The CRDs that `hello crds` prints.
fn crds(program: &Path) -> Vec<CustomResourceDefinition> {
    let output = Command::new(program).arg("crds").output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "hello crds failed: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = kubewright::manifests::yaml::documents(&text).unwrap();
    let crds = documents.into_iter().map(|document| serde_json::from_value(document.value));
    crds.collect::<Result<_, _>>().unwrap()
}

/// A running `hello run`. Dropping this value ends the process.
struct Running {
    process: Child,
    log: PathBuf,
}

impl Running {
    fn start(program: &Path, sandbox: &Sandbox, folder: &Path) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let log = folder.join("log");
        let process = Command::new(program)
            .args(["run", "--namespace", sandbox.namespace(), "--listen", &port.to_string()])
            .arg("--kubeconfig")
            .arg(sandbox.cluster().kubeconfig())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { process, log }
    }

    /// Panics with the log when the process has ended.
    fn check(&mut self) {
        if let Some(status) = self.process.try_wait().unwrap() {
            let log = std::fs::read_to_string(&self.log).unwrap();
            panic!("hello run ended with {status}:\n{log}");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The objects of a kind that the resource with this UID controls.
async fn children<K: Namespaced>(sandbox: &Sandbox, uid: &str) -> Vec<K> {
    let is_child = |object: &K| {
        let mut owners = object.owner_references().iter();
        owners.any(|owner| owner.uid == uid && owner.controller == Some(true))
    };
    sandbox.list::<K>().await.into_iter().filter(is_child).collect()
}

/// The annotations of the pod template of the only Deployment.
async fn template_annotations(sandbox: &Sandbox, uid: &str) -> BTreeMap<String, String> {
    let mut deployments = children::<Deployment>(sandbox, uid).await;
    assert_eq!(deployments.len(), 1, "{}", describe(&deployments));
    let template = deployments.remove(0).spec.unwrap().template;
    template.metadata.unwrap_or_default().annotations.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_hello_builds_and_runs_and_keeps_its_children_in_sync() {
    let program = tokio::task::spawn_blocking(build).await.unwrap();
    let sandbox = Sandbox::new("hello").await;
    let crds = crds(&program);
    let [crd] = &crds[..] else { panic!("expected one CRD: {}", describe(&crds)) };
    sandbox.cluster().install(&crds).await;
    let logs = tempfile::tempdir().unwrap();
    let mut running = Running::start(&program, &sandbox, logs.path());

    let (spec, version) = (&crd.spec, &crd.spec.versions[0].name);
    let kind = GroupVersionKind::gvk(&spec.group, version, &spec.names.kind);
    let resource = ApiResource::from_gvk_with_plural(&kind, &spec.names.plural);
    let api: Api<DynamicObject> =
        Api::namespaced_with(sandbox.client(), sandbox.namespace(), &resource);
    let sample = std::fs::read_to_string(folder().join("website.yaml")).unwrap();
    let sample: DynamicObject = serde_saphyr::from_str(&sample).unwrap();
    let (name, text) = (&*sample.name_any(), sample.data["spec"]["text"].as_str().unwrap());
    let uid = api.create(&PostParams::default(), &sample).await.unwrap().uid().unwrap();

    let mut until_ready = async || {
        eventually(SOON, format!("{} {name} is ready", spec.names.kind), async || {
            running.check();
            let now = api.get(name).await.map_err(|error| error.to_string())?;
            if condition(&now, "Ready").is_true() { Ok(()) } else { Err(describe(&now)) }
        })
        .await;
    };
    until_ready().await;
    let mut configs = children::<ConfigMap>(&sandbox, &uid).await;
    assert!(describe(&configs).contains(text), "{}", describe(&configs));
    let services = children::<Service>(&sandbox, &uid).await;
    assert_eq!((configs.len(), services.len()), (1, 1));
    let before = template_annotations(&sandbox, &uid).await;
    let pods: Vec<Pod> = sandbox.list().await;
    assert_eq!(pods.len(), 1, "{}", describe(&pods));

    let patch = Patch::Merge(json!({ "spec": { "text": "hello again" } }));
    api.patch(name, &PatchParams::default(), &patch).await.unwrap();
    eventually(SOON, "the annotations of the pod template change", async || {
        let now = template_annotations(&sandbox, &uid).await;
        if now == before { Err(format!("{now:?}")) } else { Ok(()) }
    })
    .await;
    configs = children::<ConfigMap>(&sandbox, &uid).await;
    assert!(describe(&configs).contains("hello again"), "{}", describe(&configs));
    until_ready().await;

    api.delete(name, &DeleteParams::background()).await.unwrap();
    eventually(LONG, "no child exists", async || {
        let left = (
            children::<ConfigMap>(&sandbox, &uid).await.len(),
            children::<Deployment>(&sandbox, &uid).await.len(),
            children::<Service>(&sandbox, &uid).await.len(),
            sandbox.list::<Pod>().await.len(),
        );
        if left == (0, 0, 0, 0) {
            Ok(())
        } else {
            Err(format!("ConfigMaps, Deployments, Services, Pods: {left:?}"))
        }
    })
    .await;
}
