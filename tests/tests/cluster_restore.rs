//! Objects that a backup tool restores without their owner references, on a real control plane: a
//! resource takes back its own ones where that is allowed, and no others.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use operator_api::echo::Echo;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{Namespaced, Operator, Sandbox, condition, describe};
use tests::fixtures::{EchoFixture, Fixture, PreviewFixture, echo, preview};

const NAME: &str = "web";
const ADOPT: &str = "kubewright.dev/adopt";

/// What a backup tool keeps of an object: name, labels, annotations and the rest of the object.
async fn back_up<K: Namespaced>(sandbox: &Sandbox) -> K {
    let mut object: K = sandbox.get(NAME).await;
    let ObjectMeta { name, labels, annotations, .. } = std::mem::take(object.meta_mut());
    *object.meta_mut() = ObjectMeta { name, labels, annotations, ..ObjectMeta::default() };
    object
}

/// The objects of a resource in a backup.
struct Backup {
    deployment: Deployment,
    service: Service,
}

impl Backup {
    /// Backs the objects of a resource up, and deletes them with the resource.
    async fn create<K: Namespaced>(sandbox: &Sandbox) -> Self {
        let backup = Self { deployment: back_up(sandbox).await, service: back_up(sandbox).await };
        sandbox.delete::<K>(NAME).await;
        sandbox.until_gone::<Deployment>(NAME).await;
        sandbox.until_gone::<Service>(NAME).await;
        backup
    }

    /// Restores them, without the resource. Returns the Deployment.
    async fn restore(&self, sandbox: &Sandbox) -> Deployment {
        let mut service = self.service.clone();
        let spec = service.spec.as_mut().unwrap();
        (spec.cluster_ip, spec.cluster_ips) = (None, None);
        sandbox.create(&service).await;
        sandbox.create(&self.deployment).await
    }
}

async fn allow<K: Namespaced>(sandbox: &Sandbox) {
    let annotations = json!({ ADOPT: "true" });
    sandbox.merge::<K>(NAME, json!({ "metadata": { "annotations": annotations } })).await;
}

/// Checks that the Deployment is the restored one, and that its pods were not replaced.
fn assert_kept(restored: &Deployment, now: &Deployment) {
    assert_eq!(now.uid(), restored.uid());
    assert_eq!(now.spec, restored.spec, "{}", describe(now));
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_objects_are_taken_back_when_the_annotation_allows_it() {
    let sandbox = Sandbox::new("restore").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo(NAME).with_replicas(1)).await;
    sandbox.until_ready::<Echo>(NAME).await;
    let backup = Backup::create::<Echo>(&sandbox).await;
    let restored = backup.restore(&sandbox).await;
    sandbox.create(&echo(NAME).with_replicas(1)).await;
    let web: Echo = sandbox.until_not_ready(NAME, "NotOwned").await;
    let message = condition(&web, "Ready").message;
    for part in ["Deployment web exists without an owner", "kubewright.dev/adopt=true on this Echo"]
    {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    let untouched: Deployment = sandbox.get(NAME).await;
    assert_eq!(untouched.owner_references(), []);

    allow::<Echo>(&sandbox).await;
    let web: Echo = sandbox.until_ready(NAME).await;
    let deployment: Deployment = sandbox.get(NAME).await;
    assert_kept(&restored, &deployment);
    assert_eq!(deployment.owner_references()[0].uid, web.uid().unwrap());
    assert_eq!(sandbox.get::<Service>(NAME).await.owner_references().len(), 1);
    operator.until_at_rest().await;
}

fn variables(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "name": name, "value": "1" })).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_that_was_allowed_in_its_backup_drops_fields_that_the_backup_tool_owns() {
    let sandbox = Sandbox::new("restore-preview").await;
    let preview = preview(NAME)
        .with_fields(json!({ "route": { "type": "None" }, "env": variables(&["LOG", "OLD"]) }))
        .annotated(ADOPT, "true");
    let operator = sandbox.start_operator().await;
    sandbox.create(&preview).await;
    sandbox.until_ready::<PreviewEnvironment>(NAME).await;
    let backup = Backup::create::<PreviewEnvironment>(&sandbox).await;
    operator.stop().await.unwrap();
    let restored = backup.restore(&sandbox).await;
    sandbox.create(&preview).await;
    let operator: Operator = sandbox.start_operator().await;
    sandbox.until_ready::<PreviewEnvironment>(NAME).await;
    assert_kept(&restored, &sandbox.get(NAME).await);
    operator.until_at_rest().await;

    let env = json!({ "spec": { "env": variables(&["LOG"]) } });
    sandbox.merge::<PreviewEnvironment>(NAME, env).await;
    let is_gone = |deployment: &Deployment| {
        let pod = deployment.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
        let env = pod.containers[0].env.as_ref();
        env.is_some_and(|env| env.iter().all(|variable| variable.name != "OLD"))
    };
    sandbox.until(NAME, "has no variable OLD", is_gone).await;
    sandbox.until_ready::<PreviewEnvironment>(NAME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_provably_ours_is_never_taken_back() {
    let sandbox = Sandbox::new("restore-foreign").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo(NAME).with_replicas(0)).await;
    sandbox.until_ready::<Echo>(NAME).await;
    let Backup { service, .. } = Backup::create::<Echo>(&sandbox).await;
    operator.stop().await.unwrap();

    let owner: ConfigMap =
        serde_json::from_value(json!({ "metadata": { "name": "other" } })).unwrap();
    let owner = sandbox.create(&owner).await;
    let mut controlled = service.clone();
    controlled.metadata.owner_references = serde_json::from_value(json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": owner.uid(),
        "controller": true,
    }]))
    .unwrap();
    let of_another_name = service.clone().labelled("app.kubernetes.io/instance", "shop");
    let mut unannotated = service;
    unannotated.metadata.annotations = None;
    for mut foreign in [controlled, of_another_name, unannotated] {
        let spec = foreign.spec.as_mut().unwrap();
        (spec.cluster_ip, spec.cluster_ips) = (None, None);
        let foreign = sandbox.create(&foreign).await;
        sandbox.create(&echo(NAME).with_replicas(0).annotated(ADOPT, "true")).await;
        let operator = sandbox.start_operator().await;
        let web: Echo = sandbox.until_not_ready(NAME, "NotOwned").await;
        let message = condition(&web, "Ready").message;
        assert!(!message.contains(ADOPT), "{message}");
        let now: Service = sandbox.get(NAME).await;
        assert_eq!(now.resource_version(), foreign.resource_version());
        operator.stop().await.unwrap();
        sandbox.delete::<Echo>(NAME).await;
        sandbox.until_gone::<Deployment>(NAME).await;
        sandbox.delete::<Service>(NAME).await;
        sandbox.until_gone::<Service>(NAME).await;
    }
}
