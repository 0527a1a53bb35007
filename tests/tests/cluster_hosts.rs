//! Which preview holds a host that several previews claim, and which hosts a namespace may use, on
//! a real control plane.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{SOON, Sandbox, condition, describe, eventually};
use tests::fixtures::{PreviewFixture, preview};

/// Number of pairs of claims.
const PAIRS: usize = 4;

/// A preview with an Ingress for this host.
fn claim(name: &str, host: &str) -> PreviewEnvironment {
    preview(name).with_host(host).with_fields(json!({ "route": { "type": "Ingress" } }))
}

/// The precedence of a preview for a host: its creation time, then its UID.
fn rank(preview: &PreviewEnvironment) -> (String, String) {
    let created = preview.creation_timestamp().expect("the API server sets the creation time");
    (created.0.to_string(), preview.uid().expect("the API server sets the UID"))
}

/// Waits until a preview holds its host and has a route for it.
async fn until_holds(sandbox: &Sandbox, name: &str) {
    let holds = |web: &PreviewEnvironment| {
        let host = web.status.as_ref().and_then(|status| status.host.as_deref());
        host == Some(&*web.spec.fqdn)
            && condition(web, "RouteAccepted").status_and_reason()
                == ("Unknown", "WaitingForController")
    };
    let web = sandbox.until(name, "holds its host", holds).await;
    assert!(
        web.status.as_ref().unwrap().conditions.iter().all(|c| c.type_ != "HostConflict"),
        "{}",
        describe(&web)
    );
    sandbox.get::<Ingress>(name).await;
}

