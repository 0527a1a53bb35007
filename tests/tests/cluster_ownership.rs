//! Foreign objects with the names of an Echo's children, on a real control plane: they stay
//! unchanged to the byte, and the Echo reports them once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use kube::api::{DeleteParams, PropagationPolicy};
use operator_api::echo::Echo;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tests::cluster::{Namespaced, Operator, SOON, Sandbox, condition, describe, eventually};
use tests::fixtures::{EchoFixture, Fixture, echo};

fn from<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// A foreign Deployment without pods: its controller does not change it after the first time.
fn foreign_deployment() -> Deployment {
    from(json!({
        "metadata": { "name": "web" },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": "foreign" } },
            "template": {
                "metadata": { "labels": { "app": "foreign" } },
                "spec": { "containers": [{ "name": "foreign", "image": "nginx" }] },
            },
        },
    }))
}

fn foreign_service() -> Service {
    from(json!({
        "metadata": { "name": "web" },
        "spec": { "selector": { "app": "foreign" }, "ports": [{ "port": 80 }] },
    }))
}

/// Creates a Deployment and waits until its controller has updated the status.
async fn create_settled(sandbox: &Sandbox, deployment: &Deployment) -> Deployment {
    sandbox.create(deployment).await;
    let is_settled = |now: &Deployment| {
        let status = now.status.clone().unwrap_or_default();
        status.observed_generation == now.metadata.generation
            && condition(now, "Available").is_true()
    };
    sandbox.until("web", "has a status from its controller", is_settled).await
}

/// Touches the Echo and waits until the operator has reconciled it with the same result.
async fn until_not_owned_again(sandbox: &Sandbox, operator: &Operator) {
    let before = operator.metrics().await.errors("not_owned");
    sandbox
        .merge::<Echo>(
            "web",
            json!({ "metadata": { "annotations": { "touched": before.to_string() } } }),
        )
        .await;
    operator
        .until("the operator reconciles the Echo again", |metrics| {
            metrics.errors("not_owned") > before
        })
        .await;
    operator.until_idle().await;
}

/// The Events about an object with this reason.
async fn events(sandbox: &Sandbox, about: &impl ResourceExt, reason: &str) -> Vec<Event> {
    let uid = about.uid();
    let mut events: Vec<Event> = sandbox.list().await;
    events.retain(|event| {
        event.regarding.as_ref().is_some_and(|r| r.uid == uid)
            && event.reason.as_deref() == Some(reason)
    });
    events
}

/// Waits until an object has so many Events with the reason `NotOwned`. The operator sends Events
/// in the background.
async fn until_events(sandbox: &Sandbox, about: &impl ResourceExt, times: usize) -> Vec<Event> {
    eventually(SOON, format!("{times} Events exist"), async || {
        let events = events(sandbox, about, "NotOwned").await;
        if events.len() == times { Ok(events) } else { Err(describe(&events)) }
    })
    .await
}

