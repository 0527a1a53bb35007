//! Containers that a mutating policy injects into a Deployment, on a real API server, as a service
//! mesh does: the operator keeps them and stays at rest, and reports why they do not run.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{SOON, Sandbox, condition, eventually};
use tests::fixtures::{PreviewFixture, preview};

/// How long the operator must write nothing.
const QUIET: Duration = Duration::from_secs(2);
/// Adds an init container and a sidecar.
const INJECTION: &str = r#"Object{ spec: Object.spec{ template: Object.spec.template{
    spec: Object.spec.template.spec{
        initContainers: [Object.spec.template.spec.initContainers{
            name: "mesh-init", image: "mesh:1" }],
        containers: [Object.spec.template.spec.containers{ name: "mesh", image: "mesh:1" }]
    } } } }"#;

/// A kind, and its plural.
type Kind = (&'static str, &'static str);
const POLICY: Kind = ("MutatingAdmissionPolicy", "mutatingadmissionpolicies");
const BINDING: Kind = ("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings");

fn policies(sandbox: &Sandbox, (kind, plural): Kind) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
    Api::all_with(sandbox.client(), &ApiResource::from_gvk_with_plural(&kind, plural))
}

async fn create(sandbox: &Sandbox, kind: Kind, spec: Value) {
    let object = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind.0,
        "metadata": { "name": sandbox.namespace() }, "spec": spec,
    });
    let object = serde_json::from_value(object).unwrap();
    policies(sandbox, kind).create(&PostParams::default(), &object).await.unwrap();
}

/// Injects the containers into each Deployment of the namespace from now on.
async fn inject(sandbox: &Sandbox) {
    let deployments = json!([{
        "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
        "resources": ["deployments"],
    }]);
    let policy = json!({
        "failurePolicy": "Fail", "reinvocationPolicy": "Never",
        "matchConstraints": { "resourceRules": deployments },
        "mutations": [{
            "patchType": "ApplyConfiguration", "applyConfiguration": { "expression": INJECTION },
        }],
    });
    create(sandbox, POLICY, policy).await;
    let here = json!({ "matchLabels": { "kubernetes.io/metadata.name": sandbox.namespace() } });
    let binding = json!({
        "policyName": sandbox.namespace(), "matchResources": { "namespaceSelector": here },
    });
    create(sandbox, BINDING, binding).await;
    let probe: Deployment = serde_json::from_value(json!({
        "metadata": { "name": "probe" },
        "spec": {
            "selector": { "matchLabels": { "a": "b" } },
            "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [{ "name": "app", "image": "a" }] },
            },
        },
    }))
    .unwrap();
    let params = PostParams { dry_run: true, ..PostParams::default() };
    eventually(SOON, "the policy is in force", async || {
        let answer = sandbox.api::<Deployment>().create(&params, &probe).await;
        let created = answer.map_err(|error| error.to_string())?;
        if containers(&created).len() == 3 { Ok(()) } else { Err(format!("{created:?}")) }
    })
    .await;
}

/// The names of the init containers and of the others, sorted.
fn containers(deployment: &Deployment) -> Vec<String> {
    let pod = deployment.spec.clone().unwrap().template.spec.unwrap();
    let all = pod.init_containers.unwrap_or_default().into_iter().chain(pod.containers);
    let mut names: Vec<String> = all.map(|container| container.name).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn injected_containers_stay_and_a_preview_says_why_they_do_not_run() {
    let sandbox = Sandbox::new("injected").await;
    inject(&sandbox).await;
    let operator = sandbox.start_operator().await;
    let route = json!({ "route": { "type": "None" } });
    sandbox.create(&preview("web").with_fields(route)).await;
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    let expected = ["app", "mesh", "mesh-init"];
    assert_eq!(containers(&sandbox.get("web").await), expected);
    operator.assert_at_rest(QUIET).await;

    sandbox.merge::<PreviewEnvironment>("web", json!({ "spec": { "revision": "two" } })).await;
    let is_second = |web: &PreviewEnvironment| {
        let status = web.status.as_ref();
        status.is_some_and(|status| status.revision.as_deref() == Some("two"))
            && condition(web, "Ready").is_true()
    };
    sandbox.until("web", "runs its second revision", is_second).await;
    assert_eq!(containers(&sandbox.get("web").await), expected);
    operator.assert_at_rest(QUIET).await;

    let is_alive = |pod: &Pod| pod.metadata.deletion_timestamp.is_none();
    let pods = sandbox.list::<Pod>().await;
    let pod = pods.iter().find(|pod| is_alive(pod)).unwrap().name_any();
    let status = |name: &str, waiting: Value| {
        json!({ "name": name, "image": "x", "imageID": "", "ready": false, "restartCount": 0,
            "state": { "waiting": waiting } })
    };
    let refused = json!({ "reason": "ImagePullBackOff", "message": "no such image" });
    let initializing = || json!({ "reason": "PodInitializing" });
    let patch = json!({ "status": {
        "initContainerStatuses": [status("mesh-init", refused)],
        "containerStatuses": [status("app", initializing()), status("mesh", initializing())],
        "conditions": [
            { "type": "Ready", "status": "False" },
            { "type": "ContainersReady", "status": "False" },
        ],
    } });
    let api = sandbox.api::<Pod>();
    api.patch_status(&pod, &PatchParams::default(), &Patch::Strategic(patch)).await.unwrap();
    let web: PreviewEnvironment = sandbox.until_not_ready("web", "ImagePullBackOff").await;
    let message = condition(&web, "Ready").message;
    let expected = format!("pod {pod}, init container mesh-init: ImagePullBackOff: no such image");
    assert!(message.starts_with(&expected), "{message}");
    for kind in [BINDING, POLICY] {
        let policies = policies(&sandbox, kind);
        policies.delete(sandbox.namespace(), &DeleteParams::background()).await.unwrap();
    }
}
