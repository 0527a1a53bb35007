//! Expiry of previews, on a real control plane: to the second, also after an outage of the
//! operator, never despite an extension, and at a limited rate; and `status.changedAt`, from which
//! a TTL counts.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kubewright::runtime::Settings;
use operator_api::preview::PreviewEnvironment;
use serde_json::json;
use tests::cluster::{Operator, SOON, Sandbox, condition, describe, eventually, throughout};
use tests::fixtures::{PreviewFixture, preview};

async fn create_with_ttl(sandbox: &Sandbox, name: &str, ttl: &str) -> PreviewEnvironment {
    sandbox.create(&preview(name).with_fields(json!({ "ttl": ttl }))).await
}

/// Waits until the preview's status has `expiresAt`; returns the time.
async fn end_of(sandbox: &Sandbox, name: &str) -> Timestamp {
    let has_end = |preview: &PreviewEnvironment| {
        preview.status.as_ref().is_some_and(|status| status.expires_at.is_some())
    };
    let preview = sandbox.until(name, "has expiresAt", has_end).await;
    preview.status.unwrap().expires_at.unwrap().0
}

/// Waits until this moment by the clock of this machine.
async fn until(moment: Timestamp) {
    eventually(SOON, format!("the time is {moment}"), async || {
        if Timestamp::now() >= moment { Ok(()) } else { Err(String::new()) }
    })
    .await;
}

fn since(moment: Timestamp) -> SignedDuration {
    Timestamp::now().duration_since(moment)
}

/// Types and reasons of the Events about a preview.
async fn events(sandbox: &Sandbox, name: &str) -> Vec<(String, String)> {
    let about = |event: &Event| {
        let regarding = event.regarding.clone().unwrap_or_default();
        (regarding.kind.as_deref(), regarding.name.as_deref())
            == (Some("PreviewEnvironment"), Some(name))
    };
    let events = sandbox.list::<Event>().await.into_iter().filter(about);
    let mut found: Vec<_> =
        events.map(|e| (e.type_.unwrap_or_default(), e.reason.unwrap_or_default())).collect();
    found.sort();
    found
}