/// Checks the report about a foreign object, that the object stays unchanged, and that the Echo
/// recovers when the object is deleted.
async fn assert_unchanged_until_deleted<K: Namespaced>(
    sandbox: &Sandbox,
    foreign: &K,
    message: &[&str],
) {
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(0)).await;
    let web: Echo = sandbox.until_not_ready("web", "NotOwned").await;
    let stalled = condition(&web, "Stalled");
    assert_eq!(stalled.status_and_reason(), ("True", "NotOwned"));
    for part in message {
        assert!(stalled.message.contains(part), "{part:?} is not in: {}", stalled.message);
    }
    assert_eq!(condition(&web, "Ready").message, stalled.message);

    until_not_owned_again(sandbox, &operator).await;
    let writes = operator.metrics().await.requests("apply_status");
    until_not_owned_again(sandbox, &operator).await;
    assert_eq!(
        operator.metrics().await.requests("apply_status"),
        writes,
        "an unchanged status was written again"
    );
    let now: K = sandbox.get("web").await;
    assert_eq!(
        serde_json::to_string(&now).unwrap(),
        serde_json::to_string(foreign).unwrap(),
        "the foreign object was changed"
    );
    let events = until_events(sandbox, &web, 1).await;
    assert_eq!(
        (events[0].type_.as_deref(), &events[0].note),
        (Some("Warning"), &Some(stalled.message))
    );

    // The operator does not watch foreign objects: it retries with back-off.
    sandbox.delete::<K>("web").await;
    sandbox.until_ready::<Echo>("web").await;
    let child: K = sandbox.get("web").await;
    assert_eq!(child.meta().owner_references.as_ref().unwrap()[0].uid, web.uid().unwrap());
    let events = self::events(sandbox, &web, "NotOwned").await;
    assert_eq!(events.len(), 1, "retries sent more Events: {}", describe(&events));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_deployment_with_the_same_name_stays_unchanged_until_it_is_deleted() {
    let sandbox = Sandbox::new("foreign-deployment").await;
    let foreign = create_settled(&sandbox, &foreign_deployment()).await;
    assert_unchanged_until_deleted(
        &sandbox,
        &foreign,
        &["Deployment web exists", "was not changed", "rename this Echo"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_service_with_the_same_name_stays_unchanged_until_it_is_deleted() {
    let sandbox = Sandbox::new("foreign-service").await;
    let foreign = sandbox.create(&foreign_service()).await;
    assert_unchanged_until_deleted(
        &sandbox,
        &foreign,
        &["Service web exists", "was not changed", "rename this Echo"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_do_not_prove_ownership() {
    let sandbox = Sandbox::new("labels").await;
    // The object has all ownership metadata of a child, except the owner reference.
    let foreign = foreign_service()
        .labelled("app.kubernetes.io/managed-by", operator::NAME)
        .labelled("app.kubernetes.io/name", "echo")
        .labelled("app.kubernetes.io/instance", "web")
        .annotated("kubewright.dev/desired-hash", "0000000000000001");
    let foreign = sandbox.create(&foreign).await;
    assert_unchanged_until_deleted(&sandbox, &foreign, &["Service web exists"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_foreign_object_is_named() {
    let sandbox = Sandbox::new("foreign-owner").await;
    let owner: ConfigMap =
        sandbox.create(&from(json!({ "metadata": { "name": "other-release" } }))).await;
    let mut foreign = foreign_service();
    foreign.metadata.owner_references = from(json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "other-release",
        "uid": owner.uid(), "controller": true,
    }]));
    let foreign = sandbox.create(&foreign).await;
    assert_unchanged_until_deleted(
        &sandbox,
        &foreign,
        &["belongs to ConfigMap other-release", "delete that ConfigMap"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_object_does_not_block_the_other_children() {
    let sandbox = Sandbox::new("half").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&foreign_service()).await;
    sandbox.create(&echo("web").with_replicas(1)).await;
    let web: Echo = sandbox.until_not_ready("web", "NotOwned").await;
    let deployment: Deployment = sandbox.get("web").await;
    assert_eq!(deployment.metadata.owner_references.unwrap()[0].uid, web.uid().unwrap());
    // The operator observes the Deployment: the status counts its servers.
    let counts =
        |echo: &Echo| echo.status.as_ref().is_some_and(|status| status.ready_replicas == Some(1));
    sandbox.until("web", "counts its servers", counts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_without_its_owner_reference_is_not_adopted() {
    let sandbox = Sandbox::new("disowned").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(0)).await;
    sandbox.until_ready::<Echo>("web").await;
    let orphan: Service =
        sandbox.merge("web", json!({ "metadata": { "ownerReferences": null } })).await;
    sandbox.until_not_ready::<Echo>("web", "NotOwned").await;
    until_not_owned_again(&sandbox, &operator).await;
    assert_eq!(sandbox.get::<Service>("web").await.resource_version(), orphan.resource_version());
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_of_a_deleted_echo_are_not_adopted_by_the_next_echo() {
    let sandbox = Sandbox::new("orphans").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(0)).await;
    sandbox.until_ready::<Echo>("web").await;
    let orphan = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Orphan),
        ..DeleteParams::default()
    };
    sandbox.delete_with::<Echo>("web", &orphan).await;
    sandbox.until_gone::<Echo>("web").await;
    let orphan: Deployment = sandbox.get("web").await;
    assert_eq!(orphan.owner_references(), []);

    sandbox.create(&echo("web").with_replicas(3)).await;
    sandbox.until_not_ready::<Echo>("web", "NotOwned").await;
    let now: Deployment = sandbox.get("web").await;
    assert_eq!((now.uid(), now.spec.unwrap().replicas), (orphan.uid(), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_problem_sends_another_event_after_the_echo_was_ready_again() {
    let sandbox = Sandbox::new("event-again").await;
    let _operator = sandbox.start_operator().await;
    let web = sandbox.create(&echo("web").with_replicas(0)).await;
    for times in 1..=2 {
        sandbox.until_ready::<Echo>("web").await;
        sandbox.merge::<Service>("web", json!({ "metadata": { "ownerReferences": null } })).await;
        sandbox.until_not_ready::<Echo>("web", "NotOwned").await;
        until_events(&sandbox, &web, times).await;
        sandbox.delete::<Service>("web").await;
    }
    sandbox.until_ready::<Echo>("web").await;
}
