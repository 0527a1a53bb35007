//! Restarts over existing resources, on a real control plane: objects in sync are not written,
//! changes during the outage are applied, and an idle operator sends no request.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kubewright::runtime::Settings;
use operator_api::echo::{Echo, ServiceType};
use operator_api::echo_test;
use operator_api::preview::PreviewEnvironment;
use serde_json::json;
use tests::cluster::{AuditedRequest, Metrics, Operator, OwnCluster, SOON, Sandbox, eventually};
use tests::fixtures::{EchoFixture, ExampleEchoFixture, echo, preview, test_echo};

/// Number of resources of each kind.
const EACH: u64 = 5;

async fn create_many(sandbox: &Sandbox) {
    for number in 0..EACH {
        let name = format!("web-{number}");
        let mut full =
            echo(&name).with_replicas(1).with_resources(&[("cpu", "10m")], &[("memory", "32Mi")]);
        if number % 2 == 0 {
            full = full.with_text("$(HOME) \u{85} --x").with_service(ServiceType::NodePort);
        }
        sandbox.create(&full).await;
        sandbox.create(&test_echo(&name)).await;
        // Another name: the Deployment of an Echo with this name would be in the way.
        sandbox.create(&preview(&format!("preview-{number}"))).await;
    }
    for number in 0..EACH {
        sandbox.until_ready::<Echo>(&format!("web-{number}")).await;
        sandbox.until_ready::<echo_test::Echo>(&format!("web-{number}")).await;
        sandbox.until_ready::<PreviewEnvironment>(&format!("preview-{number}")).await;
    }
}

/// Waits until the operator has reconciled every resource since its start.
async fn until_all_are_reconciled(operator: &Operator) -> Metrics {
    let all = |metrics: &Metrics| {
        ["echo", "echo-test", "preview"]
            .iter()
            .all(|c| metrics.resources(c) == EACH && metrics.reconciles(c) >= EACH)
    };
    operator.until("every resource is reconciled", all).await;
    operator.until_idle().await
}

/// The collection of a list or watch request: path and selectors, without pages and versions.
fn collection(uri: &str) -> String {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let selectors = query.split('&').filter(|parameter| parameter.contains("Selector="));
    std::iter::once(path).chain(selectors).collect::<Vec<_>>().join(" ")
}

/// Lists of a collection that was listed before, although no request for it failed and no watch of
/// it ended since.
fn unexplained_lists(log: &[AuditedRequest]) -> Vec<&AuditedRequest> {
    let mut listed = BTreeSet::new();
    let mut unexplained = Vec::new();
    for entry in log {
        let collection = collection(&entry.uri);
        if entry.ends_watch || entry.code >= 400 {
            listed.remove(&collection);
        } else if entry.verb == "list" && !entry.uri.contains("continue=") {
            let is_first = listed.insert(collection);
            if !is_first {
                unexplained.push(entry);
            }
        }
    }
    unexplained
}

fn audited(verb: &str, uri: &str, code: u64, ends_watch: bool) -> AuditedRequest {
    AuditedRequest { verb: verb.to_owned(), uri: uri.to_owned(), code, ends_watch }
}

