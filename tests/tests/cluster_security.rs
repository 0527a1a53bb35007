//! Namespaces that do not let every pod in, on a real control plane: Pod Security admission and
//! quotas. The pods are those that the ReplicaSet controller makes, so that what is admitted here
//! is admitted anywhere.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod, PodSecurityContext, ResourceQuota, Service};
use kube::ResourceExt;
use operator_api::echo::Echo;
use operator_api::echo_test;
use operator_api::preview::{MAY_RUN_AS_ROOT, PodSecurity, PreviewEnvironment};
use serde_json::json;
use tests::cluster::{Namespaced, Sandbox, condition, seen};
use tests::fixtures::{AnyEcho, echo, preview, test_echo};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// The security context of the pods of a Deployment.
fn of_pods(deployment: &Deployment) -> PodSecurityContext {
    deployment.spec.clone().unwrap().template.spec.unwrap().security_context.unwrap_or_default()
}

/// A namespace of the Pod Security Standard *restricted*, which is seen to refuse a pod that does
/// not meet it.
async fn restricted(about: &str) -> Sandbox {
    let sandbox = Sandbox::with_labels(about, &[(ENFORCE, "restricted")]).await;
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": "unconfined" }, "spec": { "containers": [{ "name": "a", "image": "a" }] },
    }))
    .unwrap();
    let refused = sandbox.try_create(&pod).await.unwrap_err().to_string();
    assert!(refused.contains("violates PodSecurity"), "{refused}");
    sandbox
}

