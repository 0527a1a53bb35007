//! Limits of the lifetime of previews, on a real control plane: by a policy and by the operator's
//! setting, with a warning before a shorter limit, and against forged times.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use kubewright::Registry;
use kubewright::runtime::Settings;
use operator::policy::PolicyOperator;
use operator::preview::PreviewOperator;
use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentStatus};
use serde_json::{Value, json};
use tests::cluster::{Operator, SOON, Sandbox, condition, describe, eventually};
use tests::fixtures::{PreviewFixture, preview};
use tests::policy::Policy;

async fn create(sandbox: &Sandbox, name: &str, spec: Value) -> Timestamp {
    let created = sandbox
        .create(
            &preview(name)
                .with_fields(json!({ "replicas": 0, "route": { "type": "None" } }))
                .with_fields(spec),
        )
        .await;
    created.metadata.creation_timestamp.unwrap().0
}

fn status(preview: &PreviewEnvironment) -> PreviewEnvironmentStatus {
    preview.status.clone().unwrap_or_default()
}

/// Waits until `expiresAt` is so many seconds after the creation.
async fn until_expiry_is(sandbox: &Sandbox, name: &str, created: Timestamp, seconds: i64) {
    let end = created + SignedDuration::from_secs(seconds);
    let is = move |preview: &PreviewEnvironment| {
        status(preview).expires_at.is_some_and(|at| at.0 == end)
    };
    sandbox.until(name, format!("expires {seconds} s after its creation"), is).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_and_a_setting_of_the_operator_limit_the_lifetime_of_previews() {
    const HOUR: i64 = 3_600;
    let sandbox = Sandbox::new("limits").await;
    let policy =
        Policy::create(&sandbox, json!({ "limits": { "defaultTtl": "1h", "maxTtl": "2h" } })).await;
    let operator = sandbox.start_operator().await;
    let default = create(&sandbox, "default", json!({})).await;
    let short = create(&sandbox, "short", json!({ "ttl": "30m" })).await;
    let long = create(&sandbox, "long", json!({ "ttl": "72h" })).await;
    let until = create(&sandbox, "until", json!({ "expiresAt": "2098-12-31T12:00:00Z" })).await;
    create(&sandbox, "pinned", json!({ "pinned": true })).await;
    until_expiry_is(&sandbox, "default", default, HOUR).await;
    until_expiry_is(&sandbox, "short", short, HOUR / 2).await;
    until_expiry_is(&sandbox, "long", long, 2 * HOUR).await;
    until_expiry_is(&sandbox, "until", until, 2 * HOUR).await;
    let pinned: PreviewEnvironment = sandbox.until_ready("pinned").await;
    assert_eq!(status(&pinned).expires_at, None);

    policy.update(json!({ "limits": { "defaultTtl": "5h" } })).await;
    until_expiry_is(&sandbox, "default", default, 5 * HOUR).await;
    until_expiry_is(&sandbox, "long", long, 72 * HOUR).await;
    operator.stop().await.unwrap();

    let setting = PreviewOperator {
        maximum_ttl: Some(Duration::from_hours(4)),
        ..PreviewOperator::default()
    };
    let registry = Registry::new(operator::NAME).with(setting).with(PolicyOperator);
    let settings =
        Settings { namespaces: vec![sandbox.namespace().to_owned()], ..Settings::default() };
    let _operator = Operator::start_with(&registry, sandbox.cluster().kubeconfig(), settings).await;
    until_expiry_is(&sandbox, "default", default, 4 * HOUR).await;
    until_expiry_is(&sandbox, "short", short, HOUR / 2).await;
    until_expiry_is(&sandbox, "long", long, 4 * HOUR).await;
    policy.update(json!({ "limits": { "maxTtl": "3h" } })).await;
    until_expiry_is(&sandbox, "long", long, 3 * HOUR).await;
    policy.delete().await;
    until_expiry_is(&sandbox, "long", long, 4 * HOUR).await;
}

/// Types and reasons of the Events about previews.
async fn events(sandbox: &Sandbox) -> Vec<(String, String)> {
    let of_previews = |event: &Event| {
        event.regarding.as_ref().and_then(|it| it.kind.as_deref()) == Some("PreviewEnvironment")
    };
    let events = sandbox.list::<Event>().await.into_iter().filter(of_previews);
    let mut found: Vec<_> =
        events.map(|e| (e.type_.unwrap_or_default(), e.reason.unwrap_or_default())).collect();
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_limit_warns_before_it_deletes_and_can_be_corrected_and_survives_a_restart() {
    /// Long enough that a tenth of it outlasts a restart of the operator.
    const TTL: i64 = 300;
    let sandbox = Sandbox::new("limits-shorter").await;
    let operator = sandbox.start_operator().await;
    let created = create(&sandbox, "web", json!({ "ttl": format!("{TTL}s") })).await;
    until_expiry_is(&sandbox, "web", created, TTL).await;
    let policy = Policy::create(&sandbox, json!({ "limits": { "maxTtl": "1s" } })).await;
    let warns = |web: &PreviewEnvironment| condition(web, "Expiring").is_true();
    let warned = async || -> (Timestamp, SignedDuration) {
        let web = sandbox.until("web", "has the warning Expiring", warns).await;
        let message = condition(&web, "Expiring").message.clone();
        assert!(message.contains("limits.maxTtl of PreviewPolicy"), "{}", describe(&web));
        let end = status(&web).expires_at.unwrap().0;
        (end, end.duration_since(Timestamp::now()))
    };
    let (_, left) = warned().await;
    let tenth = TTL / 10;
    assert!((1..=tenth + 1).contains(&left.as_secs()), "expected about {tenth} s, found {left:?}");
    policy.update(json!({ "limits": { "maxTtl": "1h" } })).await;
    until_expiry_is(&sandbox, "web", created, TTL).await;
    let corrected: PreviewEnvironment = sandbox.get("web").await;
    assert!(!condition(&corrected, "Expiring").is_true(), "{}", describe(&corrected));

    policy.update(json!({ "limits": { "maxTtl": "1s" } })).await;
    let (end, _) = warned().await;
    operator.stop().await.unwrap();
    let operator = sandbox.start_operator().await;
    operator.until_idle().await;
    let web: PreviewEnvironment = sandbox.get("web").await;
    let expires_at = status(&web).expires_at.map(|at| at.0);
    assert_eq!(expires_at, Some(end), "a restart keeps the announced end");
    sandbox.until_gone::<PreviewEnvironment>("web").await;
    let late = Timestamp::now().duration_since(end);
    assert!(!late.is_negative(), "deleted {late:?} after its end");
    // The operator sends Events in the background.
    eventually(SOON, "the Events ExpiresSoon and Expired exist", async || {
        let events = events(&sandbox).await;
        let expected = [("Warning", "ExpiresSoon"), ("Normal", "Expired")]
            .map(|(type_, reason)| (type_.to_owned(), reason.to_owned()));
        let found = expected.iter().all(|event| events.contains(event));
        if found { Ok(()) } else { Err(format!("{events:?}")) }
    })
    .await;
}

/// A time that is later than any limit allows.
const FORGED: &str = "2098-12-31T12:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_time_in_managed_fields_does_not_change_the_expiry() {
    const LIMIT: i64 = 7_200;
    let sandbox = Sandbox::new("limits-forged").await;
    let _policy = Policy::create(&sandbox, json!({ "limits": { "maxTtl": "2h" } })).await;
    let operator = sandbox.start_operator().await;
    let created = create(&sandbox, "web", json!({})).await;
    until_expiry_is(&sandbox, "web", created, LIMIT).await;
    let fields = json!([{
        "manager": "somebody", "operation": "Update", "apiVersion": "platform9.com/v1",
        "time": FORGED, "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": { "f:fqdn": {} } },
    }]);
    let patch = json!({ "metadata": { "managedFields": fields } });
    let web: PreviewEnvironment = sandbox.merge("web", patch).await;
    let entries = web.metadata.managed_fields.unwrap().into_iter();
    let newest = entries.filter_map(|entry| entry.time).max().unwrap().0;
    assert_eq!(newest.to_string(), FORGED, "the API server accepts a forged time");
    operator.until_at_rest().await;
    until_expiry_is(&sandbox, "web", created, LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_changed_at_in_the_status_does_not_extend_a_preview_beyond_the_limit() {
    const LIMIT: i64 = 7_200;
    let sandbox = Sandbox::new("limits-status").await;
    let _policy = Policy::create(&sandbox, json!({ "limits": { "maxTtl": "2h" } })).await;
    let operator = sandbox.start_operator().await;
    let created = create(&sandbox, "web", json!({})).await;
    until_expiry_is(&sandbox, "web", created, LIMIT).await;
    let is_within_limit = |web: &PreviewEnvironment| {
        let latest = Timestamp::now() + SignedDuration::from_secs(LIMIT);
        let PreviewEnvironmentStatus { changed_at, expires_at, .. } = status(web);
        changed_at.is_some_and(|at| at.0 <= Timestamp::now())
            && expires_at.is_some_and(|at| at.0 <= latest)
    };
    let forge = async || {
        let patch = Patch::Merge(json!({ "status": { "changedAt": FORGED } }));
        let api = sandbox.api::<PreviewEnvironment>();
        api.patch_status("web", &PatchParams::default(), &patch).await.unwrap();
    };
    forge().await;
    sandbox.until("web", "has a changedAt that is not forged", is_within_limit).await;

    // The same while the operator does not run.
    operator.stop().await.unwrap();
    forge().await;
    let operator = sandbox.start_operator().await;
    operator.until_at_rest().await;
    sandbox.until("web", "has a changedAt that is not forged", is_within_limit).await;
}
