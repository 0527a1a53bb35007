//! Namespaces with Pod Security admission or a quota, on a real control plane. The ReplicaSet
//! controller creates the pods, so their admission is the real one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod, PodSecurityContext, ResourceQuota, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;
use operator_api::echo::Echo;
use operator_api::echo_test;
use operator_api::preview::{MAY_RUN_AS_ROOT, PodSecurity, PreviewEnvironment};
use serde_json::json;
use tests::cluster::{LONG, Namespaced, Sandbox, condition, describe, eventually};
use tests::fixtures::{EchoFixture, PreviewFixture, echo, preview, test_echo};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
const WARN: &str = "pod-security.kubernetes.io/warn";

/// The security context of the pods of a Deployment.
fn pod_security_context(deployment: &Deployment) -> PodSecurityContext {
    deployment.spec.clone().unwrap().template.spec.unwrap().security_context.unwrap_or_default()
}

/// A namespace that enforces the Pod Security Standard *restricted*, after a check that it rejects
/// a pod.
async fn restricted(about: &str) -> Sandbox {
    let sandbox = Sandbox::with_labels(about, &[(ENFORCE, "restricted")]).await;
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": "privileged" }, "spec": {
            "containers": [{ "name": "a", "image": "a" }],
        },
    }))
    .unwrap();
    let error = sandbox.try_create(&pod).await.unwrap_err().to_string();
    assert!(error.contains("violates PodSecurity"), "{error}");
    sandbox
}

