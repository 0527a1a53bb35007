//! Who has a host that several previews claim, and which hosts a namespace may have, on a real
//! control plane.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{SOON, Sandbox, condition, eventually, seen};
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
        condition(web, "Ready").holds()
            && condition(web, "RouteAccepted").says() == ("Unknown", "WaitingForController")
    };
    let web = sandbox.until(name, "has its host", has).await;
    assert!(
        web.status.as_ref().unwrap().conditions.iter().all(|c| c.type_ != "HostConflict"),
        "{}",
        seen(&web)
    );
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
        let (own, host) =
            (format!("web-{pair}"), format!("{}-{pair}.example.com", one.namespace()));
        let (mine, theirs) = (claim(&own, &host), claim(&own, &host));
        let (first, second) = tokio::join!(one.create(&mine), two.create(&theirs));
        let (holder, other) =
            if rank(&first) < rank(&second) { (&one, &two) } else { (&two, &one) };
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
    let sleep = |asleep: bool| json!({ "spec": { "suspend": asleep, "route": { "type": "Ingress", "whenSuspended": "Remove" } } });
    sandbox.merge::<PreviewEnvironment>(&order[0], sleep(true)).await;
    holds(&sandbox, &order[1]).await;
    waits(&sandbox, &order[2], &name(&sandbox, &order[1])).await;
    sandbox.merge::<PreviewEnvironment>(&order[0], sleep(false)).await;
    holds(&sandbox, &order[0]).await;
    waits(&sandbox, &order[1], &name(&sandbox, &order[0])).await;
    operator.at_rest().await;
}

/// How two who claim one host were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    /// In one second, and the one that was made first has the lower UID.
    FirstIsLower,
    /// In one second, and the one that was made later has the lower UID.
    LaterIsLower,
    /// In different seconds, and the one that was made later has the lower UID.
    Apart,
}

impl Made {
    fn is_so(self, first: &PreviewEnvironment, later: &PreviewEnvironment) -> bool {
        let ((first, one), (later, other)) = (rank(first), rank(later));
        match self {
            Self::FirstIsLower => first == later && one < other,
            Self::LaterIsLower => first == later && other < one,
            Self::Apart => first < later && other < one,
        }
    }
}

/// A claim in each, of one host, that were made like this. The API server gives times and UIDs, so
/// it is tried until they are.
async fn made(made: Made, first: &Sandbox, later: &Sandbox, name: &str) -> [PreviewEnvironment; 2] {
    let claim = claim(name, &format!("{name}.{}.example.com", first.namespace()));
    let mut one: Option<PreviewEnvironment> = None;
    eventually(SOON, format!("two are made {made:?}"), async || {
        let mine = match one.take() {
            Some(mine) => mine,
            None => first.create(&claim).await,
        };
        let other = later.create(&claim).await;
        if made.is_so(&mine, &other) {
            return Ok([mine, other]);
        }
        later.delete::<PreviewEnvironment>(name).await;
        if made == Made::Apart {
            one = Some(mine);
        } else {
            first.delete::<PreviewEnvironment>(name).await;
        }
        Err("the API server made them otherwise".to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_has_the_host_whichever_is_seen_first() {
    let (one, two) = (Sandbox::new("hosts-first").await, Sandbox::new("hosts-later").await);
    for (seen_first, round) in [(&one, "a"), (&two, "b")] {
        let mut pairs = Vec::new();
        for (number, how) in
            [Made::FirstIsLower, Made::LaterIsLower, Made::Apart].into_iter().enumerate()
        {
            let name = format!("web-{round}-{number}");
            let [first, later] = made(how, &one, &two, &name).await;
            assert_eq!(rank(&first) < rank(&later), how != Made::LaterIsLower);
            pairs.push((
                name,
                if rank(&first) < rank(&later) { (&one, &two) } else { (&two, &one) },
            ));
        }
        // Whoever is alone has its host and a route for it, by an operator that knows nothing of
        // the other one.
        let alone = seen_first.operate().await;
        for (name, _) in &pairs {
            holds(seen_first, name).await;
        }
        alone.stop().await.unwrap();
        let both = one.operate_with(&[&two]).await;
        for (own, (holder, other)) in &pairs {
            holds(holder, own).await;
            waits(other, own, &name(holder, own)).await;
        }
        both.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_edited_into_something_that_is_refused_runs_nothing_and_its_host_is_free() {
    let strict = [("pod-security.kubernetes.io/enforce", "restricted")];
    let (one, two) =
        (Sandbox::with_labels("hosts-refused", &strict).await, Sandbox::new("hosts-heir").await);
    let operator = one.operate_with(&[&two]).await;
    let host = format!("{}.example.com", one.namespace());
    one.create(&claim("web", &host)).await;
    holds(&one, "web").await;
    // Were both made in one second, the heir might come first.
    let heir = two.create(&claim("web", &host)).await;
    let web: PreviewEnvironment = one.get("web").await;
    let (holder, other) = if rank(&web) < rank(&heir) { (&one, &two) } else { (&two, &one) };
    holds(holder, "web").await;
    waits(other, "web", &name(holder, "web")).await;

    let user = |id: Value| json!({ "spec": { "podSecurity": { "runAsUser": id } } });
    one.merge::<PreviewEnvironment>("web", user(json!(0))).await;
    one.not_ready::<PreviewEnvironment>("web", "PodSecurityNotAllowed").await;
    one.gone::<Ingress>("web").await;
    one.gone::<Deployment>("web").await;
    one.gone::<Service>("web").await;
    holds(&two, "web").await;
    operator.at_rest().await;
    one.not_ready::<PreviewEnvironment>("web", "PodSecurityNotAllowed").await;

    one.merge::<PreviewEnvironment>("web", user(json!(1000))).await;
    holds(holder, "web").await;
    waits(other, "web", &name(holder, "web")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_internationalised_host_is_taken_in_its_ascii_form_and_routed_as_it_is() {
    let sandbox = Sandbox::new("hosts-idn").await;
    let _operator = sandbox.operate().await;
    let host = format!("xn--bcher-kva.{}.example.com", sandbox.namespace());
    sandbox.create(&claim("web", &host)).await;
    let ingress = sandbox.until("web", "is there", |_: &Ingress| true).await;
    assert_eq!(ingress.spec.unwrap().rules.unwrap()[0].host.as_deref(), Some(&*host));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_has_the_hosts_that_its_annotation_allows_and_holds_no_others() {
    let (open, closed) = (Sandbox::new("hosts-open").await, Sandbox::new("hosts-closed").await);
    let allow =
        |domains: Value| closed.annotate(json!({ "platform9.com/allowed-domains": domains }));
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
