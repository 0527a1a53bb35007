//! Objects that have the name of what an Echo wants and are somebody else's, on a real control
//! plane: they stay as they are, to the byte, and the Echo says so once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use kube::api::{DeleteParams, PropagationPolicy};
use operator_api::echo::Echo;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tests::cluster::{Namespaced, Operator, SOON, Sandbox, condition, eventually, seen};
use tests::fixtures::{AnyEcho, Fixture, echo};

fn from<K: DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// Somebody's Deployment of nothing, which no controller changes once it was seen.
fn their_deployment() -> Deployment {
    from(json!({
        "metadata": { "name": "web" },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": { "app": "theirs" } },
            "template": {
                "metadata": { "labels": { "app": "theirs" } },
                "spec": { "containers": [{ "name": "theirs", "image": "nginx" }] },
            },
        },
    }))
}

fn their_service() -> Service {
    from(
        json!({ "metadata": { "name": "web" }, "spec": { "selector": { "app": "theirs" }, "ports": [{ "port": 80 }] } }),
    )
}

/// Creates a Deployment, and waits until its controller has had its say.
async fn settled(sandbox: &Sandbox, deployment: &Deployment) -> Deployment {
    sandbox.create(deployment).await;
    let is_seen = |now: &Deployment| {
        let status = now.status.clone().unwrap_or_default();
        status.observed_generation == now.metadata.generation && condition(now, "Available").holds()
    };
    sandbox.until("web", "was seen by its controller", is_seen).await
}

/// Touches the Echo, and waits until the operator has tried again and was refused again.
async fn is_refused_again(sandbox: &Sandbox, operator: &Operator) {
    let before = operator.metrics().await.errors("refused");
    sandbox
        .merge::<Echo>(
            "web",
            json!({ "metadata": { "annotations": { "touched": before.to_string() } } }),
        )
        .await;
    operator.until("the operator tries again", |metrics| metrics.errors("refused") > before).await;
    operator.idle().await;
}

/// The Events about an object that say this.
async fn events(sandbox: &Sandbox, about: &impl ResourceExt, reason: &str) -> Vec<Event> {
    let uid = about.uid();
    let mut events: Vec<Event> = sandbox.list().await;
    events.retain(|event| {
        event.regarding.as_ref().is_some_and(|r| r.uid == uid)
            && event.reason.as_deref() == Some(reason)
    });
    events
}

/// Waits until there are so many Events about an object that say `NotOwned`: they are sent in the
/// background.
async fn told_times(sandbox: &Sandbox, about: &impl ResourceExt, times: usize) -> Vec<Event> {
    eventually(SOON, format!("there are {times} Events"), async || {
        let told = events(sandbox, about, "NotOwned").await;
        if told.len() == times { Ok(told) } else { Err(seen(&told)) }
    })
    .await
}

