//! The effects of a `PreviewPolicy` on the previews of the namespaces that it selects, on a real
//! control plane. Other previews stay unchanged.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::ResourceExt;
use kube::api::{Api, PostParams};
use kubewright::Operator as _;
use operator::policy::PolicyOperator;
use operator_api::preview::{PreviewEnvironment, PreviewPolicy};
use serde_json::json;
use tests::cluster::{LONG, Sandbox, condition, eventually};
use tests::fixtures::{PreviewFixture, preview};
use tests::policy::Policy;

/// Number of previews in one namespace.
const ALL: usize = 100;

/// The precedence of a preview: its creation time, then its UID.
fn rank(preview: &PreviewEnvironment) -> (String, String) {
    (preview.creation_timestamp().unwrap().0.to_string(), preview.uid().unwrap())
}

fn exceeds_limit(preview: &PreviewEnvironment) -> bool {
    let conditions = preview.status.as_ref().map(|status| &*status.conditions).unwrap_or_default();
    conditions
        .iter()
        .any(|condition| condition.type_ == "LimitExceeded" && condition.status == "True")
}

/// Waits until the first `admitted` previews run and all others exceed the limit.
async fn until_admitted(sandbox: &Sandbox, admitted: usize) {
    eventually(LONG, format!("the first {admitted} previews are admitted"), async || {
        let mut all = sandbox.list::<PreviewEnvironment>().await;
        all.sort_by_key(rank);
        let wrong: Vec<String> = all
            .iter()
            .enumerate()
            .filter(|(place, preview)| {
                let ready = condition(*preview, "Ready");
                let ready = ready.status_and_reason();
                let is_expected = if *place < admitted {
                    ready.0 == "True"
                } else {
                    ready == ("False", "TooManyPreviews")
                };
                exceeds_limit(preview) == (*place < admitted) || !is_expected
            })
            .map(|(place, preview)| format!("{place}: {}", preview.name_any()))
            .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("{} previews are wrong: {wrong:?}", wrong.len()))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_limit_admits_the_oldest_previews_and_reconciles_no_others() {
    let (many, few) = (Sandbox::new("policy-many").await, Sandbox::new("policy-few").await);
    let operator = many.start_operator_with(&[&few]).await;
    let small = |name: String| {
        preview(&name).with_fields(json!({ "replicas": 0, "route": { "type": "None" } }))
    };
    for number in 0..ALL {
        many.create(&small(format!("p-{number}"))).await;
    }
    for number in 0..3 {
        few.create(&small(format!("p-{number}"))).await;
    }
    until_admitted(&many, ALL).await;
    let policy = Policy::create(&many, json!({ "limits": { "previews": 10 } })).await;
    until_admitted(&many, 10).await;
    policy.update(json!({ "limits": { "previews": 50 } })).await;
    until_admitted(&many, 50).await;
    // When an admitted preview is deleted, the next one takes its place.
    let mut all = many.list::<PreviewEnvironment>().await;
    all.sort_by_key(rank);
    many.delete::<PreviewEnvironment>(&all[0].name_any()).await;
    until_admitted(&many, 50).await;

    let before = operator.until_at_rest().await.reconciles("preview");
    let other = Policy::create(&few, json!({ "limits": { "previews": 3 } })).await;
    other.update(json!({ "limits": { "previews": 2 } })).await;
    until_admitted(&few, 2).await;
    let after = operator.until_at_rest().await.reconciles("preview");
    // Each of the two edits wakes them twice: the spec of the policy changes, and then its status.
    assert!(
        (3..=24).contains(&(after - before)),
        "expected runs of three previews, found {} runs",
        after - before
    );

    policy.delete().await;
    until_admitted(&many, ALL).await;
    other.delete().await;
    until_admitted(&few, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_one_preview_reconciles_no_other_preview_under_the_same_limit() {
    const COUNTED: u32 = 20;
    let sandbox = Sandbox::new("policy-edits").await;
    let operator = sandbox.start_operator().await;
    for number in 0..COUNTED {
        sandbox
            .create(
                &preview(&format!("p-{number}"))
                    .with_fields(json!({ "replicas": 0, "route": { "type": "None" } })),
            )
            .await;
    }
    let policy = Policy::create(&sandbox, json!({ "limits": { "previews": 10 } })).await;
    until_admitted(&sandbox, 10).await;
    let before = operator.until_at_rest().await.reconciles("preview");
    for edit in [
        json!({ "spec": { "image": "example.com/app:pr-2" } }),
        json!({ "metadata": { "labels": { "a": "b" }, "annotations": { "a": "b" } } }),
        json!({ "spec": { "source": { "branch": "main" } } }),
    ] {
        sandbox.merge::<PreviewEnvironment>("p-0", edit).await;
        operator.until_at_rest().await;
    }
    let after = operator.until_at_rest().await.reconciles("preview");
    assert!(
        (2..u64::from(COUNTED)).contains(&(after - before)),
        "expected runs of one preview, found {} runs",
        after - before
    );
    policy.delete().await;
    until_admitted(&sandbox, COUNTED as usize).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_effects_of_a_policy_appear_and_disappear_with_it() {
    let sandbox = Sandbox::new("policy-one").await;
    let _operator = sandbox.start_operator().await;
    sandbox
        .create(
            &preview("web").with_fields(json!({ "replicas": 3, "route": { "type": "Ingress" } })),
        )
        .await;
    sandbox.set_address("web").await;
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    assert!(sandbox.find::<NetworkPolicy>("web").await.is_none());

    let policy =
        Policy::create(&sandbox, json!({ "networkPolicy": { "fromNamespaces": ["gateways"] } }))
            .await;
    let network_policy = sandbox.until("web", "exists", |_: &NetworkPolicy| true).await;
    let spec = serde_json::to_value(network_policy.spec.unwrap()).unwrap();
    let labels =
        json!({ "app.kubernetes.io/name": "preview", "app.kubernetes.io/instance": "web" });
    assert_eq!(spec["podSelector"]["matchLabels"], labels);
    assert_eq!(
        spec["ingress"][0]["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"],
        json!(["gateways"])
    );

    policy.update(json!({ "limits": { "replicas": 1 } })).await;
    sandbox.until_gone::<NetworkPolicy>("web").await;
    let has = |replicas: i32| {
        move |deployment: &Deployment| deployment.spec.as_ref().unwrap().replicas == Some(replicas)
    };
    sandbox.until("web", "has one pod", has(1)).await;
    let capped = |web: &PreviewEnvironment| {
        condition(web, "LimitExceeded").status_and_reason() == ("True", "TooManyReplicas")
            && condition(web, "Ready").is_true()
    };
    sandbox.until("web", "is ready with fewer pods", capped).await;

    policy.update(json!({ "imagePrefixes": ["registry.example.com/"] })).await;
    sandbox.until_not_ready::<PreviewEnvironment>("web", "ImageNotAllowed").await;
    sandbox.until("web", "has no pod", has(0)).await;
    sandbox.until_gone::<Ingress>("web").await;

    policy.update(json!({ "routes": { "types": ["Mapping"] } })).await;
    sandbox.until_not_ready::<PreviewEnvironment>("web", "RouteTypeNotAllowed").await;
    sandbox.until("web", "has its pods", has(3)).await;

    policy.update(json!({ "domains": ["*.team.example.com"] })).await;
    sandbox.until_not_ready::<PreviewEnvironment>("web", "HostNotAllowed").await;

    policy.delete().await;
    sandbox.set_address("web").await;
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    let web: PreviewEnvironment = sandbox.get("web").await;
    assert!(!exceeds_limit(&web));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_of_a_kind_without_an_operator_is_admitted_unchanged() {
    let sandbox = Sandbox::new("policy-samples").await;
    let samples = PolicyOperator::samples();
    assert!(samples.len() >= 3);
    let api: Api<PreviewPolicy> = Api::all(sandbox.client());
    let params = PostParams { dry_run: true, ..PostParams::default() };
    for sample in samples {
        let body = serde_json::to_value(&sample.resource).unwrap();
        let policy: PreviewPolicy = serde_json::from_value(body.clone()).unwrap();
        let admitted = api.create(&params, &policy).await.unwrap();
        assert_eq!(
            serde_json::to_value(&admitted.spec).unwrap(),
            body["spec"],
            "the API server changed {}",
            sample.name
        );
    }
}