/// Names and versions of all objects of a kind: equal if no object was written.
async fn versions<K: Namespaced>(sandbox: &Sandbox) -> Vec<(String, Option<String>)> {
    sandbox
        .list::<K>()
        .await
        .iter()
        .map(|object| (object.name_any(), object.resource_version()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_namespace_admits_the_pods_of_every_custom_resource() {
    let sandbox = restricted("restricted").await;
    let _operator = sandbox.start_operator().await;
    // An Echo with a text runs another image than an Echo without one.
    sandbox.create(&echo("text").with_text("hello")).await;
    sandbox.create(&echo("request")).await;
    sandbox.create(&test_echo("fixed")).await;
    sandbox.create(&preview("preview")).await;

    sandbox.until_ready::<Echo>("text").await;
    sandbox.until_ready::<Echo>("request").await;
    sandbox.until_ready::<echo_test::Echo>("fixed").await;
    sandbox.until_ready::<PreviewEnvironment>("preview").await;
    let pods: Vec<Pod> = sandbox.list().await;
    assert_eq!(pods.len(), 4);
    for pod in &pods {
        let context = pod.spec.as_ref().unwrap().security_context.as_ref().unwrap();
        assert_eq!(context.run_as_non_root, Some(true), "{}", describe(pod));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_a_preview_may_run_as_root_in_an_unrestricted_namespace() {
    let sandbox = Sandbox::new("unrestricted").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&preview("web")).await;
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    let context = pod_security_context(&sandbox.get("web").await);
    assert_eq!((context.run_as_non_root, context.run_as_user), (None, None));
    let web: PreviewEnvironment = sandbox.get("web").await;
    assert!(!may_run_as_root(&web), "{}", describe(&web));
    assert_eq!(warnings(&sandbox, "web").await, 0);
}

/// Number of Warnings that the program of a preview may run as root.
async fn warnings(sandbox: &Sandbox, preview: &str) -> usize {
    let events: Vec<Event> = sandbox.list().await;
    let about = |event: &&Event| event.involved_object.name.as_deref() == Some(preview);
    let warns = |event: &&Event| {
        let reason = event.reason.as_deref();
        event.type_.as_deref() == Some("Warning")
            && (reason == Some("ImageDecides") || reason == Some("AskedFor"))
    };
    events.iter().filter(about).filter(warns).count()
}

fn may_run_as_root(preview: &PreviewEnvironment) -> bool {
    let conditions = &preview.status.as_ref().unwrap().conditions;
    conditions.iter().any(|condition| condition.type_ == MAY_RUN_AS_ROOT)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_warns_gets_a_condition_for_a_default_and_one_warning_if_the_spec_asks() {
    let sandbox = Sandbox::with_labels("warned", &[(WARN, "restricted")]).await;
    let operator = sandbox.start_operator().await;
    let mut strict = preview("strict");
    strict.spec.pod_security =
        Some(PodSecurity { run_as_non_root: Some(true), ..PodSecurity::default() });
    sandbox.create(&strict).await;
    sandbox.create(&preview("web")).await;
    let mut root = preview("root");
    root.spec.pod_security = Some(PodSecurity { run_as_user: Some(0), ..PodSecurity::default() });
    sandbox.create(&root).await;
    let root: PreviewEnvironment = sandbox.until_ready("root").await;
    assert_eq!(condition(&root, MAY_RUN_AS_ROOT).status_and_reason(), ("True", "AskedFor"));
    let strict: PreviewEnvironment = sandbox.until_ready("strict").await;
    assert!(!may_run_as_root(&strict), "{}", describe(&strict));
    let web: PreviewEnvironment = sandbox.until_ready("web").await;
    assert_eq!(condition(&web, MAY_RUN_AS_ROOT).status_and_reason(), ("True", "ImageDecides"));
    // A change of the spec changes the status and sends no other Warning.
    sandbox.merge::<PreviewEnvironment>("root", json!({ "spec": { "replicas": 2 } })).await;
    let two = |web: &PreviewEnvironment| {
        web.status.as_ref().is_some_and(|status| status.ready_replicas == Some(2))
    };
    sandbox.until("root", "has two pods", two).await;
    operator.until_at_rest().await;
    let [root, web, strict] = ["root", "web", "strict"].map(|name| warnings(&sandbox, name));
    assert_eq!((root.await, web.await, strict.await), (1, 0, 0));

    sandbox.label(json!({ (ENFORCE): "restricted" })).await;
    let may_not = |web: &PreviewEnvironment| !may_run_as_root(web);
    sandbox.until("web", "may not run as root any more", may_not).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_becomes_restricted_affects_only_its_own_previews() {
    let (sandbox, other) = (Sandbox::new("labelled").await, Sandbox::new("unlabelled").await);
    let operator = sandbox.start_operator_with(&[&other]).await;
    sandbox.create(&preview("web")).await;
    let mut elsewhere = preview("web");
    elsewhere.spec.fqdn = "elsewhere.example.com".to_owned();
    other.create(&elsewhere).await;
    let before: PreviewEnvironment = sandbox.until_ready("web").await;
    other.until_ready::<PreviewEnvironment>("web").await;
    // The last change of the Deployment controller.
    let is_settled = |deployment: &Deployment| {
        condition(deployment, "Progressing").status_and_reason()
            == ("True", "NewReplicaSetAvailable")
    };
    other.until("web", "is rolled out", is_settled).await;
    let counted = operator.until_idle().await;
    let before_elsewhere =
        (versions::<PreviewEnvironment>(&other).await, versions::<Deployment>(&other).await);

    sandbox.label(json!({ ENFORCE: "restricted" })).await;
    let non_root =
        |deployment: &Deployment| pod_security_context(deployment).run_as_non_root == Some(true);
    sandbox.until("web", "may no longer run as root", non_root).await;
    let after: PreviewEnvironment = sandbox.until_ready("web").await;
    assert_eq!(
        after.metadata.generation, before.metadata.generation,
        "the spec of the preview was changed"
    );

    sandbox.label(json!({ ENFORCE: null })).await;
    sandbox.until("web", "may run as root again", |deployment| !non_root(deployment)).await;
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    let now = operator.until_idle().await;
    assert_eq!(
        now.requests("apply") - counted.requests("apply"),
        2,
        "expected two writes of one Deployment"
    );
    assert_eq!(
        (versions::<PreviewEnvironment>(&other).await, versions::<Deployment>(&other).await),
        before_elsewhere
    );
}

/// Creates a quota for this many pods, and waits until it is enforced.
async fn limit_pods(sandbox: &Sandbox, most: &str) {
    let quota: ResourceQuota = serde_json::from_value(
        json!({ "metadata": { "name": "small" }, "spec": { "hard": { "pods": most } } }),
    )
    .unwrap();
    sandbox.create(&quota).await;
    // The quota is enforced after its controller has counted the pods.
    let is_enforced =
        |quota: &ResourceQuota| quota.status.as_ref().is_some_and(|s| s.used.is_some());
    sandbox.until("small", "is enforced", is_enforced).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_revision_replaces_the_pod_in_place_where_the_quota_has_no_room_for_a_second_one() {
    let sandbox = Sandbox::new("full").await;
    let operator = sandbox.start_operator().await;
    limit_pods(&sandbox, "1").await;
    sandbox.create(&preview("web").with_fields(json!({ "revision": "one" }))).await;
    let shows = |wanted: &'static str| {
        move |web: &PreviewEnvironment| {
            condition(web, "Ready").is_true()
                && web.status.as_ref().and_then(|s| s.revision.as_deref()) == Some(wanted)
        }
    };
    sandbox.until("web", "has the first revision in its status", shows("one")).await;
    for revision in ["two", "three"] {
        let edit = json!({ "spec": { "revision": revision } });
        sandbox.merge::<PreviewEnvironment>("web", edit).await;
        eventually(LONG, format!("the pods have the revision {revision}"), async || {
            let web: PreviewEnvironment = sandbox.get("web").await;
            if shows(revision)(&web) { Ok(()) } else { Err(describe(&web)) }
        })
        .await;
        // The next revision tries a pod beside the old one again: the quota may have room then.
        let surges = |deployment: &Deployment| {
            let strategy = deployment.spec.as_ref().and_then(|spec| spec.strategy.as_ref());
            let update = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
            update.and_then(|update| update.max_surge.clone())
                == Some(IntOrString::String("25%".into()))
        };
        sandbox.until("web", "has the default strategy again", surges).await;
    }
    operator.until_at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_reports_why_its_pods_are_rejected_and_recovers() {
    let sandbox = Sandbox::new("quota").await;
    let _operator = sandbox.start_operator().await;
    limit_pods(&sandbox, "0").await;

    sandbox.create(&echo("web").with_replicas(2)).await;
    let web: Echo = sandbox.until_not_ready("web", "PodsRefused").await;
    let message = condition(&web, "Ready").message;
    assert!(message.starts_with("0/2 replicas ready: "), "{message}");
    assert!(
        message.contains("is forbidden: exceeded quota: small"),
        "the API server's message is missing: {message}"
    );
    // The quota can change without an edit of the Echo, so the operator keeps retrying.
    assert_eq!(condition(&web, "Reconciling").status_and_reason(), ("True", "PodsRefused"));
    assert!(sandbox.find::<Service>("web").await.is_some(), "the Service is missing");

    sandbox.delete::<ResourceQuota>("small").await;
    sandbox.until_ready::<Echo>("web").await;
}
