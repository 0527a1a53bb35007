//! What another client writes to the status of a preview, on a real control plane: it counts for
//! nothing, and the operator takes it away.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentStatus};
use serde_json::{Value, json};
use tests::cluster::{SOON, Sandbox, condition, describe, eventually};
use tests::fixtures::{PreviewFixture, preview};

/// A preview without a route, with this lifetime, that is Ready.
async fn ready(sandbox: &Sandbox, ttl: &str) -> PreviewEnvironment {
    let fields = json!({ "ttl": ttl, "route": { "type": "None" } });
    sandbox.create(&preview("web").with_fields(fields)).await;
    sandbox.until_ready("web").await
}

async fn forge(sandbox: &Sandbox, status: Value) -> PreviewEnvironment {
    let patch = Patch::Merge(json!({ "status": status }));
    let api = sandbox.api::<PreviewEnvironment>();
    api.patch_status("web", &PatchParams::default(), &patch).await.unwrap()
}

fn status(preview: &PreviewEnvironment) -> PreviewEnvironmentStatus {
    preview.status.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_another_client_adds_to_the_status_is_removed() {
    let sandbox = Sandbox::new("status-added").await;
    let _operator = sandbox.start_operator().await;
    ready(&sandbox, "72h").await;
    let forged = forge(&sandbox, json!({ "url": "http://evil.example" })).await;
    assert!(status(&forged).url.is_some(), "{}", describe(&forged));
    let is_gone = |preview: &PreviewEnvironment| status(preview).url.is_none();
    sandbox.until("web", "has no URL", is_gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_time_of_the_last_edit_ends_no_preview() {
    let sandbox = Sandbox::new("status-time").await;
    let operator = sandbox.start_operator().await;
    let created = ready(&sandbox, "1h").await.metadata.creation_timestamp.unwrap().0;
    eventually(SOON, "an edit has another second than the creation", async || {
        let age = Timestamp::now().duration_since(created);
        if age.as_secs() >= 2 { Ok(()) } else { Err(format!("{age:?}")) }
    })
    .await;
    sandbox.merge::<PreviewEnvironment>("web", json!({ "spec": { "replicas": 2 } })).await;
    let is_edited =
        |preview: &PreviewEnvironment| status(preview).changed_at.is_some_and(|at| at.0 > created);
    let before = sandbox.until("web", "has the time of its edit", is_edited).await;
    forge(&sandbox, json!({ "changedAt": created, "expiresAt": created })).await;
    let is_right = |preview: &PreviewEnvironment| {
        let end = status(preview).expires_at.map(|at| at.0);
        is_edited(preview)
            && end.is_some_and(|end| end > Timestamp::now() + SignedDuration::from_mins(55))
    };
    let after = sandbox.until("web", "expires in an hour", is_right).await;
    assert_eq!(after.metadata.uid, before.metadata.uid);
    operator.until_at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_condition_is_removed_and_one_of_an_unknown_type_stays() {
    let sandbox = Sandbox::new("status-condition").await;
    let operator = sandbox.start_operator().await;
    let before = ready(&sandbox, "72h").await;
    let forged = |type_: &str| {
        json!({ "type": type_, "status": "True", "reason": "Forged", "message": "forged",
            "lastTransitionTime": "2030-01-01T00:00:00Z" })
    };
    let mut conditions = serde_json::to_value(status(&before).conditions).unwrap();
    let all = conditions.as_array_mut().unwrap();
    all.extend([forged("Expiring"), forged("example.com/Seen")]);
    forge(&sandbox, json!({ "conditions": conditions })).await;
    let is_right = |preview: &PreviewEnvironment| !condition(preview, "Expiring").is_true();
    let after = sandbox.until("web", "does not expire", is_right).await;
    assert!(condition(&after, "example.com/Seen").is_true(), "{}", describe(&after));
    assert!(condition(&after, "Ready").is_true(), "{}", describe(&after));
    operator.until_at_rest().await;
}
