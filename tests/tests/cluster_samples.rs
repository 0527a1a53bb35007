//! Samples and input files, on a real control plane: each is admitted unchanged and becomes ready,
//! all in one namespace; and an autoscaler can scale an Echo.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use operator_api::echo::Echo;
use operator_api::echo_test;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{LONG, SOON, Sandbox, condition, describe, eventually};
use tests::fixtures::{EchoFixture, echo};

/// Applies a resource in the namespace of the test like `kubectl apply --server-side`; waits until
/// it is ready.
async fn apply_until_ready(sandbox: &Sandbox, mut body: Value) -> Value {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
    let (api_version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let registry = operator::registry();
    let resource = registry.controller_of(&api_version, &kind).unwrap().resource();
    let gvk = GroupVersionKind::gvk(&resource.group, &resource.version, &resource.kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, &resource.plural);
    let api: Api<DynamicObject> =
        Api::namespaced_with(sandbox.client(), sandbox.namespace(), &resource);
    body["metadata"]["namespace"] = sandbox.namespace().into();
    api.patch(&name, &PatchParams::apply("tests").validation_strict(), &Patch::Apply(&body))
        .await
        .unwrap();
    eventually(SOON, format!("{api_version} {kind} {name} is ready"), async || {
        let now = api.get(&name).await.unwrap();
        if condition(&now, "Ready").is_true() {
            Ok(serde_json::to_value(now).unwrap())
        } else {
            Err(describe(&now))
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_admitted_and_becomes_ready() {
    let sandbox = Sandbox::new("samples").await;
    let _operator = sandbox.start_operator().await;
    let mut count = 0;
    let registry = operator::registry();
    // Cluster-scoped samples would limit other tests.
    let namespaced = registry.controllers().iter().filter(|c| c.resource().namespaced);
    for controller in namespaced {
        for sample in controller.samples() {
            let ready = apply_until_ready(&sandbox, sample.body.clone()).await;
            for (field, value) in sample.body["spec"].as_object().unwrap() {
                assert_eq!(
                    &ready["spec"][field],
                    value,
                    "the API server changed {} {}",
                    controller.name(),
                    sample.name
                );
            }
            count += 1;
        }
    }
    assert!(count >= 6, "{count} samples");
}

fn input(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs").join(file);
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn echoes_of_both_groups_with_one_name_and_a_preview_work_in_one_namespace() {
    let sandbox = Sandbox::new("inputs").await;
    let _operator = sandbox.start_operator().await;
    for file in ["echo-example-com.yaml", "echo-test-com.yaml", "preview-environment.yaml"] {
        apply_until_ready(&sandbox, input(file)).await;
    }
    let example_com: Echo = sandbox.get("test-echo").await;
    let test_com: echo_test::Echo = sandbox.get("test-echo").await;
    let assert_owner = |uid: Option<String>, deployment: &Deployment| {
        assert_eq!(
            deployment.owner_references().iter().map(|owner| &owner.uid).collect::<Vec<_>>(),
            [&uid.unwrap()]
        );
    };
    let deployments: (Deployment, Deployment) =
        (sandbox.get("test-echo").await, sandbox.get("test-echo-test-com").await);
    assert_owner(example_com.uid(), &deployments.0);
    assert_owner(test_com.uid(), &deployments.1);

    // The Service of one Echo does not select the pods of the other Echo.
    let service: Service = sandbox.get("test-echo-test-com").await;
    let spec = service.spec.unwrap();
    assert_eq!((spec.type_.as_deref(), spec.ports.unwrap()[0].port), (Some("NodePort"), 5678));
    let selector = spec.selector.unwrap();
    let is_selected =
        |pod: &Pod| selector.iter().all(|(key, value)| pod.labels().get(key) == Some(value));
    let pods: Vec<Pod> = sandbox.list().await;
    let selected: Vec<&Pod> = pods.iter().filter(|pod| is_selected(pod)).collect();
    assert_eq!((pods.len(), selected.len()), (5, 2));
    assert!(selected.iter().all(|pod| pod.spec.as_ref().unwrap().containers[0].args
        == Some(vec!["-text=Hello world".into()])));

    // The deletion of one Echo does not affect the others.
    sandbox.delete::<Echo>("test-echo").await;
    sandbox.until_gone::<Deployment>("test-echo").await;
    sandbox.until_ready::<echo_test::Echo>("test-echo").await;
    sandbox.until_ready::<PreviewEnvironment>("test-preview-environment").await;
    assert_eq!(sandbox.get::<Deployment>("test-echo-test-com").await.uid(), deployments.1.uid());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_scales_an_echo() {
    let sandbox = Sandbox::new("autoscaler").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(1)).await;
    sandbox.until_ready::<Echo>("web").await;
    // Without metrics the autoscaler still applies its bounds.
    let autoscaler: HorizontalPodAutoscaler = serde_json::from_value(json!({
        "metadata": { "name": "web" },
        "spec": {
            "scaleTargetRef": { "apiVersion": "example.com/v1", "kind": "Echo", "name": "web" },
            "minReplicas": 3, "maxReplicas": 5,
        },
    }))
    .unwrap();
    sandbox.create(&autoscaler).await;
    // The controller manager discovers new kinds every 30 seconds.
    eventually(LONG, "the autoscaler has scaled the Echo", async || {
        let (web, autoscaler): (Echo, HorizontalPodAutoscaler) =
            (sandbox.get("web").await, sandbox.get("web").await);
        if web.spec.replicas == Some(3) { Ok(()) } else { Err(describe(&autoscaler)) }
    })
    .await;
    let web: Echo = sandbox.until_ready("web").await;
    assert_eq!(web.status.unwrap().ready.as_deref(), Some("3/3"));
}
