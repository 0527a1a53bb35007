//! The life of an Echo on a real control plane: it becomes ready, edits and scaling are applied,
//! and its deletion leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use operator_api::echo::{Echo, ServiceType};
use operator_api::preview::PreviewEnvironment;
use operator_api::{echo_test, preview as previews};
use serde_json::{Value, json};
use tests::cluster::{Sandbox, condition, describe};
use tests::fixtures::{EchoFixture, ExampleEchoFixture, Fixture, echo, preview, test_echo};

fn container(deployment: &Deployment) -> Value {
    serde_json::to_value(deployment).unwrap()["spec"]["template"]["spec"]["containers"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_becomes_ready_with_its_servers_and_reports_their_number() {
    let sandbox = Sandbox::new("ready").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(2).with_text("hello")).await;
    let web: Echo = sandbox.until_ready("web").await;

    let status = web.status.clone().unwrap();
    assert_eq!(status.observed_generation, web.metadata.generation);
    let counts = (
        status.replicas,
        status.ready_replicas,
        status.updated_replicas,
        status.available_replicas,
    );
    assert_eq!(counts, (Some(2), Some(2), Some(2), Some(2)), "{}", describe(&status));
    assert_eq!(status.ready.as_deref(), Some("2/2"));
    assert_eq!(condition(&web, "Ready").message, "2/2 replicas ready");
    assert_eq!(condition(&web, "Reconciling").status_and_reason(), ("False", "Ready"));
    assert_eq!(condition(&web, "Stalled").status_and_reason(), ("False", "Ready"));

    let pods: Vec<Pod> = sandbox.list().await;
    assert_eq!(pods.len(), 2);
    let deployment: Deployment = sandbox.get("web").await;
    assert_eq!(container(&deployment)["args"], json!(["-text=hello"]));
    assert_eq!(deployment.metadata.owner_references.unwrap()[0].uid, web.uid().unwrap());
    let service: Service = sandbox.get("web").await;
    assert_eq!(service.spec.unwrap().selector, deployment.spec.unwrap().selector.match_labels);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_without_servers_is_ready() {
    let sandbox = Sandbox::new("zero").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(0)).await;
    let web: Echo = sandbox.until_ready("web").await;
    assert_eq!(web.status.unwrap().ready.as_deref(), Some("0/0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requested_node_port_is_used_and_otherwise_the_cluster_chooses_one() {
    let sandbox = Sandbox::new("nodeport").await;
    let _operator = sandbox.start_operator().await;
    let requested =
        echo("requested").with_replicas(0).with_service(ServiceType::NodePort).with_port(8080);
    let port = create_with_free_node_port(&sandbox, &requested).await;
    sandbox.create(&echo("chosen").with_replicas(0).with_service(ServiceType::NodePort)).await;
    sandbox.until_ready::<Echo>("requested").await;
    sandbox.until_ready::<Echo>("chosen").await;

    let ports = |service: Service| service.spec.unwrap().ports.unwrap();
    let requested = ports(sandbox.get("requested").await);
    assert_eq!((requested[0].port, requested[0].node_port), (8080, Some(port)));
    let chosen = ports(sandbox.get("chosen").await);
    assert!(chosen[0].node_port.is_some_and(|port| port >= 30_000), "{chosen:?}");
}

/// Creates `echo` with a node port that no other test uses: the cluster chose it for a probe
/// Service.
async fn create_with_free_node_port(sandbox: &Sandbox, echo: &Echo) -> i32 {
    let probe: Service = serde_json::from_value(json!({
        "metadata": { "name": "probe" }, "spec": { "type": "NodePort", "ports": [{ "port": 1 }] },
    }))
    .unwrap();
    let port = sandbox.create(&probe).await.spec.unwrap().ports.unwrap()[0].node_port.unwrap();
    sandbox.delete::<Service>("probe").await;
    sandbox.until_gone::<Service>("probe").await;
    sandbox.create(&echo.clone().with_node_port(port)).await;
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_waits_for_the_address_of_its_load_balancer() {
    let sandbox = Sandbox::new("balancer").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_service(ServiceType::LoadBalancer)).await;
    let web: Echo = sandbox.until_not_ready("web", "WaitingForLoadBalancer").await;
    assert_eq!(
        condition(&web, "Reconciling").status_and_reason(),
        ("True", "WaitingForLoadBalancer")
    );

    let address = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } } });
    let services = sandbox.api::<Service>();
    services.patch_status("web", &PatchParams::default(), &Patch::Merge(address)).await.unwrap();
    sandbox.until_ready::<Echo>("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_of_text_image_replicas_resources_and_service_are_applied() {
    let sandbox = Sandbox::new("edits").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_text("one")).await;
    sandbox.until_ready::<Echo>("web").await;

    sandbox.merge::<Echo>("web", json!({ "spec": { "text": "two", "replicas": 3 } })).await;
    let web: Echo = sandbox.until_ready("web").await;
    let deployment: Deployment = sandbox.get("web").await;
    assert_eq!(container(&deployment)["args"], json!(["-text=two"]));
    assert_eq!(
        (deployment.spec.unwrap().replicas, web.status.unwrap().ready_replicas),
        (Some(3), Some(3))
    );

    let resources = json!({ "requests": { "cpu": "5m" }, "limits": { "memory": "64Mi" } });
    let edit = json!({
        "spec": {
            "image": "mirror.example.com/http-echo:9", "resources": resources,
            "service": { "port": 8080 },
        },
    });
    sandbox.merge::<Echo>("web", edit).await;
    sandbox.until_ready::<Echo>("web").await;
    let now = container(&sandbox.get("web").await);
    assert_eq!(now["image"], "mirror.example.com/http-echo:9");
    assert_eq!(
        now["resources"],
        json!({ "requests": { "cpu": "5m" }, "limits": { "memory": "64Mi" } })
    );
    assert_eq!(sandbox.get::<Service>("web").await.spec.unwrap().ports.unwrap()[0].port, 8080);

    sandbox
        .merge::<Echo>("web", json!({ "spec": { "text": null, "image": null, "resources": null } }))
        .await;
    sandbox.until_ready::<Echo>("web").await;
    let now = container(&sandbox.get("web").await);
    assert_eq!(
        (&now["image"], &now["args"]),
        (&json!("inanimate/echo-server:latest"), &Value::Null)
    );
    assert_eq!(
        now["resources"]["limits"],
        Value::Null,
        "resources that were removed from the spec are removed from the pod"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_type_of_the_service_changes_back_and_forth() {
    let sandbox = Sandbox::new("types").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(0)).await;
    sandbox.until_ready::<Echo>("web").await;
    for type_ in ["NodePort", "ClusterIP", "LoadBalancer", "ClusterIP"] {
        sandbox.merge::<Echo>("web", json!({ "spec": { "service": { "type": type_ } } })).await;
        let of_type =
            |service: &Service| service.spec.as_ref().unwrap().type_.as_deref() == Some(type_);
        sandbox.until("web", &format!("is of type {type_}"), of_type).await;
    }
    sandbox.until_ready::<Echo>("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scale_subresource_sets_and_returns_the_number_of_servers() {
    let sandbox = Sandbox::new("scale").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(1)).await;
    sandbox.create(&test_echo("web")).await;
    sandbox.until_ready::<Echo>("web").await;
    sandbox.until_ready::<echo_test::Echo>("web").await;

    let patch = Patch::Merge(json!({ "spec": { "replicas": 4 } }));
    let (echoes, test_echoes) = (sandbox.api::<Echo>(), sandbox.api::<echo_test::Echo>());
    echoes.patch_scale("web", &PatchParams::default(), &patch).await.unwrap();
    test_echoes.patch_scale("web", &PatchParams::default(), &patch).await.unwrap();
    sandbox.until_ready::<Echo>("web").await;
    sandbox.until_ready::<echo_test::Echo>("web").await;
    for (scale, name) in [
        (echoes.get_scale("web").await.unwrap(), "echo"),
        (test_echoes.get_scale("web").await.unwrap(), "echo-test"),
    ] {
        let status = scale.status.unwrap();
        assert_eq!((scale.spec.unwrap().replicas, status.replicas), (Some(4), 4));
        let selector = status.selector.unwrap();
        let params = kube::api::ListParams::default().labels(&selector);
        let found = sandbox.api::<Pod>().list(&params).await.unwrap().items;
        assert_eq!(found.len(), 4, "{selector} finds the pods of {name}");
    }

    // An Echo with surplus servers is not ready.
    let patch = Patch::Merge(json!({ "spec": { "replicas": 1 } }));
    echoes.patch_scale("web", &PatchParams::default(), &patch).await.unwrap();
    let web: Echo = sandbox.until_ready("web").await;
    assert_eq!(web.status.unwrap().ready.as_deref(), Some("1/1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deletion_of_an_echo_leaves_nothing_and_nothing_is_created_again() {
    let sandbox = Sandbox::new("deleted").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(2)).await;
    sandbox.until_ready::<Echo>("web").await;
    let before = operator.until_idle().await;

    sandbox.delete::<Echo>("web").await;
    sandbox.until_gone::<Echo>("web").await;
    sandbox.until_gone::<Deployment>("web").await;
    sandbox.until_gone::<Service>("web").await;
    sandbox.until_none::<ReplicaSet>().await;
    sandbox.until_none::<Pod>().await;
    // When the operator has handled the marker, it has handled the earlier events of the deletion.
    sandbox.create(&echo("marker").with_replicas(0)).await;
    sandbox.until_ready::<Echo>("marker").await;
    let after = operator.until_idle().await;
    assert!(
        sandbox.find::<Deployment>("web").await.is_none()
            && sandbox.find::<Service>("web").await.is_none()
    );
    assert_eq!(
        after.requests("apply") - before.requests("apply"),
        2,
        "only the marker's children were applied"
    );
    assert_eq!(after.requests("delete"), 0, "the operator deleted what garbage collection deletes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_in_the_foreground_waits_for_the_children_and_none_is_created_again() {
    let sandbox = Sandbox::new("foreground").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo("web")).await;
    sandbox.until_ready::<Echo>("web").await;
    let before = operator.until_idle().await;

    sandbox.delete_with::<Echo>("web", &DeleteParams::foreground()).await;
    sandbox.until_gone::<Echo>("web").await;
    assert!(
        sandbox.find::<Deployment>("web").await.is_none(),
        "the Echo was deleted before its Deployment"
    );
    assert!(
        sandbox.find::<Service>("web").await.is_none(),
        "the Echo was deleted before its Service"
    );
    sandbox.create(&echo("marker").with_replicas(0)).await;
    sandbox.until_ready::<Echo>("marker").await;
    assert_eq!(operator.until_idle().await.requests("apply") - before.requests("apply"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_created_for_an_echo_that_is_being_deleted() {
    let sandbox = Sandbox::new("held").await;
    let operator = sandbox.start_operator().await;
    let mut held = echo("held").with_replicas(0);
    held.metadata.finalizers = Some(vec!["tests.example.com/hold".into()]);
    sandbox.create(&held).await;
    sandbox.create(&echo("marker").with_replicas(0)).await;
    sandbox.until_ready::<Echo>("held").await;
    sandbox.until_ready::<Echo>("marker").await;

    sandbox.delete::<Echo>("held").await;
    sandbox
        .until("held", "is being deleted", |echo: &Echo| echo.metadata.deletion_timestamp.is_some())
        .await;
    // Two watches show the two deletions: the operator must know the first one.
    operator.until_at_rest().await;
    sandbox.delete::<Deployment>("held").await;
    let marker: Deployment = sandbox.get("marker").await;
    sandbox.delete::<Deployment>("marker").await;
    let is_another = |deployment: &Deployment| deployment.uid() != marker.uid();
    sandbox.until("marker", "is created again", is_another).await;
    sandbox.until_ready::<Echo>("marker").await;
    assert!(sandbox.find::<Deployment>("held").await.is_none());

    sandbox.merge::<Echo>("held", json!({ "metadata": { "finalizers": null } })).await;
    sandbox.until_gone::<Echo>("held").await;
    sandbox.until_gone::<Service>("held").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_echo_with_an_old_name_gets_children_of_its_own() {
    let sandbox = Sandbox::new("again").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(0).with_text("one")).await;
    let first: Echo = sandbox.until_ready("web").await;
    sandbox.delete::<Echo>("web").await;
    sandbox.until_gone::<Echo>("web").await;
    sandbox.create(&echo("web").with_replicas(0).with_text("two")).await;
    // Children of the first Echo may exist for a moment. Garbage collection deletes them.
    let second: Echo = sandbox.until_ready("web").await;
    assert_ne!(first.uid(), second.uid());
    let deployment: Deployment = sandbox.get("web").await;
    assert_eq!(container(&deployment)["args"], json!(["-text=two"]));
    assert_eq!(deployment.metadata.owner_references.unwrap()[0].uid, second.uid().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_and_annotations_of_a_resource_are_not_copied_to_its_children() {
    let sandbox = Sandbox::new("labels").await;
    let _operator = sandbox.start_operator().await;
    sandbox
        .create(&echo("web").with_replicas(0).labelled("team", "shop").annotated("note", "mine"))
        .await;
    sandbox.until_ready::<Echo>("web").await;
    let deployment: Deployment = sandbox.get("web").await;
    assert!(
        !deployment.labels().contains_key("team") && !deployment.annotations().contains_key("note")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_works_without_a_route_in_a_cluster_without_a_route_api() {
    let sandbox = Sandbox::new("preview").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&preview("web")).await;
    let web: PreviewEnvironment = sandbox.until_ready("web").await;
    assert_eq!(
        condition(&web, "RouteAccepted").status_and_reason(),
        ("False", "RouteApiNotServed")
    );
    let status: previews::PreviewEnvironmentStatus = web.status.unwrap();
    assert_eq!((status.ready.as_deref(), status.url), (Some("1/1"), None));
    assert_eq!(sandbox.get::<Service>("web").await.spec.unwrap().ports.unwrap()[0].port, 80);
}
