//! A field manager that reverts each repair at once, on a real control plane: repairs become rare,
//! the resource and an Event name the manager and the field, and the resource recovers without an
//! edit when the manager stops.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use operator_api::echo::Echo;
use serde_json::json;
use tests::cluster::{SOON, Sandbox, condition, describe, eventually, throughout};
use tests::fixtures::{EchoFixture, echo};

const NAME: &str = "web";
/// How long the conflict is observed after the operator has detected it.
const WATCHED: Duration = Duration::from_secs(6);

/// Sets the replicas of the Deployment to 7 whenever they differ, without end.
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

async fn assert_limited_and_reported(manager: &str, message: &str) {
    let sandbox = Sandbox::new("fight").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo(NAME).with_replicas(2)).await;
    let web: Echo = sandbox.until_ready(NAME).await;
    let initial = operator.until_at_rest().await;

    let reported = sandbox.until(NAME, "names the other field manager", |echo: &Echo| {
        let ready = condition(echo, "Ready");
        ready.status_and_reason() == ("False", "ApplyFailed") && ready.message.contains(message)
    });
    let mut messages = BTreeSet::new();
    let watched = async {
        messages.insert(condition(&reported.await, "Ready").message);
        let before = operator.metrics().await;
        throughout(WATCHED, "repairs are rare", async || {
            let ready = condition(&sandbox.get::<Echo>(NAME).await, "Ready");
            if ready.reason == "ApplyFailed" {
                messages.insert(ready.message);
            }
            let now = operator.metrics().await;
            let repairs = now.requests("apply") - before.requests("apply");
            let gets = now.requests("get") - initial.requests("get");
            if repairs <= 5 && gets <= 1 {
                Ok(())
            } else {
                Err(format!("{repairs} repairs, {gets} reads of the object"))
            }
        })
        .await;
        before.requests("apply") - initial.requests("apply")
    };
    let at_first = tokio::select! {
        () = fight(&sandbox, manager) => unreachable!("the other manager never stops"),
        repairs = watched => repairs,
    };
    assert!(at_first > 5, "{at_first} repairs: a few changes are no conflict");
    assert_eq!(messages.len(), 1, "each new message costs a write of the status: {messages:?}");

    let events = eventually(SOON, "an Event exists", async || {
        let mut events: Vec<Event> = sandbox.list().await;
        events.retain(|event| event.regarding.as_ref().is_some_and(|about| about.uid == web.uid()));
        if events.is_empty() { Err("no Event about the Echo".to_owned()) } else { Ok(events) }
    })
    .await;
    for event in &events {
        assert_eq!(event.note.as_ref(), messages.first(), "{}", describe(event));
    }

    // The other manager has stopped: the operator repairs the field and the Echo recovers.
    let web: Echo = sandbox.until_ready(NAME).await;
    assert_eq!(web.status.unwrap().ready.as_deref(), Some("2/2"));
    let deployment: Deployment = sandbox.get(NAME).await;
    assert_eq!(deployment.spec.unwrap().replicas, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_that_reverts_repairs_is_named_with_the_field() {
    assert_limited_and_reported(
        "kubectl-edit",
        r#"spec.replicas is changed repeatedly by "kubectl-edit" (Update)"#,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_under_the_operators_own_name_is_reported() {
    let message = "spec.replicas is changed repeatedly by an Update under this operator's own name";
    assert_limited_and_reported(operator::NAME, message).await;
}
