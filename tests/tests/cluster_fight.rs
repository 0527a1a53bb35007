//! Somebody who answers each repair at once, on a real control plane: repairs become few, the
//! resource and an Event say who it is and which field it is about, and when they give in all is
//! well without an edit.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use operator_api::echo::Echo;
use serde_json::json;
use tests::cluster::{SOON, Sandbox, condition, eventually, seen, throughout};
use tests::fixtures::{AnyEcho, echo};

const NAME: &str = "web";
/// How long the fight is watched once it is known as one.
const WATCHED: Duration = Duration::from_secs(6);

/// Sets the replicas of the Deployment to 7 whenever they are not, and never gives in.
async fn fight(sandbox: &Sandbox, manager: &str) {
    let them = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({ "spec": { "replicas": 7 } }));
    loop {
        let now: Deployment = sandbox.get(NAME).await;
        if now.spec.unwrap().replicas != Some(7) {
            drop(sandbox.api::<Deployment>().patch(NAME, &them, &patch).await.unwrap());
        }
    }
}

async fn is_slowed_down_and_told(manager: &str, told: &str) {
    let sandbox = Sandbox::new("fight").await;
    let operator = sandbox.operate().await;
    sandbox.create(&echo(NAME).with_replicas(2)).await;
    let web: Echo = sandbox.ready(NAME).await;
    let counted = operator.at_rest().await;

    let says_so = sandbox.until(NAME, "says who changes it again and again", |echo: &Echo| {
        let ready = condition(echo, "Ready");
        ready.says() == ("False", "ApplyFailed") && ready.message.contains(told)
    });
    let mut messages = BTreeSet::new();
    let watched = async {
        messages.insert(condition(&says_so.await, "Ready").message);
        let before = operator.metrics().await;
        throughout(WATCHED, "repairs are few", async || {
            let ready = condition(&sandbox.get::<Echo>(NAME).await, "Ready");
            if ready.reason == "ApplyFailed" {
                messages.insert(ready.message);
            }
            let now = operator.metrics().await;
            let repairs = now.requests("apply") - before.requests("apply");
            let asked = now.requests("get") - counted.requests("get");
            if repairs <= 5 && asked <= 1 {
                Ok(())
            } else {
                Err(format!("{repairs} repairs, asked {asked} times who it is"))
            }
        })
        .await;
        before.requests("apply") - counted.requests("apply")
    };
    let at_first = tokio::select! {
        () = fight(&sandbox, manager) => unreachable!("they never give in"),
        repairs = watched => repairs,
    };
    assert!(at_first > 5, "an honest change is not taken for a fight");
    assert_eq!(messages.len(), 1, "each other message is a write: {messages:?}");

    let events = eventually(SOON, "there is an Event", async || {
        let mut events: Vec<Event> = sandbox.list().await;
        events.retain(|event| event.regarding.as_ref().is_some_and(|about| about.uid == web.uid()));
        if events.is_empty() { Err("there is none".to_owned()) } else { Ok(events) }
    })
    .await;
    for event in &events {
        assert_eq!(event.note.as_ref(), messages.first(), "{}", seen(event));
    }

    // They have given in: what is ours comes back, and all is well.
    let web: Echo = sandbox.ready(NAME).await;
    assert_eq!(web.status.unwrap().ready.as_deref(), Some("2/2"));
    let deployment: Deployment = sandbox.get(NAME).await;
    assert_eq!(deployment.spec.unwrap().replicas, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_a_field_again_and_again_is_named_with_the_field() {
    is_slowed_down_and_told(
        "kubectl-edit",
        r#"spec.replicas is changed again and again by "kubectl-edit" (Update)"#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_under_our_own_name_is_told_as_such() {
    let told =
        "spec.replicas is changed again and again by an Update under this operator's own name";
    is_slowed_down_and_told(operator::NAME, told).await;
}