/// What every refusal looks like, and that it ends when the other object goes.
async fn is_left_alone_until_it_goes<K: Namespaced>(sandbox: &Sandbox, theirs: &K, says: &[&str]) {
    let operator = sandbox.operate().await;
    sandbox.create(&echo("web").with_replicas(0)).await;
    let refused: Echo = sandbox.not_ready("web", "NotOwned").await;
    let stalled = condition(&refused, "Stalled");
    assert_eq!(stalled.says(), ("True", "NotOwned"));
    for part in says {
        assert!(stalled.message.contains(part), "{part:?} is not in: {}", stalled.message);
    }
    assert_eq!(condition(&refused, "Ready").message, stalled.message);

    is_refused_again(sandbox, &operator).await;
    let writes = operator.metrics().await.requests("apply_status");
    is_refused_again(sandbox, &operator).await;
    assert_eq!(
        operator.metrics().await.requests("apply_status"),
        writes,
        "the status was written again though it says the same"
    );
    let now: K = sandbox.get("web").await;
    assert_eq!(
        serde_json::to_string(&now).unwrap(),
        serde_json::to_string(theirs).unwrap(),
        "it was touched"
    );
    let told = told_times(sandbox, &refused, 1).await;
    assert_eq!(
        (told[0].type_.as_deref(), &told[0].note),
        (Some("Warning"), &Some(stalled.message))
    );

    // Nobody watches what is somebody else's: the operator looks again by itself, less and less
    // often.
    sandbox.delete::<K>("web").await;
    sandbox.ready::<Echo>("web").await;
    let ours: K = sandbox.get("web").await;
    assert_eq!(ours.meta().owner_references.as_ref().unwrap()[0].uid, refused.uid().unwrap());
    let told = events(sandbox, &refused, "NotOwned").await;
    assert_eq!(told.len(), 1, "one Event, however often it was tried: {}", seen(&told));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_deployment_with_the_same_name_is_left_alone_until_it_goes() {
    let sandbox = Sandbox::new("their-deployment").await;
    let theirs = settled(&sandbox, &their_deployment()).await;
    is_left_alone_until_it_goes(
        &sandbox,
        &theirs,
        &["Deployment web exists", "untouched", "rename this Echo"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_service_with_the_same_name_is_left_alone_until_it_goes() {
    let sandbox = Sandbox::new("their-service").await;
    let theirs = sandbox.create(&their_service()).await;
    is_left_alone_until_it_goes(
        &sandbox,
        &theirs,
        &["Service web exists", "untouched", "rename this Echo"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_prove_nothing_about_whose_an_object_is() {
    let sandbox = Sandbox::new("labels").await;
    // It looks in every way like one of ours, and is watched like one; only the owner reference is
    // not there.
    let theirs = their_service()
        .labelled("app.kubernetes.io/managed-by", operator::NAME)
        .labelled("app.kubernetes.io/name", "echo")
        .labelled("app.kubernetes.io/instance", "web")
        .annotated("kubewright.dev/desired-hash", "0000000000000001");
    let theirs = sandbox.create(&theirs).await;
    is_left_alone_until_it_goes(&sandbox, &theirs, &["Service web exists"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_an_object_that_is_in_the_way_is_named() {
    let sandbox = Sandbox::new("their-owner").await;
    let owner: ConfigMap =
        sandbox.create(&from(json!({ "metadata": { "name": "their-release" } }))).await;
    let mut theirs = their_service();
    theirs.metadata.owner_references = from(json!([{
        "apiVersion": "v1", "kind": "ConfigMap", "name": "their-release", "uid": owner.uid(), "controller": true,
    }]));
    let theirs = sandbox.create(&theirs).await;
    is_left_alone_until_it_goes(
        &sandbox,
        &theirs,
        &["controlled by ConfigMap their-release", "delete that ConfigMap"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_made_is_made_beside_what_is_refused() {
    let sandbox = Sandbox::new("half").await;
    let _operator = sandbox.operate().await;
    sandbox.create(&their_service()).await;
    sandbox.create(&echo("web").with_replicas(1)).await;
    let refused: Echo = sandbox.not_ready("web", "NotOwned").await;
    let deployment: Deployment = sandbox.get("web").await;
    assert_eq!(deployment.metadata.owner_references.unwrap()[0].uid, refused.uid().unwrap());
    // And it is looked after: the status counts its servers.
    let counts =
        |echo: &Echo| echo.status.as_ref().is_some_and(|status| status.ready_replicas == Some(1));
    sandbox.until("web", "counts its servers", counts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_whose_owner_reference_was_taken_away_is_not_taken_back() {
    let sandbox = Sandbox::new("disowned").await;
    let operator = sandbox.operate().await;
    sandbox.create(&echo("web").with_replicas(0)).await;
    sandbox.ready::<Echo>("web").await;
    let freed: Service =
        sandbox.merge("web", json!({ "metadata": { "ownerReferences": null } })).await;
    sandbox.not_ready::<Echo>("web", "NotOwned").await;
    is_refused_again(&sandbox, &operator).await;
    assert_eq!(sandbox.get::<Service>("web").await.resource_version(), freed.resource_version());
}

#[tokio::test(flavor = "multi_thread")]
async fn children_that_were_left_behind_on_purpose_are_not_taken_over_by_the_next_echo() {
    let sandbox = Sandbox::new("orphans").await;
    let _operator = sandbox.operate().await;
    sandbox.create(&echo("web").with_replicas(0)).await;
    sandbox.ready::<Echo>("web").await;
    let orphan = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Orphan),
        ..DeleteParams::default()
    };
    sandbox.delete_with::<Echo>("web", &orphan).await;
    sandbox.gone::<Echo>("web").await;
    let orphan: Deployment = sandbox.get("web").await;
    assert_eq!(orphan.owner_references(), []);

    sandbox.create(&echo("web").with_replicas(3)).await;
    sandbox.not_ready::<Echo>("web", "NotOwned").await;
    let now: Deployment = sandbox.get("web").await;
    assert_eq!((now.uid(), now.spec.unwrap().replicas), (orphan.uid(), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_refusal_is_told_again_once_all_was_well_between() {
    let sandbox = Sandbox::new("told-again").await;
    let _operator = sandbox.operate().await;
    let web = sandbox.create(&echo("web").with_replicas(0)).await;
    for times in 1..=2 {
        sandbox.ready::<Echo>("web").await;
        sandbox.merge::<Service>("web", json!({ "metadata": { "ownerReferences": null } })).await;
        sandbox.not_ready::<Echo>("web", "NotOwned").await;
        told_times(&sandbox, &web, times).await;
        sandbox.delete::<Service>("web").await;
    }
    sandbox.ready::<Echo>("web").await;
}
