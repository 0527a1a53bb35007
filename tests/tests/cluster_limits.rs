//! How long administrators have previews kept, on a real control plane: by a policy and by the
//! operator's setting, with a warning where a limit becomes shorter, and whatever somebody writes
//! into `managedFields`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kubewright::Registry;
use kubewright::runtime::Settings;
use operator::preview::PreviewOperator;
use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentStatus, PreviewPolicy};
use serde_json::{Value, json};
use tests::cluster::{Operator, Sandbox, condition, seen};
use tests::fixtures::{Preview, preview};
use tests::policy::Policy;

async fn create(sandbox: &Sandbox, name: &str, spec: Value) -> Timestamp {
    let created = sandbox
        .create(
            &preview(name).with(json!({ "replicas": 0, "route": { "type": "None" } })).with(spec),
        )
        .await;
    created.metadata.creation_timestamp.unwrap().0
}

fn status(preview: &PreviewEnvironment) -> PreviewEnvironmentStatus {
    preview.status.clone().unwrap_or_default()
}

/// When it ends, once that is so many seconds after it was made.
async fn ends_after(sandbox: &Sandbox, name: &str, created: Timestamp, seconds: i64) {
    let end = created + SignedDuration::from_secs(seconds);
    let is = move |preview: &PreviewEnvironment| {
        status(preview).expires_at.is_some_and(|at| at.0 == end)
    };
    sandbox.until(name, &format!("ends {seconds} s after it was made"), is).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_says_how_long_previews_are_kept_and_the_operators_setting_does_too() {
    const HOUR: i64 = 3_600;
    let sandbox = Sandbox::new("limits").await;
    let policy =
        Policy::set(&sandbox, json!({ "limits": { "defaultTtl": "1h", "maxTtl": "2h" } })).await;
    let operator = sandbox.operate().await;
    let silent = create(&sandbox, "silent", json!({})).await;
    let short = create(&sandbox, "short", json!({ "ttl": "30m" })).await;
    let long = create(&sandbox, "long", json!({ "ttl": "72h" })).await;
    let until = create(&sandbox, "until", json!({ "expiresAt": "2098-12-31T12:00:00Z" })).await;
    create(&sandbox, "pinned", json!({ "pinned": true })).await;
    ends_after(&sandbox, "silent", silent, HOUR).await;
    ends_after(&sandbox, "short", short, HOUR / 2).await;
    ends_after(&sandbox, "long", long, 2 * HOUR).await;
    ends_after(&sandbox, "until", until, 2 * HOUR).await;
    let pinned: PreviewEnvironment = sandbox.ready("pinned").await;
    assert_eq!(status(&pinned).expires_at, None);

    policy.change(json!({ "limits": { "defaultTtl": "5h" } })).await;
    ends_after(&sandbox, "silent", silent, 5 * HOUR).await;
    ends_after(&sandbox, "long", long, 72 * HOUR).await;
    operator.stop().await.unwrap();

    let setting = PreviewOperator {
        maximum_ttl: Some(Duration::from_hours(4)),
        ..PreviewOperator::default()
    };
    let registry =
        Registry::new(operator::NAME).with(setting).with_definition::<PreviewPolicy>(&[]);
    let settings =
        Settings { namespaces: vec![sandbox.namespace().to_owned()], ..Settings::default() };
    let _operator = Operator::start_with(&registry, sandbox.cluster().kubeconfig(), settings).await;
    ends_after(&sandbox, "silent", silent, 4 * HOUR).await;
    ends_after(&sandbox, "short", short, HOUR / 2).await;
    ends_after(&sandbox, "long", long, 4 * HOUR).await;
    policy.change(json!({ "limits": { "maxTtl": "3h" } })).await;
    ends_after(&sandbox, "long", long, 3 * HOUR).await;
    policy.remove().await;
    ends_after(&sandbox, "long", long, 4 * HOUR).await;
}

/// What Events say about the previews: type, reason.
async fn events(sandbox: &Sandbox) -> Vec<(String, String)> {
    let of_previews = |event: &Event| {
        event.regarding.as_ref().and_then(|it| it.kind.as_deref()) == Some("PreviewEnvironment")
    };
    let events = sandbox.list::<Event>().await.into_iter().filter(of_previews);
    let mut said: Vec<_> =
        events.map(|e| (e.type_.unwrap_or_default(), e.reason.unwrap_or_default())).collect();
    said.sort();
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_becomes_shorter_warns_first_also_over_a_restart_and_can_be_mended() {
    let sandbox = Sandbox::new("limits-typo").await;
    let operator = sandbox.operate().await;
    let created = create(&sandbox, "web", json!({ "ttl": "100s" })).await;
    ends_after(&sandbox, "web", created, 100).await;
    let policy = Policy::set(&sandbox, json!({ "limits": { "maxTtl": "1s" } })).await;
    let warns = |web: &PreviewEnvironment| condition(web, "Expiring").holds();
    let warned = async || -> (Timestamp, SignedDuration) {
        let web = sandbox.until("web", "warns", warns).await;
        let message = condition(&web, "Expiring").message.clone();
        assert!(message.contains("limits.maxTtl of PreviewPolicy"), "{}", seen(&web));
        let end = status(&web).expires_at.unwrap().0;
        (end, end.duration_since(Timestamp::now()))
    };
    let (_, left) = warned().await;
    assert!((1..=11).contains(&left.as_secs()), "a tenth of what it was told, and not {left:?}");
    policy.change(json!({ "limits": { "maxTtl": "1h" } })).await;
    ends_after(&sandbox, "web", created, 100).await;
    let mended: PreviewEnvironment = sandbox.get("web").await;
    assert!(!condition(&mended, "Expiring").holds(), "{}", seen(&mended));

    policy.change(json!({ "limits": { "maxTtl": "1s" } })).await;
    let (end, _) = warned().await;
    operator.stop().await.unwrap();
    let operator = sandbox.operate().await;
    operator.idle().await;
    if let Some(web) = sandbox.find::<PreviewEnvironment>("web").await {
        assert_eq!(status(&web).expires_at.map(|at| at.0), Some(end), "a restart changes nothing");
    }
    sandbox.gone::<PreviewEnvironment>("web").await;
    let late = Timestamp::now().duration_since(end);
    assert!(!late.is_negative(), "{late:?} after its end");
    let said = events(&sandbox).await;
    assert!(said.contains(&("Warning".to_owned(), "ExpiresSoon".to_owned())), "{said:?}");
    assert!(said.contains(&("Normal".to_owned(), "Expired".to_owned())), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_time_that_somebody_makes_up_keeps_a_preview_longer_than_the_maximum() {
    const HOURS: i64 = 7_200;
    let sandbox = Sandbox::new("limits-forged").await;
    let _policy = Policy::set(&sandbox, json!({ "limits": { "maxTtl": "2h" } })).await;
    let operator = sandbox.operate().await;
    let created = create(&sandbox, "web", json!({})).await;
    ends_after(&sandbox, "web", created, HOURS).await;
    let forged = |fields: Value| {
        json!([{
            "manager": "somebody", "operation": "Update", "apiVersion": "platform9.com/v1", "time": "2098-12-31T12:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": fields },
        }])
    };
    let fields = forged(json!({ "f:fqdn": {} }));
    let web: PreviewEnvironment =
        sandbox.merge("web", json!({ "metadata": { "managedFields": fields } })).await;
    let newest = web
        .metadata
        .managed_fields
        .unwrap()
        .into_iter()
        .filter_map(|entry| entry.time)
        .max()
        .unwrap()
        .0;
    assert_eq!(newest.to_string(), "2098-12-31T12:00:00Z", "an API server takes that");
    operator.at_rest().await;
    ends_after(&sandbox, "web", created, HOURS).await;

    // Together with an edit, which counts for itself.
    let fields = forged(json!({ "f:fqdn": {} }));
    let edit = json!({ "metadata": { "managedFields": fields }, "spec": { "revision": "two" } });
    sandbox.merge::<PreviewEnvironment>("web", edit).await;
    let looked_at =
        |web: &PreviewEnvironment| status(web).observed_generation == web.metadata.generation;
    sandbox.until("web", "is looked at", looked_at).await;
    operator.at_rest().await;
    let web = status(&sandbox.get("web").await);
    let (changed, end) = (web.changed_at.unwrap().0, web.expires_at.unwrap().0);
    assert!(changed.duration_since(Timestamp::now()).as_secs() <= 5, "{changed}");
    assert_eq!(end, changed + SignedDuration::from_secs(HOURS));
    operator.stop().await.unwrap();
    let operator = sandbox.operate().await;
    operator.at_rest().await;
    let web: PreviewEnvironment = sandbox.get("web").await;
    assert_eq!(status(&web).expires_at.map(|at| at.0), Some(end), "a restart changes nothing");
}