/// Waits until the conditions of a preview report `holder`, of the same namespace by its name, and
/// of another one without any name; the preview has its pods and no route.
async fn until_waits_for(sandbox: &Sandbox, name: &str, (elsewhere, holder): (&Sandbox, &str)) {
    let is_near = sandbox.namespace() == elsewhere.namespace();
    let holder = if is_near {
        format!("PreviewEnvironment {holder} holds")
    } else {
        "a PreviewEnvironment of another namespace holds".to_owned()
    };
    let waits = |web: &PreviewEnvironment| {
        let reports_holder = |type_| condition(web, type_).message.contains(&holder);
        condition(web, "Ready").status_and_reason() == ("False", "HostConflict")
            && condition(web, "RouteAccepted").status_and_reason() == ("False", "HostConflict")
            && condition(web, "HostConflict").status_and_reason() == ("True", "HeldByAnother")
            && ["Ready", "RouteAccepted", "HostConflict"].into_iter().all(reports_holder)
    };
    let web: PreviewEnvironment = sandbox.until(name, format!("waits for {holder}"), waits).await;
    let status = web.status.as_ref().unwrap();
    assert_eq!((status.url.as_deref(), status.host.as_deref()), (None, None));
    if !is_near {
        let messages = status.conditions.iter().map(|condition| &condition.message);
        let leaks = messages
            .filter(|message| message.replace(&web.spec.fqdn, "").contains(elsewhere.namespace()));
        assert_eq!(leaks.collect::<Vec<_>>(), [""; 0], "another tenant's namespace is shown");
    }
    sandbox
        .until(name, "has its pods", |deployment: &Deployment| {
            deployment.status.as_ref().and_then(|status| status.ready_replicas) == Some(1)
        })
        .await;
    sandbox.until_gone::<Ingress>(name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_claims_holds_the_host_and_the_other_claim_takes_over() {
    let (one, two) = (Sandbox::new("hosts-one").await, Sandbox::new("hosts-two").await);
    let operator = one.start_operator_with(&[&two]).await;
    // The API server decides which claim is older, and the operator may see the other one first.
    // Until it sees the status of both, the host can change its holder once.
    for pair in 0..PAIRS {
        let (own, host) =
            (format!("web-{pair}"), format!("{}-{pair}.example.com", one.namespace()));
        let (mine, other_claim) = (claim(&own, &host), claim(&own, &host));
        tokio::join!(one.create(&mine), two.create(&other_claim));
        operator.until_at_rest().await;
        let is_settled = async |sandbox: &Sandbox| {
            let web: PreviewEnvironment = sandbox.get(&own).await;
            let status = web.status.unwrap_or_default();
            let waits = status.conditions.iter().any(|c| c.type_ == "HostConflict");
            (status.host.is_some(), waits)
        };
        let first_holds = eventually(SOON, "one claim holds the host", async || {
            match (is_settled(&one).await, is_settled(&two).await) {
                ((true, false), (false, true)) => Ok(true),
                ((false, true), (true, false)) => Ok(false),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
        let (holder, other) = if first_holds { (&one, &two) } else { (&two, &one) };
        until_holds(holder, &own).await;
        until_waits_for(other, &own, (holder, &own)).await;
        if pair % 2 == 0 {
            holder.delete::<PreviewEnvironment>(&own).await;
        } else {
            let host = format!("other.{host}");
            holder.merge::<PreviewEnvironment>(&own, json!({ "spec": { "fqdn": host } })).await;
        }
        until_holds(other, &own).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_an_older_preview_takes_no_host_from_a_preview_that_holds_it() {
    let sandbox = Sandbox::new("hosts-kept").await;
    let operator = sandbox.start_operator().await;
    let host = format!("{}.example.com", sandbox.namespace());
    let mut claims = Vec::new();
    for name in ["a", "b"] {
        claims.push(sandbox.create(&claim(name, &format!("{name}.{host}"))).await);
        until_holds(&sandbox, name).await;
    }
    // Of the same second, the UID decides which is older.
    claims.sort_by_key(rank);
    let [older, newer] = [claims[0].name_any(), claims[1].name_any()];
    let take = json!({ "spec": { "fqdn": claims[1].spec.fqdn } });
    sandbox.merge::<PreviewEnvironment>(&older, take).await;
    until_waits_for(&sandbox, &older, (&sandbox, &newer)).await;
    operator.until_at_rest().await;
    until_holds(&sandbox, &newer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_existed_before_the_operator_are_served_in_their_order() {
    let sandbox = Sandbox::new("hosts-before").await;
    let host = format!("{}.example.com", sandbox.namespace());
    let mut claims = Vec::new();
    for name in ["c", "b", "a"] {
        claims.push(sandbox.create(&claim(name, &host)).await);
    }
    claims.sort_by_key(rank);
    let order: Vec<String> = claims.iter().map(ResourceExt::name_any).collect();
    let operator = sandbox.start_operator().await;
    until_holds(&sandbox, &order[0]).await;
    for other in &order[1..] {
        until_waits_for(&sandbox, other, (&sandbox, &order[0])).await;
    }
    let suspend = |suspend: bool| {
        json!({
            "spec": {
                "suspend": suspend,
                "route": { "type": "Ingress", "whenSuspended": "Remove" },
            },
        })
    };
    sandbox.merge::<PreviewEnvironment>(&order[0], suspend(true)).await;
    until_holds(&sandbox, &order[1]).await;
    until_waits_for(&sandbox, &order[2], (&sandbox, &order[1])).await;
    // Who gave up the host waits until it is free again.
    sandbox.merge::<PreviewEnvironment>(&order[0], suspend(false)).await;
    until_waits_for(&sandbox, &order[0], (&sandbox, &order[1])).await;
    sandbox.delete::<PreviewEnvironment>(&order[1]).await;
    until_holds(&sandbox, &order[0]).await;
    operator.until_at_rest().await;
}

/// The order of two claims of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Created in one second; the first claim has the lower UID.
    FirstIsLower,
    /// Created in one second; the later claim has the lower UID.
    LaterIsLower,
    /// Created in different seconds; the later claim has the lower UID.
    Apart,
}

impl Order {
    fn is_order_of(self, first: &PreviewEnvironment, later: &PreviewEnvironment) -> bool {
        let ((first, one), (later, other)) = (rank(first), rank(later));
        match self {
            Self::FirstIsLower => first == later && one < other,
            Self::LaterIsLower => first == later && other < one,
            Self::Apart => first < later && other < one,
        }
    }
}

/// Creates a claim of one host in each sandbox, in this order. The API server chooses times and
/// UIDs, so this function tries again until they fit.
async fn create_in_order(
    order: Order,
    first: &Sandbox,
    later: &Sandbox,
    name: &str,
) -> [PreviewEnvironment; 2] {
    let claim = claim(name, &format!("{name}.{}.example.com", first.namespace()));
    let mut one: Option<PreviewEnvironment> = None;
    eventually(SOON, format!("two claims are created in the order {order:?}"), async || {
        let mine = match one.take() {
            Some(mine) => mine,
            None => first.create(&claim).await,
        };
        let other = later.create(&claim).await;
        if order.is_order_of(&mine, &other) {
            return Ok([mine, other]);
        }
        later.delete::<PreviewEnvironment>(name).await;
        if order == Order::Apart {
            one = Some(mine);
        } else {
            first.delete::<PreviewEnvironment>(name).await;
        }
        Err("the API server chose other times or UIDs".to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_has_the_host_keeps_it_whichever_claim_is_older() {
    let (one, two) = (Sandbox::new("hosts-first").await, Sandbox::new("hosts-later").await);
    for (seen_first, other, round) in [(&one, &two, "a"), (&two, &one, "b")] {
        let mut names = Vec::new();
        for (number, order) in
            [Order::FirstIsLower, Order::LaterIsLower, Order::Apart].into_iter().enumerate()
        {
            let name = format!("web-{round}-{number}");
            let [first, later] = create_in_order(order, &one, &two, &name).await;
            assert_eq!(rank(&first) < rank(&later), order != Order::LaterIsLower);
            names.push(name);
        }
        // An operator of one namespace does not know the other claim: each claim in it gets a
        // route.
        let alone = seen_first.start_operator().await;
        for name in &names {
            until_holds(seen_first, name).await;
        }
        alone.stop().await.unwrap();
        let both = one.start_operator_with(&[&two]).await;
        for name in &names {
            until_holds(seen_first, name).await;
            until_waits_for(other, name, (seen_first, name)).await;
        }
        both.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_makes_a_preview_invalid_deletes_the_children_and_keeps_the_claim() {
    let strict = [("pod-security.kubernetes.io/enforce", "restricted")];
    let (one, two) =
        (Sandbox::with_labels("hosts-refused", &strict).await, Sandbox::new("hosts-heir").await);
    let operator = one.start_operator_with(&[&two]).await;
    let host = format!("{}.example.com", one.namespace());
    one.create(&claim("web", &host)).await;
    until_holds(&one, "web").await;
    two.create(&claim("web", &host)).await;
    until_waits_for(&two, "web", (&one, "web")).await;

    let user = |id: Value| json!({ "spec": { "podSecurity": { "runAsUser": id } } });
    one.merge::<PreviewEnvironment>("web", user(json!(0))).await;
    one.until_not_ready::<PreviewEnvironment>("web", "PodSecurityNotAllowed").await;
    one.until_gone::<Ingress>("web").await;
    one.until_gone::<Deployment>("web").await;
    one.until_gone::<Service>("web").await;
    operator.until_at_rest().await;
    until_waits_for(&two, "web", (&one, "web")).await;

    one.merge::<PreviewEnvironment>("web", user(json!(1000))).await;
    until_holds(&one, "web").await;
    until_waits_for(&two, "web", (&one, "web")).await;
    one.delete::<PreviewEnvironment>("web").await;
    until_holds(&two, "web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_internationalised_host_in_ascii_form_is_accepted_and_routed_unchanged() {
    let sandbox = Sandbox::new("hosts-idn").await;
    let _operator = sandbox.start_operator().await;
    let host = format!("xn--bcher-kva.{}.example.com", sandbox.namespace());
    sandbox.create(&claim("web", &host)).await;
    let ingress = sandbox.until("web", "exists", |_: &Ingress| true).await;
    assert_eq!(ingress.spec.unwrap().rules.unwrap()[0].host.as_deref(), Some(&*host));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_may_use_only_the_hosts_that_its_annotation_allows() {
    let (open, closed) = (Sandbox::new("hosts-open").await, Sandbox::new("hosts-closed").await);
    let allow =
        |domains: Value| closed.annotate(json!({ "platform9.com/allowed-domains": domains }));
    allow(json!("*.closed.example.com")).await;
    let _operator = open.start_operator_with(&[&closed]).await;
    let host = format!("{}.example.com", open.namespace());
    closed.create(&claim("intruder", &host)).await;
    let refused = |web: &PreviewEnvironment| {
        condition(web, "Ready").status_and_reason() == ("False", "HostNotAllowed")
            && condition(web, "Ready").message.contains("*.closed.example.com")
    };
    closed.until("intruder", "is refused", refused).await;
    assert!(closed.find::<Ingress>("intruder").await.is_none());
    open.create(&claim("owner", &host)).await;
    until_holds(&open, "owner").await;

    // The annotation changes; the previews do not.
    allow(Value::Null).await;
    until_waits_for(&closed, "intruder", (&open, "owner")).await;
    open.delete::<PreviewEnvironment>("owner").await;
    until_holds(&closed, "intruder").await;
    open.create(&claim("owner", &host)).await;
    until_waits_for(&open, "owner", (&closed, "intruder")).await;
    allow(json!("other.example.com, *.closed.example.com")).await;
    closed
        .until("intruder", "is refused again", |web: &PreviewEnvironment| {
            condition(web, "Ready").status_and_reason() == ("False", "HostNotAllowed")
                && condition(web, "Ready").message.contains("other.example.com")
        })
        .await;
    closed.until_gone::<Ingress>("intruder").await;
    until_holds(&open, "owner").await;
}