async fn extend(sandbox: &Sandbox, name: &str) -> Result<PreviewEnvironment, kube::Error> {
    let later = Timestamp::now() + SignedDuration::from_hours(2);
    let patch = Patch::Merge(json!({ "spec": { "expiresAt": later.to_string() } }));
    sandbox.api::<PreviewEnvironment>().patch(name, &PatchParams::default(), &patch).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_warns_before_its_expiry_and_is_deleted_to_the_second() {
    let sandbox = Sandbox::new("expiry").await;
    let _operator = sandbox.start_operator().await;
    let web = create_with_ttl(&sandbox, "web", "20s").await;
    let created = web.metadata.creation_timestamp.unwrap().0;
    let end = end_of(&sandbox, "web").await;
    assert_eq!(end, created + SignedDuration::from_secs(20));
    let web: PreviewEnvironment = sandbox
        .until("web", "has the warning Expiring", |web: &PreviewEnvironment| {
            condition(web, "Expiring").is_true()
        })
        .await;
    let warned = since(end);
    assert!(
        (-2_000..-1_000).contains(&warned.as_millis()),
        "expected the warning a tenth of the TTL before the end, found {warned:?} after the end"
    );
    assert!(condition(&web, "Ready").is_true(), "{}", describe(&web));
    assert!(condition(&web, "Expiring").message.contains(&end.to_string()), "{}", describe(&web));
    sandbox.until_gone::<PreviewEnvironment>("web").await;
    let late = since(end);
    assert!(late.is_positive() && late.as_millis() < 1_000, "deleted {late:?} after its end");
    sandbox.until_none::<Deployment>().await;
    let expected = [("Normal", "Expired"), ("Warning", "ExpiresSoon")]
        .map(|(type_, reason)| (type_.to_owned(), reason.to_owned()));
    // The operator sends Events in the background.
    eventually(SOON, "the two Events exist", async || {
        let events = events(&sandbox, "web").await;
        if events == expected { Ok(()) } else { Err(format!("{events:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_that_expired_during_an_outage_are_deleted_at_the_start_unless_extended() {
    let sandbox = Sandbox::new("expiry-down").await;
    let operator = sandbox.start_operator().await;
    for name in ["old", "extended", "pinned"] {
        create_with_ttl(&sandbox, name, "6s").await;
    }
    let mut last = Timestamp::MIN;
    for name in ["old", "extended", "pinned"] {
        last = last.max(end_of(&sandbox, name).await);
    }
    operator.stop().await.unwrap();
    extend(&sandbox, "extended").await.unwrap();
    sandbox.merge::<PreviewEnvironment>("pinned", json!({ "spec": { "pinned": true } })).await;
    until(last + SignedDuration::from_secs(1)).await;
    assert!(
        sandbox.find::<PreviewEnvironment>("old").await.is_some(),
        "no operator runs that deletes it"
    );

    let operator = sandbox.start_operator().await;
    sandbox.until_gone::<PreviewEnvironment>("old").await;
    operator.until_at_rest().await;
    let left: Vec<_> = sandbox
        .list::<PreviewEnvironment>()
        .await
        .into_iter()
        .filter_map(|p| p.metadata.name)
        .collect();
    assert_eq!(left, ["extended", "pinned"]);
    let pinned = sandbox.until("pinned", "has no expiresAt", |p: &PreviewEnvironment| {
        p.status.as_ref().unwrap().expires_at.is_none()
    });
    assert!(condition(&pinned.await, "Expiring").status.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_the_api_server_accepted_is_never_lost() {
    const EACH: i64 = 24;
    let sandbox = Sandbox::new("expiry-race").await;
    // The default deletion limit would leave no deletion to race against.
    let settings = Settings {
        namespaces: vec![sandbox.namespace().to_owned()],
        expirations_per_minute: 60_000,
        ..Settings::default()
    };
    let operator =
        Operator::start_with(&operator::registry(), sandbox.cluster().kubeconfig(), settings).await;
    let names: Vec<String> = (0..EACH).map(|number| format!("web-{number}")).collect();
    for name in &names {
        sandbox
            .create(
                &preview(name).with_fields(json!({ "replicas": 0, "route": { "type": "None" } })),
            )
            .await;
    }
    operator.until_at_rest().await;
    let ends = Timestamp::from_second(Timestamp::now().as_second() + 5).unwrap();
    let end = json!({ "spec": { "expiresAt": ends.to_string() } });
    let _ = join_all(
        names.iter().map(|name| sandbox.merge::<PreviewEnvironment>(name, end.clone())).collect(),
    )
    .await;
    // From shortly before the end until long after it.
    let race = async |number: i64, name: &str| {
        until(ends + SignedDuration::from_millis((number - 4) * 80)).await;
        extend(&sandbox, name).await.is_ok()
    };
    let races: Vec<_> = names.iter().zip(0..).map(|(name, number)| race(number, name)).collect();
    let extended: Vec<bool> = join_all(races).await;
    for (name, extended) in names.iter().zip(&extended) {
        if *extended {
            // `expiresAt` changes when the operator has seen the extension. Its earlier reconciles
            // have ended then.
            let later = |preview: &PreviewEnvironment| {
                preview
                    .status
                    .as_ref()
                    .and_then(|status| status.expires_at.as_ref())
                    .is_some_and(|at| at.0 > ends)
            };
            sandbox.until(name, "expires later", later).await;
        } else {
            sandbox.until_gone::<PreviewEnvironment>(name).await;
        }
    }
    let saved = extended.iter().filter(|extended| **extended).count();
    assert!(saved > 0 && saved < names.len(), "{saved} of {EACH} were extended: no race happened");
}

/// Runs all futures concurrently.
async fn join_all<T>(all: Vec<impl Future<Output = T>>) -> Vec<T> {
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_expiration_limit_deletes_a_few_previews_and_keeps_the_others_until_a_correction() {
    let sandbox = Sandbox::new("expiry-limit").await;
    let settings = Settings {
        namespaces: vec![sandbox.namespace().to_owned()],
        expirations_per_minute: 6,
        ..Settings::default()
    };
    let operator =
        Operator::start_with(&operator::registry(), sandbox.cluster().kubeconfig(), settings).await;
    let names: Vec<String> = (0..5).map(|number| format!("web-{number}")).collect();
    for name in &names {
        create_with_ttl(&sandbox, name, "3s").await;
    }
    operator
        .until("three expirations are pending", |metrics| {
            metrics.sum("kubewright_pending_expirations", &[]) == 3
        })
        .await;
    let left = async || -> Vec<PreviewEnvironment> { sandbox.list().await };
    eventually(SOON, "two previews are deleted", async || match left().await.len() {
        3 => Ok(()),
        left => Err(format!("{left} previews exist")),
    })
    .await;
    throughout(Duration::from_secs(3), "the other previews are kept", async || {
        let left = left().await.len();
        if left == 3 { Ok(()) } else { Err(format!("{left} previews exist")) }
    })
    .await;
    for preview in left().await {
        let (name, expiring) =
            (preview.metadata.name.clone().unwrap(), condition(&preview, "Expiring"));
        assert_eq!(expiring.status_and_reason(), ("True", "Expired"), "{}", describe(&preview));
        assert!(sandbox.find::<Deployment>(&name).await.is_some(), "{name} keeps its Deployment");
        sandbox.merge::<PreviewEnvironment>(&name, json!({ "spec": { "pinned": true } })).await;
    }
    operator
        .until("no expiration is pending", |metrics| {
            metrics.sum("kubewright_pending_expirations", &[]) == 0
        })
        .await;
    assert_eq!(left().await.len(), 3);
}

/// The preview's `status.changedAt` when it belongs to the present generation.
fn changed_at(preview: &PreviewEnvironment) -> Option<Timestamp> {
    let status = preview.status.as_ref()?;
    let is_current = status.observed_generation == preview.metadata.generation;
    status.changed_at.as_ref().filter(|_| is_current).map(|at| at.0)
}

/// Waits until the operator has seen the present generation; returns its `status.changedAt`.
async fn until_changed_at(sandbox: &Sandbox) -> Timestamp {
    let has_time = |web: &PreviewEnvironment| changed_at(web).is_some();
    changed_at(&sandbox.until("web", "has a changedAt", has_time).await).unwrap()
}

/// Waits until the next whole second: times in a status have no fractions.
async fn until_next_second() -> Timestamp {
    let next = Timestamp::from_second(Timestamp::now().as_second() + 1).unwrap();
    until(next + SignedDuration::from_millis(50)).await;
    next
}

async fn scale(sandbox: &Sandbox, replicas: i32) {
    let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
    let api = sandbox.api::<PreviewEnvironment>();
    api.patch_scale("web", &PatchParams::default(), &patch).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_generation_is_dated_by_the_creation_and_an_edit_when_it_is_first_seen() {
    let sandbox = Sandbox::new("changed-at").await;
    let operator = sandbox.start_operator().await;
    let source = json!({ "branch": "x" });
    let fields = json!({ "ttl": "1h", "replicas": 0, "source": source });
    let created = sandbox.create(&preview("web").with_fields(fields)).await;
    let created = created.metadata.creation_timestamp.unwrap().0;
    assert_eq!(until_changed_at(&sandbox).await, created);
    operator.until_at_rest().await;

    // The API server records no time for the second and the third edit.
    for edit in ["a value", "a scale", "a removed field"] {
        let before = until_next_second().await;
        match edit {
            "a value" => {
                let patch = json!({ "spec": { "source": { "branch": "y" } } });
                drop(sandbox.merge::<PreviewEnvironment>("web", patch).await);
            }
            "a scale" => scale(&sandbox, 1).await,
            _ => {
                let patch = json!({ "spec": { "source": null } });
                drop(sandbox.merge::<PreviewEnvironment>("web", patch).await);
            }
        }
        let changed = until_changed_at(&sandbox).await;
        assert!((before..=Timestamp::now()).contains(&changed), "{edit}: {changed}");
        assert_eq!(end_of(&sandbox, "web").await, changed + SignedDuration::from_hours(1));
        operator.until_at_rest().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_change_the_spec_and_a_restart_keep_changed_at() {
    let sandbox = Sandbox::new("changed-at-kept").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "ttl": "1h" }))).await;
    until_changed_at(&sandbox).await;
    let edited = until_next_second().await;
    scale(&sandbox, 2).await;
    let changed = until_changed_at(&sandbox).await;
    assert!(changed >= edited, "{changed}");
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    operator.until_at_rest().await;

    until_next_second().await;
    let metadata = json!({ "labels": { "a": "b" }, "annotations": { "a": "b" } });
    sandbox.merge::<PreviewEnvironment>("web", json!({ "metadata": metadata })).await;
    // The pods come and go: the status is written again.
    let pods = sandbox.api::<Pod>();
    pods.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
    sandbox.until_ready::<PreviewEnvironment>("web").await;
    operator.until_at_rest().await;
    assert_eq!(until_changed_at(&sandbox).await, changed);
    operator.stop().await.unwrap();

    until_next_second().await;
    let operator = sandbox.start_operator().await;
    operator.until_at_rest().await;
    assert_eq!(until_changed_at(&sandbox).await, changed, "a restart keeps changedAt");
    assert_eq!(end_of(&sandbox, "web").await, changed + SignedDuration::from_hours(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_during_an_outage_is_dated_when_the_operator_is_back() {
    let sandbox = Sandbox::new("changed-at-outage").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "ttl": "1h", "replicas": 0 }))).await;
    let first = until_changed_at(&sandbox).await;
    operator.until_at_rest().await;
    operator.stop().await.unwrap();

    scale(&sandbox, 1).await;
    let back = until_next_second().await;
    let operator = sandbox.start_operator().await;
    let changed = until_changed_at(&sandbox).await;
    assert!(first < back && back <= changed, "{first}, back at {back}, changed at {changed}");
    operator.until_at_rest().await;
    assert_eq!(end_of(&sandbox, "web").await, changed + SignedDuration::from_hours(1));
}
