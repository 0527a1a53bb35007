//! Restarts with resources that exist, on a real control plane: what is in order is not written,
//! what changed meanwhile is followed, and rest costs nothing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kubewright::runtime::Settings;
use operator_api::echo::{Echo, ServiceType};
use operator_api::echo_test;
use operator_api::preview::PreviewEnvironment;
use serde_json::json;
use tests::cluster::{Metrics, Operator, SOON, Sandbox, eventually};
use tests::fixtures::{AnyEcho, ExampleEcho, echo, preview, test_echo};

/// How many resources of each kind.
const EACH: u64 = 5;

async fn many(sandbox: &Sandbox) {
    for number in 0..EACH {
        let name = format!("web-{number}");
        let mut with_all =
            echo(&name).with_replicas(1).with_resources(&[("cpu", "10m")], &[("memory", "32Mi")]);
        if number % 2 == 0 {
            with_all = with_all.with_text("$(HOME) \u{85} --x").with_service(ServiceType::NodePort);
        }
        sandbox.create(&with_all).await;
        sandbox.create(&test_echo(&name)).await;
        // Their objects have the names of the Echoes' otherwise.
        sandbox.create(&preview(&format!("preview-{number}"))).await;
    }
    for number in 0..EACH {
        sandbox.ready::<Echo>(&format!("web-{number}")).await;
        sandbox.ready::<echo_test::Echo>(&format!("web-{number}")).await;
        sandbox.ready::<PreviewEnvironment>(&format!("preview-{number}")).await;
    }
}

/// Waits until the operator has looked at every resource since its start.
async fn looked_at_all(operator: &Operator) -> Metrics {
    let all = |metrics: &Metrics| {
        ["echo", "echo-test", "preview"]
            .iter()
            .all(|c| metrics.resources(c) == EACH && metrics.reconciles(c) >= EACH)
    };
    operator.until("every resource was looked at", all).await;
    operator.idle().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_with_resources_that_are_in_order_writes_nothing() {
    let sandbox = Sandbox::new("restart").await;
    let operator = sandbox.operate().await;
    many(&sandbox).await;
    operator.stop().await.unwrap();

    let operator = sandbox.operate().await;
    let metrics = looked_at_all(&operator).await;
    assert_eq!(metrics.writes(), 0, "{metrics:?}");
    assert_eq!(
        metrics.requests("get"),
        1,
        "one question for the version at the start:\n{metrics:?}"
    );
    assert_eq!(
        metrics.requests("list"),
        metrics.requests("watch"),
        "what is watched is listed once:\n{metrics:?}"
    );
    assert_eq!(metrics.sum("kubewright_reconcile_errors_total", &[]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_costs_no_request_and_no_reconcile() {
    let sandbox = Sandbox::new("rest").await;
    let operator = sandbox.operate().await;
    many(&sandbox).await;
    operator.rests(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resync_looks_at_everything_again_and_costs_no_request() {
    let sandbox = Sandbox::new("resync").await;
    let namespaces = vec![sandbox.namespace().to_owned()];
    let settings =
        Settings { namespaces, resync: Some(Duration::from_secs(1)), ..Settings::default() };
    let operator =
        Operator::start_with(&operator::registry(), sandbox.cluster().kubeconfig(), settings).await;
    for name in ["web-1", "web-2"] {
        sandbox.create(&echo(name)).await;
        sandbox.ready::<Echo>(name).await;
    }
    let asked = |metrics: &Metrics| metrics.activity().0 - metrics.requests("watch");
    let resyncs = |metrics: &Metrics| {
        metrics.sum("kubewright_queue_lag_seconds_count", &[("priority", "resync")])
    };
    eventually(SOON, "resyncs cost no request", async || {
        let before = operator.metrics().await;
        let after = operator
            .until("both were looked at twice", |now| resyncs(now) >= resyncs(&before) + 4)
            .await;
        assert!(after.reconciles("echo") >= before.reconciles("echo") + 3);
        if asked(&after) == asked(&before) {
            Ok(())
        } else {
            Err(format!("{before:?}\nthen\n{after:?}"))
        }
    })
    .await;
    operator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_while_the_operator_was_away_is_followed_and_the_rest_is_left_alone() {
    let sandbox = Sandbox::new("away").await;
    let operator = sandbox.operate().await;
    for name in ["edited", "deleted", "child-deleted", "same"] {
        sandbox.create(&echo(name).with_replicas(0).with_text("one")).await;
        sandbox.ready::<Echo>(name).await;
    }
    operator.stop().await.unwrap();

    sandbox.merge::<Echo>("edited", json!({ "spec": { "text": "two" } })).await;
    sandbox.delete::<Echo>("deleted").await;
    sandbox.gone::<Deployment>("deleted").await;
    sandbox.gone::<Service>("deleted").await;
    sandbox.delete::<Service>("child-deleted").await;
    sandbox.create(&echo("new").with_replicas(0)).await;
    let same: Deployment = sandbox.get("same").await;

    let operator = sandbox.operate().await;
    for name in ["edited", "child-deleted", "same", "new"] {
        sandbox.ready::<Echo>(name).await;
    }
    sandbox.until("child-deleted", "is there again", |_: &Service| true).await;
    let edited: Deployment = sandbox.get("edited").await;
    assert_eq!(
        edited.spec.unwrap().template.spec.unwrap().containers[0].args,
        Some(vec!["-text=two".into()])
    );
    assert!(sandbox.find::<Deployment>("deleted").await.is_none());
    assert_eq!(sandbox.get::<Deployment>("same").await, same);
    let metrics = operator.idle().await;
    assert_eq!(
        metrics.requests("apply"),
        4,
        "one for the edit, one for the Service, two for the new one:\n{metrics:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_in_a_row_leave_one_status() {
    let sandbox = Sandbox::new("status").await;
    let operator = sandbox.operate().await;
    sandbox.create(&echo("web").with_replicas(1)).await;
    let before: Echo = sandbox.ready("web").await;
    operator.stop().await.unwrap();
    let operator = sandbox.operate().await;
    operator.until("the Echo was looked at", |metrics| metrics.reconciles("echo") >= 1).await;
    operator.idle().await;
    let after: Echo = sandbox.get("web").await;
    assert_eq!(after.status, before.status, "times of conditions move only with their status");
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
}
