//! 200 Echoes at once, on a control plane of their own, whose API server writes down every request
//! of the operator: all become ready, a restart writes nothing, and rest costs no request but the
//! watches.
//!
//! `KUBEWRIGHT_TEST_REST` is how many seconds of rest are watched, 15 by default.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::time::Duration;

use kube::api::PostParams;
use operator_api::echo::Echo;
use serde_json::json;
use tests::cluster::{
    Audited, LONG, Operator, OwnCluster, SOON, Sandbox, condition, eventually, seen, throughout,
};
use tests::fixtures::{AnyEcho, echo};
use tokio::task::JoinSet;

const MANY: usize = 200;
/// The kinds that the operator writes. Nobody else writes them once they are settled.
const WRITTEN: [(&str, &str); 3] =
    [("example.com", "echoes"), ("apps", "deployments"), ("", "services")];
/// Verbs of `apiserver_request_total` that change something.
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

async fn all_ready(sandbox: &Sandbox) -> Vec<Echo> {
    eventually(LONG, "all Echoes are ready", async || {
        let echoes: Vec<Echo> = sandbox.list().await;
        let waiting: Vec<&Echo> =
            echoes.iter().filter(|echo| !condition(*echo, "Ready").holds()).collect();
        match waiting.first() {
            None if echoes.len() == MANY => Ok(echoes),
            None => Err(format!("{} Echoes", echoes.len())),
            Some(one) => {
                Err(format!("{} are not ready, one of them is\n{}", waiting.len(), seen(one)))
            }
        }
    })
    .await
}

/// How many requests the API server has answered that change what the operator writes, of anybody.
async fn writes_of_anybody(cluster: &OwnCluster) -> u64 {
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
    assert!(total > 0, "the API server's metrics are not understood");
    total
}

/// Waits until nothing was asked or changed for a while: the last events have arrived everywhere.
async fn settled(cluster: &OwnCluster, operator: &Operator) {
    eventually(SOON, "all has settled", async || {
        operator.idle().await;
        let count = async || (cluster.audited().len(), writes_of_anybody(cluster).await);
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

fn by_verb(requests: &[Audited]) -> BTreeMap<&str, usize> {
    let mut count = BTreeMap::new();
    for request in requests {
        *count.entry(request.verb.as_str()).or_default() += 1;
    }
    count
}

/// Our operators in all namespaces, as in an installation.
async fn start(kubeconfig: &Path) -> Operator {
    Operator::start(&operator::registry(), kubeconfig, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_echoes_at_once_become_ready_a_restart_writes_nothing_and_rest_costs_nothing() {
    let cluster = OwnCluster::up("many");
    let sandbox = Sandbox::in_cluster(&cluster, "many", &[]).await;
    let kubeconfig = cluster.operator_kubeconfig().await;

    let operator = start(&kubeconfig).await;
    create_all(&sandbox).await;
    let echoes = all_ready(&sandbox).await;
    settled(&cluster, &operator).await;
    let requests = cluster.audited();
    println!("until all were ready: {:?}", by_verb(&requests));
    // A watch of a kind that is new may be: the API server is not ready for it yet.
    let refused: Vec<&Audited> =
        requests.iter().filter(|request| request.is_write() && request.code >= 400).collect();
    assert_eq!(refused, Vec::<&Audited>::new(), "none of its writes is refused");
    let applied =
        requests.iter().filter(|r| r.verb == "patch" && !r.uri.contains("/status")).count();
    assert_eq!(applied, 2 * MANY, "each Deployment and each Service is written once");

    let before = writes_of_anybody(&cluster).await;
    operator.stop().await.unwrap();
    let asked = cluster.audited().len();
    let operator = start(&kubeconfig).await;
    operator
        .until("every Echo was looked at", |metrics| metrics.reconciles("echo") >= MANY as u64)
        .await;
    settled(&cluster, &operator).await;
    let since = cluster.audited().split_off(asked);
    let writes: Vec<&Audited> = since.iter().filter(|request| request.is_write()).collect();
    assert_eq!(writes, Vec::<&Audited>::new(), "a restart writes nothing");
    assert!(
        since.iter().any(|request| request.verb == "watch"),
        "nothing was written down: {since:?}"
    );
    assert_eq!(
        writes_of_anybody(&cluster).await,
        before,
        "and the API server has counted no write of anybody"
    );

    let asked = cluster.audited().len();
    let reconciles = operator.metrics().await.reconciles("echo");
    throughout(rest(), "rest costs no request but watches", async || {
        let others: Vec<Audited> =
            cluster.audited().split_off(asked).into_iter().filter(|r| r.verb != "watch").collect();
        if others.is_empty() { Ok(()) } else { Err(format!("{others:#?}")) }
    })
    .await;
    assert_eq!(writes_of_anybody(&cluster).await, before);
    assert_eq!(
        operator.metrics().await.reconciles("echo"),
        reconciles,
        "nothing was reconciled either"
    );

    // All is still as it was, and still looked after.
    assert_eq!(all_ready(&sandbox).await.len(), echoes.len());
    sandbox.merge::<Echo>("web-7", json!({ "spec": { "replicas": 3 } })).await;
    let seven: Echo = sandbox.ready("web-7").await;
    assert_eq!(seven.status.unwrap().ready.as_deref(), Some("3/3"));
    operator.stop().await.unwrap();
}
