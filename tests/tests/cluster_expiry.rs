//! When previews end, on a real control plane: to the second, also after an operator that was down,
//! never against an extension, and not all at once.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::cmp::Ordering::{Equal, Greater, Less};
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Patch, PatchParams};
use kubewright::core::time::Changed;
use kubewright::runtime::Settings;
use operator_api::preview::{PreviewEnvironment, PreviewEnvironmentSpec};
use serde_json::{Value, json};
use tests::cluster::{Operator, SOON, Sandbox, condition, eventually, seen, throughout};
use tests::fixtures::{Preview, preview};

/// The manager of the test's own changes.
const PERSON: &str = "a-person";

async fn kept(sandbox: &Sandbox, name: &str, ttl: &str) -> PreviewEnvironment {
    sandbox.create(&preview(name).with(json!({ "ttl": ttl }))).await
}

/// When a preview is to end, as its status says.
async fn end_of(sandbox: &Sandbox, name: &str) -> Timestamp {
    let shown = |preview: &PreviewEnvironment| {
        preview.status.as_ref().is_some_and(|status| status.expires_at.is_some())
    };
    let preview = sandbox.until(name, "says when it ends", shown).await;
    preview.status.unwrap().expires_at.unwrap().0
}

/// Waits until this moment, by the clock of this machine.
async fn until(moment: Timestamp) {
    eventually(SOON, "a moment has come", async || {
        if Timestamp::now() >= moment { Ok(()) } else { Err(String::new()) }
    })
    .await;
}

fn since(moment: Timestamp) -> SignedDuration {
    Timestamp::now().duration_since(moment)
}

/// What Events say about a preview: type, reason.
async fn events(sandbox: &Sandbox, name: &str) -> Vec<(String, String)> {
    let about = |event: &Event| {
        let regarding = event.regarding.clone().unwrap_or_default();
        (regarding.kind.as_deref(), regarding.name.as_deref())
            == (Some("PreviewEnvironment"), Some(name))
    };
    let events = sandbox.list::<Event>().await.into_iter().filter(about);
    let mut said: Vec<_> =
        events.map(|e| (e.type_.unwrap_or_default(), e.reason.unwrap_or_default())).collect();
    said.sort();
    said
}