#[test]
fn a_repeated_list_is_unexplained_unless_a_request_failed_or_a_watch_ended() {
    let list = || audited("list", "/api/v1/pods?limit=500&labelSelector=a", 200, false);
    let page = audited("list", "/api/v1/pods?limit=500&labelSelector=a&continue=x", 200, false);
    let other = audited("list", "/api/v1/pods?limit=500&labelSelector=b", 200, false);
    let watch = |code, ends_watch| {
        let uri = "/api/v1/pods?watch=true&labelSelector=a&resourceVersion=7";
        audited("watch", uri, code, ends_watch)
    };
    let unexplained = |log: &[AuditedRequest]| unexplained_lists(log).len();
    assert_eq!(unexplained(&[list(), page, other, watch(200, false)]), 0);
    assert_eq!(unexplained(&[list(), list()]), 1);
    assert_eq!(unexplained(&[list(), watch(200, false), list()]), 1);
    assert_eq!(unexplained(&[list(), watch(200, false), watch(200, true), list()]), 0);
    assert_eq!(unexplained(&[list(), watch(410, false), list()]), 0);
    let timeout = audited("list", "/api/v1/pods?limit=500&labelSelector=a", 504, false);
    assert_eq!(unexplained(&[timeout, list()]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_over_resources_in_sync_writes_nothing_and_lists_each_collection_once() {
    let cluster = OwnCluster::start("restart");
    let sandbox = Sandbox::in_cluster(&cluster, "restart", &[]).await;
    let kubeconfig = cluster.operator_kubeconfig().await;
    let namespaces = [sandbox.namespace()];
    let operator = Operator::start(&operator::registry(), &kubeconfig, &namespaces).await;
    create_many(&sandbox).await;
    operator.stop().await.unwrap();

    let before = cluster.audit_log().len();
    let operator = Operator::start(&operator::registry(), &kubeconfig, &namespaces).await;
    let metrics = until_all_are_reconciled(&operator).await;
    assert_eq!(metrics.writes(), 0, "{metrics:?}");
    assert_eq!(
        metrics.sum("kubewright_api_requests_total", &[("verb", "get"), ("code", "200")]),
        1,
        "the operator reads the server's version once:\n{metrics:?}"
    );
    assert_eq!(metrics.sum("kubewright_reconcile_errors_total", &[]), 0);

    let log = cluster.audit_log().split_off(before);
    let lists = log.iter().filter(|entry| entry.verb == "list").count();
    assert!(lists > 5, "the audit log has {lists} lists:\n{log:#?}");
    // The server may record success for a list whose answer did not reach the operator.
    let unanswered =
        metrics.sum("kubewright_api_requests_total", &[("verb", "list"), ("code", "0")]);
    let unexplained = unexplained_lists(&log);
    assert!(
        unexplained.len() as u64 <= unanswered,
        "listed again without a failure, while {unanswered} lists had no answer:\n{unexplained:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_operator_sends_no_request_and_reconciles_nothing() {
    let sandbox = Sandbox::new("rest").await;
    let operator = sandbox.start_operator().await;
    create_many(&sandbox).await;
    operator.assert_at_rest(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resync_reconciles_every_resource_and_sends_no_request() {
    let sandbox = Sandbox::new("resync").await;
    let namespaces = vec![sandbox.namespace().to_owned()];
    let settings =
        Settings { namespaces, resync: Some(Duration::from_secs(1)), ..Settings::default() };
    let operator =
        Operator::start_with(&operator::registry(), sandbox.cluster().kubeconfig(), settings).await;
    for name in ["web-1", "web-2"] {
        sandbox.create(&echo(name)).await;
        sandbox.until_ready::<Echo>(name).await;
    }
    let requests = |metrics: &Metrics| metrics.activity().0 - metrics.requests("watch");
    let resyncs = |metrics: &Metrics| {
        metrics.sum("kubewright_queue_lag_seconds_count", &[("priority", "resync")])
    };
    eventually(SOON, "resyncs send no request", async || {
        let before = operator.metrics().await;
        let after = operator
            .until("both Echoes are reconciled twice by resyncs", |now| {
                // Policies of other tests are also resources.
                resyncs(now) >= resyncs(&before) + 4
                    && now.reconciles("echo") >= before.reconciles("echo") + 4
            })
            .await;
        if requests(&after) == requests(&before) {
            Ok(())
        } else {
            Err(format!("{before:?}\nthen\n{after:?}"))
        }
    })
    .await;
    operator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_during_an_outage_are_applied_and_other_objects_are_not_written() {
    let sandbox = Sandbox::new("away").await;
    let operator = sandbox.start_operator().await;
    for name in ["edited", "deleted", "child-deleted", "same"] {
        sandbox.create(&echo(name).with_replicas(0).with_text("one")).await;
        sandbox.until_ready::<Echo>(name).await;
    }
    operator.stop().await.unwrap();

    sandbox.merge::<Echo>("edited", json!({ "spec": { "text": "two" } })).await;
    sandbox.delete::<Echo>("deleted").await;
    sandbox.until_gone::<Deployment>("deleted").await;
    sandbox.until_gone::<Service>("deleted").await;
    sandbox.delete::<Service>("child-deleted").await;
    sandbox.create(&echo("new").with_replicas(0)).await;
    let same: Deployment = sandbox.get("same").await;

    let operator = sandbox.start_operator().await;
    for name in ["edited", "child-deleted", "same", "new"] {
        sandbox.until_ready::<Echo>(name).await;
    }
    sandbox.until("child-deleted", "exists again", |_: &Service| true).await;
    let edited: Deployment = sandbox.get("edited").await;
    assert_eq!(
        edited.spec.unwrap().template.spec.unwrap().containers[0].args,
        Some(vec!["-text=two".into()])
    );
    assert!(sandbox.find::<Deployment>("deleted").await.is_none());
    assert_eq!(sandbox.get::<Deployment>("same").await, same);
    let metrics = operator.until_idle().await;
    assert_eq!(
        metrics.requests("apply"),
        4,
        "one for the edit, one for the Service, two for the new Echo:\n{metrics:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_not_change_the_status() {
    let sandbox = Sandbox::new("status").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(1)).await;
    let before: Echo = sandbox.until_ready("web").await;
    operator.stop().await.unwrap();
    let operator = sandbox.start_operator().await;
    operator.until("the Echo is reconciled", |metrics| metrics.reconciles("echo") >= 1).await;
    operator.until_idle().await;
    let after: Echo = sandbox.get("web").await;
    assert_eq!(
        after.status, before.status,
        "lastTransitionTime changes only with the status of a condition"
    );
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
}
