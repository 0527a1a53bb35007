//! What a `PreviewPolicy` does to the previews of the namespaces that it selects, and to no others,
//! on a real control plane.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::ResourceExt;
use kube::api::{Api, PostParams};
use operator_api::preview::{PreviewEnvironment, PreviewPolicy};
use serde_json::json;
use tests::cluster::{LONG, Sandbox, condition, eventually};
use tests::fixtures::{Preview, preview};
use tests::policy::Policy;

/// Previews in one namespace.
const ALL: usize = 100;

/// The order in which previews are taken.
fn rank(preview: &PreviewEnvironment) -> (String, String) {
    (preview.creation_timestamp().unwrap().0.to_string(), preview.uid().unwrap())
}

fn is_held(preview: &PreviewEnvironment) -> bool {
    let conditions = preview.status.as_ref().map(|status| &*status.conditions).unwrap_or_default();
    conditions
        .iter()
        .any(|condition| condition.type_ == "LimitExceeded" && condition.status == "True")
}

/// Waits until the first `taken` of all are taken, and all others are held.
async fn taken(sandbox: &Sandbox, taken: usize) {
    eventually(LONG, format!("the first {taken} previews are taken"), async || {
        let mut all = sandbox.list::<PreviewEnvironment>().await;
        all.sort_by_key(rank);
        let wrong: Vec<String> = all
            .iter()
            .enumerate()
            .filter(|(place, preview)| {
                let ready = condition(*preview, "Ready");
                let ready = ready.says();
                let says = if *place < taken {
                    ready.0 == "True"
                } else {
                    ready == ("False", "TooManyPreviews")
                };
                is_held(preview) == (*place < taken) || !says
            })
            .map(|(place, preview)| format!("{place}: {}", preview.name_any()))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("{} are not: {wrong:?}", wrong.len())) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_tightened_under_many_takes_the_first_and_wakes_nobody_else() {
    let (many, few) = (Sandbox::new("policy-many").await, Sandbox::new("policy-few").await);
    let operator = many.operate_with(&[&few]).await;
    let small =
        |name: String| preview(&name).with(json!({ "replicas": 0, "route": { "type": "None" } }));
    for number in 0..ALL {
        many.create(&small(format!("p-{number}"))).await;
    }
    for number in 0..3 {
        few.create(&small(format!("p-{number}"))).await;
    }
    taken(&many, ALL).await;
    let policy = Policy::set(&many, json!({ "limits": { "previews": 10 } })).await;
    taken(&many, 10).await;
    policy.change(json!({ "limits": { "previews": 50 } })).await;
    taken(&many, 50).await;
    // One of the first goes, and the next one takes its place.
    let mut all = many.list::<PreviewEnvironment>().await;
    all.sort_by_key(rank);
    many.delete::<PreviewEnvironment>(&all[0].name_any()).await;
    taken(&many, 50).await;

    let before = operator.at_rest().await.reconciles("preview");
    let other = Policy::set(&few, json!({ "limits": { "previews": 3 } })).await;
    other.change(json!({ "limits": { "previews": 2 } })).await;
    taken(&few, 2).await;
    let after = operator.at_rest().await.reconciles("preview");
    assert!(
        (3..=12).contains(&(after - before)),
        "three previews are concerned, and {} runs were made",
        after - before
    );

    policy.remove().await;
    taken(&many, ALL).await;
    other.remove().await;
    taken(&few, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_one_preview_wakes_no_other_one_that_is_counted_with_it() {
    const COUNTED: u32 = 20;
    let sandbox = Sandbox::new("policy-edits").await;
    let operator = sandbox.operate().await;
    for number in 0..COUNTED {
        sandbox
            .create(
                &preview(&format!("p-{number}"))
                    .with(json!({ "replicas": 0, "route": { "type": "None" } })),
            )
            .await;
    }
    let policy = Policy::set(&sandbox, json!({ "limits": { "previews": 10 } })).await;
    taken(&sandbox, 10).await;
    let before = operator.at_rest().await.reconciles("preview");
    for edit in [
        json!({ "spec": { "image": "example.com/app:pr-2" } }),
        json!({ "metadata": { "labels": { "a": "b" }, "annotations": { "a": "b" } } }),
        json!({ "spec": { "source": { "branch": "main" } } }),
    ] {
        sandbox.merge::<PreviewEnvironment>("p-0", edit).await;
        operator.at_rest().await;
    }
    let after = operator.at_rest().await.reconciles("preview");
    assert!(
        (2..u64::from(COUNTED)).contains(&(after - before)),
        "one preview is concerned, and {} runs were made",
        after - before
    );
    policy.remove().await;
    taken(&sandbox, COUNTED as usize).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_asks_for_is_done_and_undone_with_it() {
    let sandbox = Sandbox::new("policy-one").await;
    let _operator = sandbox.operate().await;
    sandbox
        .create(&preview("web").with(json!({ "replicas": 3, "route": { "type": "Ingress" } })))
        .await;
    sandbox.ready::<PreviewEnvironment>("web").await;
    assert!(sandbox.find::<NetworkPolicy>("web").await.is_none());

    let policy =
        Policy::set(&sandbox, json!({ "networkPolicy": { "fromNamespaces": ["gateways"] } })).await;
    let guard = sandbox.until("web", "is there", |_: &NetworkPolicy| true).await;
    let spec = serde_json::to_value(guard.spec.unwrap()).unwrap();
    let labels =
        json!({ "app.kubernetes.io/name": "preview", "app.kubernetes.io/instance": "web" });
    assert_eq!(spec["podSelector"]["matchLabels"], labels);
    assert_eq!(
        spec["ingress"][0]["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"],
        json!(["gateways"])
    );

    policy.change(json!({ "limits": { "replicas": 1 } })).await;
    sandbox.gone::<NetworkPolicy>("web").await;
    let has = |replicas: i32| {
        move |deployment: &Deployment| deployment.spec.as_ref().unwrap().replicas == Some(replicas)
    };
    sandbox.until("web", "has one pod", has(1)).await;
    let capped = |web: &PreviewEnvironment| {
        condition(web, "LimitExceeded").says() == ("True", "TooManyReplicas")
            && condition(web, "Ready").holds()
    };
    sandbox.until("web", "works with fewer pods", capped).await;

    policy.change(json!({ "imagePrefixes": ["registry.example.com/"] })).await;
    sandbox.not_ready::<PreviewEnvironment>("web", "ImageNotAllowed").await;
    sandbox.until("web", "has no pod", has(0)).await;
    sandbox.gone::<Ingress>("web").await;

    policy.change(json!({ "routes": { "types": ["Mapping"] } })).await;
    sandbox.not_ready::<PreviewEnvironment>("web", "RouteTypeNotAllowed").await;
    sandbox.until("web", "has its pods", has(3)).await;

    policy.change(json!({ "domains": ["*.team.example.com"] })).await;
    sandbox.not_ready::<PreviewEnvironment>("web", "HostNotAllowed").await;

    policy.remove().await;
    sandbox.ready::<PreviewEnvironment>("web").await;
    sandbox.until("web", "is there again", |_: &Ingress| true).await;
    let web: PreviewEnvironment = sandbox.get("web").await;
    assert!(!is_held(&web));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_of_what_nobody_reconciles_is_admitted_as_it_is() {
    let sandbox = Sandbox::new("policy-samples").await;
    let registry = operator::registry();
    let settings: Vec<_> = registry
        .definitions()
        .into_iter()
        .filter(|definition| {
            registry.controller_of(&definition.kind.api_version(), &definition.kind.kind).is_none()
        })
        .collect();
    let kinds: BTreeSet<String> =
        settings.iter().map(|definition| definition.kind.kind.to_string()).collect();
    assert_eq!(kinds, BTreeSet::from(["PreviewPolicy".to_owned()]));
    let api: Api<PreviewPolicy> = Api::all(sandbox.client());
    let params = PostParams { dry_run: true, ..PostParams::default() };
    for sample in settings.iter().flat_map(|definition| &definition.samples) {
        let policy: PreviewPolicy = serde_json::from_value(sample.body.clone()).unwrap();
        let admitted = api.create(&params, &policy).await.unwrap();
        assert_eq!(
            serde_json::to_value(&admitted.spec).unwrap(),
            sample.body["spec"],
            "{} was changed on its way",
            sample.name
        );
    }
}