async fn extend(sandbox: &Sandbox, name: &str) -> Result<PreviewEnvironment, kube::Error> {
    let later = Timestamp::now() + SignedDuration::from_hours(2);
    let patch = Patch::Merge(json!({ "spec": { "expiresAt": later.to_string() } }));
    sandbox
        .api::<PreviewEnvironment>()
        .patch(
            name,
            &PatchParams { field_manager: Some(PERSON.into()), ..PatchParams::default() },
            &patch,
        )
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_warns_and_is_deleted_to_the_second() {
    let sandbox = Sandbox::new("expiry").await;
    let _operator = sandbox.operate().await;
    // One whose image may be anybody would warn of that, too.
    let web = preview("web").with(json!({ "ttl": "20s", "podSecurity": { "runAsUser": 1000 } }));
    let created = sandbox.create(&web).await.metadata.creation_timestamp.unwrap().0;
    let end = end_of(&sandbox, "web").await;
    assert_eq!(end, created + SignedDuration::from_secs(20));
    let web: PreviewEnvironment = sandbox
        .until("web", "warns", |web: &PreviewEnvironment| condition(web, "Expiring").holds())
        .await;
    let warned = since(end);
    assert!(
        (-2_000..-1_000).contains(&warned.as_millis()),
        "a tenth before the end, and not {warned:?} after it"
    );
    assert!(condition(&web, "Ready").holds(), "{}", seen(&web));
    assert!(condition(&web, "Expiring").message.contains(&end.to_string()), "{}", seen(&web));
    sandbox.gone::<PreviewEnvironment>("web").await;
    let late = since(end);
    assert!(late.is_positive() && late.as_millis() < 1_000, "{late:?} after its end");
    sandbox.none::<Deployment>().await;
    let expected = [("Normal", "Expired"), ("Warning", "ExpiresSoon")]
        .map(|(tone, why)| (tone.to_owned(), why.to_owned()));
    assert_eq!(events(&sandbox, "web").await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_while_nobody_looked_is_deleted_at_the_start_and_what_was_extended_is_not() {
    let sandbox = Sandbox::new("expiry-down").await;
    let operator = sandbox.operate().await;
    for name in ["old", "extended", "pinned"] {
        kept(&sandbox, name, "6s").await;
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
        "nobody was there to delete it"
    );

    let operator = sandbox.operate().await;
    sandbox.gone::<PreviewEnvironment>("old").await;
    operator.at_rest().await;
    let left: Vec<_> = sandbox
        .list::<PreviewEnvironment>()
        .await
        .into_iter()
        .filter_map(|p| p.metadata.name)
        .collect();
    assert_eq!(left, ["extended", "pinned"]);
    let pinned = sandbox.until("pinned", "has no end", |p: &PreviewEnvironment| {
        p.status.as_ref().unwrap().expires_at.is_none()
    });
    assert!(condition(&pinned.await, "Expiring").status.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_that_was_taken_is_never_lost_however_late_it_comes() {
    const EACH: i64 = 24;
    let sandbox = Sandbox::new("expiry-race").await;
    // What holds deletions back would leave nothing to race against.
    let settings = Settings {
        namespaces: vec![sandbox.namespace().to_owned()],
        deletions_per_minute: 60_000,
        ..Settings::default()
    };
    let operator =
        Operator::start_with(&operator::registry(), sandbox.cluster().kubeconfig(), settings).await;
    let names: Vec<String> = (0..EACH).map(|number| format!("web-{number}")).collect();
    for name in &names {
        sandbox
            .create(&preview(name).with(json!({ "replicas": 0, "route": { "type": "None" } })))
            .await;
    }
    operator.at_rest().await;
    let ends = Timestamp::from_second(Timestamp::now().as_second() + 5).unwrap();
    let end = json!({ "spec": { "expiresAt": ends.to_string() } });
    let _ = futures_of(
        names.iter().map(|name| sandbox.merge::<PreviewEnvironment>(name, end.clone())).collect(),
    )
    .await;
    // From a little before the end until long after it.
    let race = async |number: i64, name: &str| {
        until(ends + SignedDuration::from_millis((number - 4) * 80)).await;
        extend(&sandbox, name).await.is_ok()
    };
    let races: Vec<_> = names.iter().zip(0..).map(|(name, number)| race(number, name)).collect();
    let extended: Vec<bool> = futures_of(races).await;
    for (name, extended) in names.iter().zip(&extended) {
        if *extended {
            // Its end is told when the operator has seen the extension; what it had in hand before
            // that is over then.
            let later = |preview: &PreviewEnvironment| {
                preview
                    .status
                    .as_ref()
                    .and_then(|status| status.expires_at.as_ref())
                    .is_some_and(|at| at.0 > ends)
            };
            sandbox.until(name, "ends later", later).await;
        } else {
            sandbox.gone::<PreviewEnvironment>(name).await;
        }
    }
    let won = extended.iter().filter(|extended| **extended).count();
    assert!(won > 0 && won < names.len(), "{won} of {EACH} were extended: nothing raced");
}

/// All of these side by side.
async fn futures_of<T>(all: Vec<impl Future<Output = T>>) -> Vec<T> {
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
async fn one_wrong_setting_deletes_a_few_and_leaves_the_others_as_they_are_until_it_is_mended() {
    let sandbox = Sandbox::new("expiry-brake").await;
    let settings = Settings {
        namespaces: vec![sandbox.namespace().to_owned()],
        deletions_per_minute: 6,
        ..Settings::default()
    };
    let operator =
        Operator::start_with(&operator::registry(), sandbox.cluster().kubeconfig(), settings).await;
    let names: Vec<String> = (0..5).map(|number| format!("web-{number}")).collect();
    for name in &names {
        kept(&sandbox, name, "3s").await;
    }
    operator
        .until("three are held back", |metrics| metrics.sum("kubewright_held_deletions", &[]) == 3)
        .await;
    let left = async || -> Vec<PreviewEnvironment> { sandbox.list().await };
    eventually(SOON, "two are gone", async || match left().await.len() {
        3 => Ok(()),
        left => Err(format!("{left} are left")),
    })
    .await;
    throughout(Duration::from_secs(3), "the others are kept", async || {
        let left = left().await.len();
        if left == 3 { Ok(()) } else { Err(format!("{left} are left")) }
    })
    .await;
    for preview in left().await {
        let (name, expiring) =
            (preview.metadata.name.clone().unwrap(), condition(&preview, "Expiring"));
        assert_eq!(expiring.says(), ("True", "Expired"), "{}", seen(&preview));
        assert!(sandbox.find::<Deployment>(&name).await.is_some(), "{name} works as before");
        sandbox.merge::<PreviewEnvironment>(&name, json!({ "spec": { "pinned": true } })).await;
    }
    operator
        .until("none is held back", |metrics| metrics.sum("kubewright_held_deletions", &[]) == 0)
        .await;
    assert_eq!(left().await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_which_the_api_server_tells_no_time_begins_the_ttl_anew_also_while_nobody_looks()
{
    let sandbox = Sandbox::new("expiry-edits").await;
    let operator = sandbox.operate().await;
    let source = json!({ "branch": "x" });
    sandbox.create(&preview("web").with(json!({ "ttl": "60s", "source": source }))).await;
    sandbox.ready::<PreviewEnvironment>("web").await;
    let first = end_of(&sandbox, "web").await;
    let ends_after = |moment: Timestamp| {
        move |preview: &PreviewEnvironment| {
            let status = preview.status.as_ref().unwrap();
            status.observed_generation == preview.metadata.generation
                && status.expires_at.as_ref().is_some_and(|at| at.0 > moment)
        }
    };
    let a_second_later =
        async || until(Timestamp::now() + SignedDuration::from_millis(1_100)).await;

    a_second_later().await;
    sandbox.merge::<PreviewEnvironment>("web", json!({ "spec": { "source": null } })).await;
    sandbox.until("web", "ends later", ends_after(first)).await;
    let second = end_of(&sandbox, "web").await;
    operator.at_rest().await;

    a_second_later().await;
    let scale = Patch::Merge(json!({ "spec": { "replicas": 2 } }));
    sandbox
        .api::<PreviewEnvironment>()
        .patch_scale("web", &PatchParams::default(), &scale)
        .await
        .unwrap();
    sandbox.until("web", "ends later still", ends_after(second)).await;
    let third = end_of(&sandbox, "web").await;
    operator.at_rest().await;
    operator.stop().await.unwrap();

    a_second_later().await;
    let scale = Patch::Merge(json!({ "spec": { "replicas": 0 } }));
    sandbox
        .api::<PreviewEnvironment>()
        .patch_scale("web", &PatchParams::default(), &scale)
        .await
        .unwrap();
    let operator = sandbox.operate().await;
    sandbox.until("web", "ends later again", ends_after(third)).await;
    operator.at_rest().await;
    let last = end_of(&sandbox, "web").await;
    operator.stop().await.unwrap();
    let operator = sandbox.operate().await;
    operator.at_rest().await;
    assert_eq!(end_of(&sandbox, "web").await, last, "a restart changes nothing");
}

/// When the spec was last changed, as the API server says.
async fn changed_at(sandbox: &Sandbox) -> Timestamp {
    let preview: PreviewEnvironment = sandbox.get("web").await;
    Changed::of(&serde_json::to_vec(&preview).unwrap()).at.unwrap()
}

/// The preview as this manager applies it, with a label.
async fn apply(sandbox: &Sandbox, manager: &str, label: &str, spec: &PreviewEnvironmentSpec) {
    let object = json!({
        "apiVersion": "platform9.com/v1", "kind": "PreviewEnvironment",
        "metadata": { "name": "web", "labels": { "of": label } }, "spec": spec,
    });
    let params = PatchParams::apply(manager).force();
    sandbox.api::<PreviewEnvironment>().patch("web", &params, &Patch::Apply(object)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_server_records_of_a_change_of_the_spec() {
    let sandbox = Sandbox::new("changed").await;
    let spec = preview("web").with(json!({ "revision": "one", "ttl": "1h" })).spec;
    apply(&sandbox, "ci", "a", &spec).await;
    let (mut before, mut moved) = (changed_at(&sandbox).await, Vec::new());
    let patch = async |manager: &str, patch: Value| {
        let params = PatchParams { field_manager: Some(manager.into()), ..PatchParams::default() };
        sandbox
            .api::<PreviewEnvironment>()
            .patch("web", &params, &Patch::Merge(patch))
            .await
            .unwrap();
    };
    let two = PreviewEnvironmentSpec { revision: Some("two".into()), ..spec.clone() };
    for what in [
        "the same again",
        "a value applied",
        "another label by its manager",
        "a label by a person",
        "a status",
        "a value by a person",
        "a scale",
        "a field removed by a person",
    ] {
        // Times are whole seconds: what is changed in another one shows.
        let next_second = Timestamp::from_second(Timestamp::now().as_second() + 1).unwrap();
        until(next_second + SignedDuration::from_millis(50)).await;
        match what {
            "the same again" => apply(&sandbox, "ci", "a", &spec).await,
            "a value applied" => apply(&sandbox, "ci", "a", &two).await,
            "another label by its manager" => apply(&sandbox, "ci", "b", &two).await,
            "a label by a person" => {
                patch(PERSON, json!({ "metadata": { "labels": { "by": "hand" } } })).await
            }
            "a status" => {
                let status = json!({ "apiVersion": "platform9.com/v1", "kind": "PreviewEnvironment", "status": { "url": "http://x" } });
                let params = PatchParams::apply("status").force();
                let _ = sandbox
                    .api::<PreviewEnvironment>()
                    .patch_status("web", &params, &Patch::Apply(status))
                    .await
                    .unwrap();
            }
            "a value by a person" => {
                patch(PERSON, json!({ "spec": { "source": { "branch": "x" } } })).await
            }
            "a scale" => {
                let scale = Patch::Merge(json!({ "spec": { "replicas": 3 } }));
                sandbox
                    .api::<PreviewEnvironment>()
                    .patch_scale("web", &PatchParams::default(), &scale)
                    .await
                    .unwrap();
            }
            _ => patch("another-person", json!({ "spec": { "source": null } })).await,
        }
        let now = changed_at(&sandbox).await;
        moved.push((what, now.cmp(&before)));
        before = now;
    }
    let expected = [
        ("the same again", Equal),
        ("a value applied", Greater),
        ("another label by its manager", Greater),
        ("a label by a person", Equal),
        ("a status", Equal),
        ("a value by a person", Greater),
        ("a scale", Equal),
        // Nothing is left of whoever changed it last.
        ("a field removed by a person", Less),
    ];
    assert_eq!(moved, expected);
}
