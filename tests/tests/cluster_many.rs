//! 200 Echoes at once, on a control plane of their own with an audit log: all become ready, a
//! restart writes nothing, and an idle operator only watches. `KUBEWRIGHT_TEST_REST` sets the
//! seconds of the idle phase, 15 by default.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::time::Duration;

use kube::api::PostParams;
use operator_api::echo::Echo;
use serde_json::json;
use tests::cluster::{
    AuditedRequest, LONG, Operator, OwnCluster, SOON, Sandbox, condition, describe, eventually,
    throughout,
};
use tests::fixtures::{EchoFixture, echo};
use tokio::task::JoinSet;

const MANY: usize = 200;
/// The kinds that the operator writes. Controllers do not write them after they have settled.
const WRITTEN: [(&str, &str); 3] =
    [("example.com", "echoes"), ("apps", "deployments"), ("", "services")];
/// Verbs of `apiserver_request_total` that change an object.
const WRITES: [&str; 7] =
    ["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION", "CONNECT"];

fn rest() -> Duration {
    let seconds = env::var("KUBEWRIGHT_TEST_REST")
        .ok()
        .map(|text| text.parse().expect("KUBEWRIGHT_TEST_REST is seconds"));
    Duration::from_secs(seconds.unwrap_or(15))
}

async fn create_all(sandbox: &Sandbox) {
    let mut creating = JoinSet::new();
    for number in 0..MANY {
        let replicas = 1 + i32::from(number % 4 == 0);
        let one = echo(&format!("web-{number}"))
            .with_replicas(replicas)
            .with_text(&format!("echo {number}"));
        let api = sandbox.api::<Echo>();
        creating.spawn(async move { api.create(&PostParams::default(), &one).await.unwrap() });
    }
    assert_eq!(creating.join_all().await.len(), MANY);
}

async fn until_all_ready(sandbox: &Sandbox) -> Vec<Echo> {
    eventually(LONG, "all Echoes are ready", async || {
        let echoes: Vec<Echo> = sandbox.list().await;
        let waiting: Vec<&Echo> =
            echoes.iter().filter(|echo| !condition(*echo, "Ready").is_true()).collect();
        match waiting.first() {
            None if echoes.len() == MANY => Ok(echoes),
            None => Err(format!("{} Echoes", echoes.len())),
            Some(one) => Err(format!(
                "{} Echoes are not ready; the first is\n{}",
                waiting.len(),
                describe(one)
            )),
        }
    })
    .await
}

/// Number of requests of any client that wrote the kinds of the operator.
async fn writes_of_all_clients(cluster: &OwnCluster) -> u64 {
    let metrics = cluster.metrics().await;
    let mut total = 0;
    for (group, resource) in WRITTEN {
        for verb in WRITES {
            total += metrics.sum(
                "apiserver_request_total",
                &[("verb", verb), ("group", group), ("resource", resource)],
            );
        }
    }
    assert!(total > 0, "the API server's metrics have no writes");
    total
}

/// Waits until no request was sent for a while: the last events have arrived everywhere.
async fn until_settled(cluster: &OwnCluster, operator: &Operator) {
    eventually(SOON, "no request is sent any more", async || {
        operator.until_idle().await;
        let count =
            async || (cluster.audited_requests().len(), writes_of_all_clients(cluster).await);
        let before = count().await;
        throughout(Duration::from_secs(2), "the operator is healthy", async || {
            if operator.is_healthy().await { Ok(()) } else { Err(String::new()) }
        })
        .await;
        let after = count().await;
        if before == after { Ok(()) } else { Err(format!("{before:?}, then {after:?}")) }
    })
    .await;
}

fn by_verb(requests: &[AuditedRequest]) -> BTreeMap<&str, usize> {
    let mut count = BTreeMap::new();
    for request in requests {
        *count.entry(request.verb.as_str()).or_default() += 1;
    }
    count
}

/// Starts our operators in all namespaces, as in an installation.
async fn start(kubeconfig: &Path) -> Operator {
    Operator::start(&operator::registry(), kubeconfig, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_echoes_become_ready_and_a_restart_and_an_idle_operator_write_nothing() {
    let cluster = OwnCluster::start("many");
    let sandbox = Sandbox::in_cluster(&cluster, "many", &[]).await;
    let kubeconfig = cluster.operator_kubeconfig().await;

    let operator = start(&kubeconfig).await;
    create_all(&sandbox).await;
    let echoes = until_all_ready(&sandbox).await;
    until_settled(&cluster, &operator).await;
    let requests = cluster.audited_requests();
    println!("requests until all were ready: {:?}", by_verb(&requests));
    // Only writes: the API server may reject a watch of a new kind for a moment.
    let rejected: Vec<&AuditedRequest> =
        requests.iter().filter(|request| request.is_write() && request.code >= 400).collect();
    assert_eq!(rejected, Vec::<&AuditedRequest>::new(), "the API server rejected writes");
    let applied =
        requests.iter().filter(|r| r.verb == "patch" && !r.uri.contains("/status")).count();
    assert_eq!(applied, 2 * MANY, "each Deployment and each Service is applied once");

    let before = writes_of_all_clients(&cluster).await;
    operator.stop().await.unwrap();
    let requests = cluster.audited_requests().len();
    let operator = start(&kubeconfig).await;
    operator
        .until("every Echo is reconciled", |metrics| metrics.reconciles("echo") >= MANY as u64)
        .await;
    until_settled(&cluster, &operator).await;
    let since = cluster.audited_requests().split_off(requests);
    let writes: Vec<&AuditedRequest> = since.iter().filter(|request| request.is_write()).collect();
    assert_eq!(writes, Vec::<&AuditedRequest>::new(), "a restart writes nothing");
    assert!(
        since.iter().any(|request| request.verb == "watch"),
        "the audit log has no watch: {since:?}"
    );
    assert_eq!(
        writes_of_all_clients(&cluster).await,
        before,
        "the API server's metrics count writes after the restart"
    );

    let requests = cluster.audited_requests().len();
    let reconciles = operator.metrics().await.reconciles("echo");
    throughout(rest(), "an idle operator only watches", async || {
        let others: Vec<AuditedRequest> = cluster
            .audited_requests()
            .split_off(requests)
            .into_iter()
            .filter(|r| r.verb != "watch")
            .collect();
        if others.is_empty() { Ok(()) } else { Err(format!("{others:#?}")) }
    })
    .await;
    assert_eq!(writes_of_all_clients(&cluster).await, before);
    assert_eq!(
        operator.metrics().await.reconciles("echo"),
        reconciles,
        "an idle operator reconciled a resource"
    );

    // All Echoes are still ready, and an edit is still applied.
    assert_eq!(until_all_ready(&sandbox).await.len(), echoes.len());
    sandbox.merge::<Echo>("web-7", json!({ "spec": { "replicas": 3 } })).await;
    let seven: Echo = sandbox.until_ready("web-7").await;
    assert_eq!(seven.status.unwrap().ready.as_deref(), Some("3/3"));
    operator.stop().await.unwrap();
}