/// Names and versions of all objects of a kind: the same again when nobody wrote any of them.
async fn versions<K: Namespaced>(sandbox: &Sandbox) -> Vec<(String, Option<String>)> {
    sandbox
        .list::<K>()
        .await
        .iter()
        .map(|object| (object.name_any(), object.resource_version()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_of_every_kind_of_resource_are_let_into_a_restricted_namespace() {
    let sandbox = restricted("restricted").await;
    let _operator = sandbox.operate().await;
    // With a text and without one, an Echo runs different images.
    sandbox.create(&echo("text").with_text("hello")).await;
    sandbox.create(&echo("request")).await;
    sandbox.create(&test_echo("fixed")).await;
    sandbox.create(&preview("preview")).await;

    sandbox.ready::<Echo>("text").await;
    sandbox.ready::<Echo>("request").await;
    sandbox.ready::<echo_test::Echo>("fixed").await;
    sandbox.ready::<PreviewEnvironment>("preview").await;
    let pods: Vec<Pod> = sandbox.list().await;
    assert_eq!(pods.len(), 4);
    for pod in &pods {
        let context = pod.spec.as_ref().unwrap().security_context.as_ref().unwrap();
        assert_eq!(context.run_as_non_root, Some(true), "{}", seen(pod));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_a_preview_may_run_as_root_where_the_namespace_lets_it() {
    let sandbox = Sandbox::new("unrestricted").await;
    let _operator = sandbox.operate().await;
    sandbox.create(&preview("web")).await;
    sandbox.ready::<PreviewEnvironment>("web").await;
    let context = of_pods(&sandbox.get("web").await);
    assert_eq!((context.run_as_non_root, context.run_as_user), (None, None));
}

/// The Warnings that say that the program of a preview may be root.
async fn warnings(sandbox: &Sandbox, preview: &str) -> usize {
    let events: Vec<Event> = sandbox.list().await;
    let about = |event: &&Event| event.involved_object.name.as_deref() == Some(preview);
    let warns = |event: &&Event| {
        event.type_.as_deref() == Some("Warning") && event.reason.as_deref() == Some("ImageDecides")
    };
    events.iter().filter(about).filter(warns).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_be_root_is_warned_of_it_once_and_for_as_long_as_it_is_so_the_status_says_it() {
    let sandbox = Sandbox::new("warned").await;
    let operator = sandbox.operate().await;
    let mut strict = preview("strict");
    strict.spec.pod_security =
        Some(PodSecurity { run_as_non_root: Some(true), ..PodSecurity::default() });
    sandbox.create(&strict).await;
    sandbox.create(&preview("web")).await;
    let strict: PreviewEnvironment = sandbox.ready("strict").await;
    let has = |preview: &PreviewEnvironment| {
        let conditions = &preview.status.as_ref().unwrap().conditions;
        conditions.iter().any(|condition| condition.type_ == MAY_RUN_AS_ROOT)
    };
    assert!(!has(&strict), "{}", seen(&strict));
    let web: PreviewEnvironment = sandbox.ready("web").await;
    assert_eq!(condition(&web, MAY_RUN_AS_ROOT).says(), ("True", "ImageDecides"));
    assert!(condition(&web, MAY_RUN_AS_ROOT).message.contains(sandbox.namespace()));
    // A change of the spec is told of in the status, and is no reason to warn again.
    sandbox.merge::<PreviewEnvironment>("web", json!({ "spec": { "replicas": 2 } })).await;
    let two = |web: &PreviewEnvironment| {
        web.status.as_ref().is_some_and(|status| status.ready_replicas == Some(2))
    };
    sandbox.until("web", "has two pods", two).await;
    operator.at_rest().await;
    assert_eq!((warnings(&sandbox, "web").await, warnings(&sandbox, "strict").await), (1, 0));

    sandbox.label(json!({ (ENFORCE): "restricted" })).await;
    sandbox.until("web", "may not be root any more", |web: &PreviewEnvironment| !has(web)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_becomes_restricted_changes_its_own_previews_and_no_others() {
    let (sandbox, other) = (Sandbox::new("labelled").await, Sandbox::new("unlabelled").await);
    let operator = sandbox.operate_with(&[&other]).await;
    sandbox.create(&preview("web")).await;
    let mut elsewhere = preview("web");
    elsewhere.spec.fqdn = "elsewhere.example.com".to_owned();
    other.create(&elsewhere).await;
    let before: PreviewEnvironment = sandbox.ready("web").await;
    other.ready::<PreviewEnvironment>("web").await;
    // The last word of the Deployment controller: it changes nothing by itself after that.
    let settled = |deployment: &Deployment| {
        condition(deployment, "Progressing").says() == ("True", "NewReplicaSetAvailable")
    };
    other.until("web", "is rolled out", settled).await;
    let counted = operator.idle().await;
    let theirs =
        (versions::<PreviewEnvironment>(&other).await, versions::<Deployment>(&other).await);

    sandbox.label(json!({ ENFORCE: "restricted" })).await;
    let non_root = |deployment: &Deployment| of_pods(deployment).run_as_non_root == Some(true);
    sandbox.until("web", "may no longer run as root", non_root).await;
    let after: PreviewEnvironment = sandbox.ready("web").await;
    assert_eq!(
        after.metadata.generation, before.metadata.generation,
        "nobody touched the resource"
    );

    sandbox.label(json!({ ENFORCE: null })).await;
    sandbox.until("web", "may run as root again", |deployment| !non_root(deployment)).await;
    sandbox.ready::<PreviewEnvironment>("web").await;
    let now = operator.idle().await;
    assert_eq!(
        now.requests("apply") - counted.requests("apply"),
        2,
        "one Deployment, there and back"
    );
    assert_eq!(
        (versions::<PreviewEnvironment>(&other).await, versions::<Deployment>(&other).await),
        theirs
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_says_why_its_pods_are_refused_and_recovers_when_they_no_longer_are() {
    let sandbox = Sandbox::new("quota").await;
    let _operator = sandbox.operate().await;
    let quota: ResourceQuota = serde_json::from_value(
        json!({ "metadata": { "name": "none" }, "spec": { "hard": { "pods": "0" } } }),
    )
    .unwrap();
    sandbox.create(&quota).await;
    // The quota counts once its controller has looked at it.
    let counts = |quota: &ResourceQuota| quota.status.as_ref().is_some_and(|s| s.used.is_some());
    sandbox.until("none", "counts", counts).await;

    sandbox.create(&echo("web").with_replicas(2)).await;
    let web: Echo = sandbox.not_ready("web", "PodsRefused").await;
    let message = condition(&web, "Ready").message;
    assert!(message.starts_with("0/2 replicas ready: "), "{message}");
    assert!(
        message.contains("is forbidden: exceeded quota: none"),
        "the API server's own words: {message}"
    );
    // The quota may be lifted without anybody touching the Echo: it goes on by itself.
    assert_eq!(condition(&web, "Reconciling").says(), ("True", "PodsRefused"));
    assert!(sandbox.find::<Service>("web").await.is_some(), "the rest is made all the same");

    sandbox.delete::<ResourceQuota>("none").await;
    sandbox.ready::<Echo>("web").await;
}
