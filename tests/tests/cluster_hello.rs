//! The example in `examples/hello`, a crate outside of the workspace, on a real control plane: it
//! builds, its program runs, and its custom resource creates, updates and deletes its children. The
//! change of it in the README does what the README says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, PodTemplateSpec, Service};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::cluster::{LONG, Namespaced, SOON, Sandbox, condition, describe, eventually};
use tests::hello;

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
    logs: TempDir,
}

impl Running {
    fn start(program: &Path, sandbox: &Sandbox) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let logs = tempfile::tempdir().unwrap();
        let log = logs.path().join("log");
        let process = Command::new(program)
            .args(["run", "--namespace", sandbox.namespace(), "--listen", &port.to_string()])
            .arg("--kubeconfig")
            .arg(sandbox.cluster().kubeconfig())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(log).unwrap())
            .spawn()
            .unwrap();
        Self { process, logs }
    }

    /// Panics with the log when the process has ended.
    fn check(&mut self) {
        if let Some(status) = self.process.try_wait().unwrap() {
            let log = std::fs::read_to_string(self.logs.path().join("log")).unwrap();
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

/// The example, or a copy of it, that runs in a namespace of its own with its sample.
struct Site {
    sandbox: Sandbox,
    running: Running,
    api: Api<DynamicObject>,
    sample: DynamicObject,
    uid: String,
}

impl Site {
    async fn start(package: &Path) -> Self {
        let package = package.to_owned();
        let program = tokio::task::spawn_blocking(move || hello::build(&package)).await.unwrap();
        let sandbox = Sandbox::new("hello").await;
        let crds = crds(&program);
        let [crd] = &crds[..] else { panic!("expected one CRD: {}", describe(&crds)) };
        sandbox.cluster().install(&crds).await;
        let running = Running::start(&program, &sandbox);

        let (spec, version) = (&crd.spec, &crd.spec.versions[0].name);
        let kind = GroupVersionKind::gvk(&spec.group, version, &spec.names.kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, &spec.names.plural);
        let api: Api<DynamicObject> =
            Api::namespaced_with(sandbox.client(), sandbox.namespace(), &resource);
        let sample = std::fs::read_to_string(hello::folder().join("website.yaml")).unwrap();
        let sample: DynamicObject = serde_saphyr::from_str(&sample).unwrap();
        let uid = api.create(&PostParams::default(), &sample).await.unwrap().uid().unwrap();
        Self { sandbox, running, api, sample, uid }
    }

    async fn until_ready(&mut self) {
        let Self { running, api, sample, .. } = self;
        let name = sample.name_any();
        eventually(SOON, format!("Website {name} is ready"), async || {
            running.check();
            let now = api.get(&name).await.map_err(|error| error.to_string())?;
            if condition(&now, "Ready").is_true() { Ok(()) } else { Err(describe(&now)) }
        })
        .await;
    }

    async fn change(&self, spec: Value) {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.api.patch(&self.sample.name_any(), &PatchParams::default(), &patch).await.unwrap();
    }

    /// The only child of a kind.
    async fn child<K: Namespaced>(&self) -> K {
        let mut children = children::<K>(&self.sandbox, &self.uid).await;
        assert_eq!(children.len(), 1, "{}", describe(&children));
        children.remove(0)
    }

    /// The resourceVersions of the children beside the Deployment.
    async fn versions_of_others(&self) -> [Option<String>; 2] {
        let config: ConfigMap = self.child().await;
        let service: Service = self.child().await;
        [config.resource_version(), service.resource_version()]
    }

    /// The pod template of the Deployment.
    async fn template(&self) -> PodTemplateSpec {
        self.child::<Deployment>().await.spec.unwrap().template
    }

    async fn template_annotations(&self) -> BTreeMap<String, String> {
        self.template().await.metadata.unwrap_or_default().annotations.unwrap_or_default()
    }
}

/// One test: both parts install a definition of the same kind.
#[tokio::test(flavor = "multi_thread")]
async fn examples_hello_builds_and_runs_and_so_does_the_change_of_the_readme() {
    the_example_keeps_its_children_in_sync().await;
    the_change_of_the_readme_writes_the_deployment_alone().await;
}

async fn the_example_keeps_its_children_in_sync() {
    let mut site = Site::start(&hello::folder()).await;
    site.until_ready().await;
    let text = site.sample.data["spec"]["text"].as_str().unwrap();
    let config: ConfigMap = site.child().await;
    assert!(describe(&config).contains(text), "{}", describe(&config));
    site.child::<Service>().await;
    let before = site.template_annotations().await;
    let pods: Vec<Pod> = site.sandbox.list().await;
    assert_eq!(pods.len(), 1, "{}", describe(&pods));

    site.change(json!({ "text": "hello again" })).await;
    eventually(SOON, "the annotations of the pod template change", async || {
        let now = site.template_annotations().await;
        if now == before { Err(format!("{now:?}")) } else { Ok(()) }
    })
    .await;
    let config: ConfigMap = site.child().await;
    assert!(describe(&config).contains("hello again"), "{}", describe(&config));
    site.until_ready().await;

    site.api.delete(&site.sample.name_any(), &DeleteParams::background()).await.unwrap();
    eventually(LONG, "no child exists", async || {
        let (sandbox, uid) = (&site.sandbox, &site.uid);
        let left = (
            children::<ConfigMap>(sandbox, uid).await.len(),
            children::<Deployment>(sandbox, uid).await.len(),
            children::<Service>(sandbox, uid).await.len(),
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

async fn the_change_of_the_readme_writes_the_deployment_alone() {
    let package = tempfile::tempdir().unwrap();
    hello::write_changed(package.path());
    let mut site = Site::start(package.path()).await;
    site.until_ready().await;
    let before = site.versions_of_others().await;

    site.change(json!({ "image": "example.com/web:2" })).await;
    eventually(SOON, "the Deployment has the image", async || {
        let template = site.template().await;
        let image = template.spec.unwrap().containers[0].image.clone().unwrap_or_default();
        if image == "example.com/web:2" { Ok(()) } else { Err(image) }
    })
    .await;
    site.until_ready().await;
    assert_eq!(site.versions_of_others().await, before);
}
