//! Changes that no edit of a preview causes, on a real control plane: a misspelled policy, a label
//! of the namespace, another version of the operator. They wait for the rollout limiter.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use kubewright::Registry;
use kubewright::labels::ALLOW_ROLLOUT;
use kubewright::runtime::Settings;
use operator::policy::PolicyOperator;
use operator::preview::PreviewOperator;
use operator_api::preview::{PreviewEnvironment, PreviewPolicy};
use serde_json::json;
use tests::cluster::{LONG, Operator, Sandbox, condition, describe, eventually, throughout};
use tests::fixtures::{PreviewFixture, preview};
use tests::policy::Policy;

const PENDING: &str = "RolloutPending";
/// Previews in a test. More than a burst, and few enough for a busy machine.
const PREVIEWS: usize = 9;

/// An operator with the limits that users get.
async fn start(sandbox: &Sandbox, operator: PreviewOperator) -> Operator {
    let registry = Registry::new(operator::NAME).with(operator).with(PolicyOperator);
    let namespaces = vec![sandbox.namespace().to_owned()];
    let settings = Settings { namespaces, ..Settings::default() };
    Operator::start_with(&registry, sandbox.cluster().kubeconfig(), settings).await
}

/// Previews without a route that are Ready, and their operator.
async fn running(sandbox: &Sandbox) -> Operator {
    let operator = start(sandbox, PreviewOperator::default()).await;
    for number in 0..PREVIEWS {
        let fields = json!({ "route": { "type": "None" }, "podSecurity": { "runAsUser": 0 } });
        sandbox.create(&preview(&name(number)).with_fields(fields)).await;
    }
    for number in 0..PREVIEWS {
        sandbox.until_ready::<PreviewEnvironment>(&name(number)).await;
    }
    operator
}

fn name(number: usize) -> String {
    format!("p{number}")
}

async fn pending(sandbox: &Sandbox) -> Vec<PreviewEnvironment> {
    let all: Vec<PreviewEnvironment> = sandbox.list().await;
    all.into_iter().filter(|preview| condition(preview, PENDING).is_true()).collect()
}

/// The number of Deployments that ask for no pods.
async fn stopped(sandbox: &Sandbox) -> usize {
    let all: Vec<Deployment> = sandbox.list().await;
    all.iter().filter(|it| it.spec.as_ref().unwrap().replicas == Some(0)).count()
}

/// Waits until so many previews wait for the limiter.
async fn until_pending(sandbox: &Sandbox, expected: usize) -> Vec<PreviewEnvironment> {
    eventually(LONG, format!("{expected} previews wait"), async || {
        let waiting = pending(sandbox).await;
        let count = waiting.len();
        if count == expected { Ok(waiting) } else { Err(format!("{count} wait")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelled_policy_takes_a_few_previews_down_and_can_be_taken_back() {
    let sandbox = Sandbox::new("rollouts-policy").await;
    let operator = running(&sandbox).await;
    let began = Instant::now();
    let policy = Policy::create(&sandbox, json!({ "imagePrefixes": ["registy.example/"] })).await;
    let waiting = eventually(LONG, "previews wait", async || {
        let waiting = pending(&sandbox).await;
        if waiting.is_empty() { Err("none waits".to_owned()) } else { Ok(waiting) }
    })
    .await;
    let message = condition(&waiting[0], PENDING).message;
    assert!(message.starts_with("Deployment p"), "{message}");
    assert!(message.contains("would replace or stop its pods"), "{message}");
    assert!(message.contains("kubectl annotate"), "{message}");
    throughout(Duration::from_secs(5), "at most a burst is down", async || {
        let left = PREVIEWS - stopped(&sandbox).await;
        // One more slot each six seconds.
        let slots = 5 + usize::try_from(began.elapsed().as_secs()).unwrap() / 6 + 1;
        if left + slots >= PREVIEWS { Ok(()) } else { Err(format!("{left} are left")) }
    })
    .await;
    assert!(operator.is_healthy().await, "waiting changes are no fault of the operator");

    let spared = pending(&sandbox).await.pop().unwrap();
    let spared = spared.metadata.name.unwrap();
    let before: Deployment = sandbox.get(&spared).await;
    policy.update(json!({})).await;
    until_pending(&sandbox, 0).await;
    for number in 0..PREVIEWS {
        sandbox.until_ready::<PreviewEnvironment>(&name(number)).await;
    }
    let after: Deployment = sandbox.get(&spared).await;
    assert_eq!(after.metadata.generation, before.metadata.generation, "{}", describe(&after));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_begins_to_enforce_restricted_takes_nothing_down() {
    let sandbox = Sandbox::new("rollouts-restricted").await;
    let _operator = running(&sandbox).await;
    sandbox.label(json!({ "pod-security.kubernetes.io/enforce": "restricted" })).await;
    for number in 0..PREVIEWS {
        let stalled = |preview: &PreviewEnvironment| condition(preview, "Stalled").is_true();
        let web = sandbox.until(&name(number), "is stalled", stalled).await;
        let message = condition(&web, "Stalled").message;
        assert!(message.contains("its objects are kept"), "{message}");
    }
    assert_eq!(sandbox.list::<Deployment>().await.len(), PREVIEWS);
    assert_eq!(stopped(&sandbox).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_annotation_of_the_policy_lets_all_changes_pass() {
    let sandbox = Sandbox::new("rollouts-allowed").await;
    let _operator = running(&sandbox).await;
    let _policy = Policy::create(&sandbox, json!({ "imagePrefixes": ["elsewhere/"] })).await;
    eventually(LONG, "previews wait", async || {
        if pending(&sandbox).await.is_empty() { Err("none waits".to_owned()) } else { Ok(()) }
    })
    .await;
    let policies = kube::Api::<PreviewPolicy>::all(sandbox.client());
    let patch = json!({ "metadata": { "annotations": { ALLOW_ROLLOUT: "true" } } });
    let patch = kube::api::Patch::Merge(patch);
    policies.patch(sandbox.namespace(), &kube::api::PatchParams::default(), &patch).await.unwrap();
    eventually(LONG, "all are stopped", async || match stopped(&sandbox).await {
        PREVIEWS => Ok(()),
        stopped => Err(format!("{stopped} are")),
    })
    .await;
    until_pending(&sandbox, 0).await;
}
