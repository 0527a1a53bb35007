//! Who has a host that several previews claim, and which hosts a namespace may have, on a real control plane.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{Sandbox, condition, seen};
use tests::fixtures::{Preview, preview};

/// Claims at a time.
const PAIRS: usize = 4;

/// A preview with an Ingress for this host.
fn claim(name: &str, host: &str) -> PreviewEnvironment {
    preview(name).with_host(host).with(json!({ "route": { "type": "Ingress" } }))
}

/// The order in which previews get a host.
fn rank(preview: &PreviewEnvironment) -> (String, String) {
    let made = preview.creation_timestamp().expect("the API server says when it was made");
    (made.0.to_string(), preview.uid().expect("and gives it a UID"))
}

/// Waits until a preview has its host, and a route for it.
async fn holds(sandbox: &Sandbox, name: &str) {
    let has = |web: &PreviewEnvironment| {
        condition(web, "Ready").holds() && condition(web, "RouteAccepted").says() == ("Unknown", "WaitingForController")
    };
    let web = sandbox.until(name, "has its host", has).await;
    assert!(web.status.as_ref().unwrap().conditions.iter().all(|c| c.type_ != "HostConflict"), "{}", seen(&web));
    sandbox.get::<Ingress>(name).await;
}

/// Waits until a preview says that another one has its host; it has its pods and no route.
async fn waits(sandbox: &Sandbox, name: &str, holder: &str) {
    let lost = |web: &PreviewEnvironment| {
        let names_it = |type_| condition(web, type_).message.contains(holder);
        condition(web, "Ready").says() == ("False", "HostConflict")
            && condition(web, "RouteAccepted").says() == ("False", "HostConflict")
            && condition(web, "HostConflict").says() == ("True", "HeldByAnother")
            && ["Ready", "RouteAccepted", "HostConflict"].into_iter().all(names_it)
    };
    let web: PreviewEnvironment = sandbox.until(name, format!("waits for {holder}"), lost).await;
    assert_eq!(web.status.as_ref().unwrap().url, None);
    sandbox
        .until(name, "has its pods", |deployment: &Deployment| {
            deployment.status.as_ref().and_then(|status| status.ready_replicas) == Some(1)
        })
        .await;
    sandbox.gone::<Ingress>(name).await;
}

fn name(sandbox: &Sandbox, name: &str) -> String {
    format!("PreviewEnvironment {}/{name},", sandbox.namespace())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_claim_a_host_at_once_the_older_holds_it_and_the_other_takes_over() {
    let (one, two) = (Sandbox::new("hosts-one").await, Sandbox::new("hosts-two").await);
    let _operator = one.operate_with(&[&two]).await;
    // Which of both is first in the order is up to the API server: several pairs see both.
    for pair in 0..PAIRS {
        let (own, host) = (format!("web-{pair}"), format!("{}-{pair}.example.com", one.namespace()));
        let (mine, theirs) = (claim(&own, &host), claim(&own, &host));
        let (first, second) = tokio::join!(one.create(&mine), two.create(&theirs));
        let (holder, other) = if rank(&first) < rank(&second) { (&one, &two) } else { (&two, &one) };
        holds(holder, &own).await;
        waits(other, &own, &name(holder, &own)).await;
        if pair % 2 == 0 {
            holder.delete::<PreviewEnvironment>(&own).await;
        } else {
            let host = format!("other.{host}");
            holder.merge::<PreviewEnvironment>(&own, json!({ "spec": { "fqdn": host } })).await;
        }
        holds(other, &own).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_claimed_before_the_operator_runs_is_decided_alike_and_who_comes_back_waits() {
    let sandbox = Sandbox::new("hosts-before").await;
    let host = format!("{}.example.com", sandbox.namespace());
    let mut claims = Vec::new();
    for name in ["c", "b", "a"] {
        claims.push(sandbox.create(&claim(name, &host)).await);
    }
    claims.sort_by_key(rank);
    let order: Vec<String> = claims.iter().map(ResourceExt::name_any).collect();
    let operator = sandbox.operate().await;
    holds(&sandbox, &order[0]).await;
    for other in &order[1..] {
        waits(&sandbox, other, &name(&sandbox, &order[0])).await;
    }
    let sleep =
        |asleep: bool| json!({ "spec": { "suspend": asleep, "route": { "type": "Ingress", "whenSuspended": "Remove" } } });
    sandbox.merge::<PreviewEnvironment>(&order[0], sleep(true)).await;
    holds(&sandbox, &order[1]).await;
    waits(&sandbox, &order[2], &name(&sandbox, &order[1])).await;
    sandbox.merge::<PreviewEnvironment>(&order[0], sleep(false)).await;
    holds(&sandbox, &order[0]).await;
    waits(&sandbox, &order[1], &name(&sandbox, &order[0])).await;
    operator.at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_has_the_hosts_that_its_annotation_allows_and_holds_no_others() {
    let (open, closed) = (Sandbox::new("hosts-open").await, Sandbox::new("hosts-closed").await);
    let allow = |domains: Value| closed.annotate(json!({ "platform9.com/allowed-domains": domains }));
    allow(json!("*.closed.example.com")).await;
    let _operator = open.operate_with(&[&closed]).await;
    let host = format!("{}.example.com", open.namespace());
    let thief = closed.create(&claim("thief", &host)).await;
    let refused = |web: &PreviewEnvironment| {
        condition(web, "Ready").says() == ("False", "HostNotAllowed")
            && condition(web, "Ready").message.contains("*.closed.example.com")
    };
    closed.until("thief", "is refused", refused).await;
    assert!(closed.find::<Ingress>("thief").await.is_none());
    let owner = open.create(&claim("owner", &host)).await;
    holds(&open, "owner").await;

    // What is allowed changes, and nobody touches a preview.
    allow(Value::Null).await;
    if rank(&thief) < rank(&owner) {
        holds(&closed, "thief").await;
        waits(&open, "owner", &name(&closed, "thief")).await;
    }
    allow(json!("other.example.com, *.closed.example.com")).await;
    closed
        .until("thief", "is refused again", |web: &PreviewEnvironment| {
            condition(web, "Ready").says() == ("False", "HostNotAllowed")
                && condition(web, "Ready").message.contains("other.example.com")
        })
        .await;
    closed.gone::<Ingress>("thief").await;
    holds(&open, "owner").await;
}
