//! A preview has one route at a time, whatever becomes of its type, and a host at most one where
//! its holder goes in the foreground: every object of every kind of route is watched, and the
//! revisions at which each came and went, which the API server counts for all kinds alike, tell
//! whether two were there at once. On a real control plane of its own: definitions are
//! cluster-wide.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, WatchEvent, WatchParams};
use operator_api::ambassador::Mapping;
use operator_api::gateway::HTTPRoute;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{
    Namespaced, OwnCluster, SOON, Sandbox, condition, eventually, seen, throughout,
};
use tests::fixtures::{Preview, preview};
use tests::route_apis::{MAPPINGS, http_routes, mappings};

/// How long a preview is watched that waits for somebody else.
const QUIET: Duration = Duration::from_secs(2);

/// From when to when a route was there, in revisions; and its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    from: u64,
    to: Option<u64>,
    kind: String,
    uid: String,
}

/// All routes that there were when it began to look, and since.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<Span>>>);

impl Witness {
    /// Watches one kind more.
    async fn watches<K: Namespaced>(&self, sandbox: &Sandbox) {
        let api: Api<K> = sandbox.api();
        let list = api.list(&ListParams::default()).await.unwrap();
        let version = list.metadata.resource_version.clone().unwrap();
        let events = api.watch(&WatchParams::default(), &version).await.unwrap().boxed();
        let (spans, kind) = (Arc::clone(&self.0), K::kind(&()).into_owned());
        for there in list {
            note(&spans, &kind, WatchEvent::Added(there));
        }
        tokio::spawn(events.try_for_each(move |event| {
            note(&spans, &kind, event);
            std::future::ready(Ok(()))
        }));
    }

    fn seen(&self) -> Vec<Span> {
        let mut spans = self.0.lock().unwrap().clone();
        spans.sort();
        spans
    }

    /// Waits until so many came and all but the last have gone; gives their kinds, in their order.
    /// No two were there at once.
    async fn one_at_a_time(&self, count: usize) -> Vec<String> {
        let spans = eventually(
            SOON,
            format!("{count} routes have been seen, and all but one go"),
            async || {
                let spans = self.seen();
                let gone = spans.iter().filter(|span| span.to.is_some()).count();
                if (spans.len(), gone + 1) == (count, count) {
                    Ok(spans)
                } else {
                    Err(format!("{spans:#?}"))
                }
            },
        )
        .await;
        for pair in spans.windows(2) {
            assert!(pair[0].to.is_some_and(|gone| gone < pair[1].from), "two at once: {pair:#?}");
        }
        spans.into_iter().map(|span| span.kind).collect()
    }
}

fn note<K: Namespaced>(spans: &Mutex<Vec<Span>>, kind: &str, event: WatchEvent<K>) {
    let mut spans = spans.lock().unwrap();
    let version = |object: &K| object.resource_version().unwrap().parse().unwrap();
    match event {
        WatchEvent::Added(it) => {
            spans.push(Span {
                from: version(&it),
                to: None,
                kind: kind.to_owned(),
                uid: it.uid().unwrap(),
            });
        }
        WatchEvent::Deleted(it) => {
            let uid = it.uid().unwrap();
            spans.iter_mut().find(|span| span.uid == uid).unwrap().to = Some(version(&it));
        }
        WatchEvent::Modified(_) | WatchEvent::Bookmark(_) => {}
        WatchEvent::Error(error) => panic!("the watch of {kind} ended: {error}"),
    }
}

fn of_type(type_: &str) -> Value {
    let gateways = if type_ == "HTTPRoute" {
        json!([{ "name": "public", "namespace": "gateways" }])
    } else {
        Value::Null
    };
    json!({ "type": type_, "parentRefs": gateways })
}

async fn change(sandbox: &Sandbox, type_: &str) {
    sandbox
        .merge::<PreviewEnvironment>("web", json!({ "spec": { "route": of_type(type_) } }))
        .await;
}

/// Waits until the preview has its route, of this type, and is ready.
async fn routed(sandbox: &Sandbox, type_: &str) {
    match type_ {
        "HTTPRoute" => drop(sandbox.until("web", "is there", |_: &HTTPRoute| true).await),
        "Ingress" => drop(sandbox.until("web", "is there", |_: &Ingress| true).await),
        _ => drop(sandbox.until("web", "is there", |_: &Mapping| true).await),
    }
    let reason = if type_ == "Mapping" { "NotReported" } else { "WaitingForController" };
    let told = |web: &PreviewEnvironment| {
        condition(web, "RouteAccepted").says() == ("Unknown", reason)
            && condition(web, "Ready").holds()
    };
    sandbox.until("web", format!("has its {type_}"), told).await;
}

async fn watched(sandbox: &Sandbox) -> Witness {
    let witness = Witness::default();
    witness.watches::<HTTPRoute>(sandbox).await;
    witness.watches::<Ingress>(sandbox).await;
    witness.watches::<Mapping>(sandbox).await;
    witness
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_of_another_type_is_made_when_the_old_one_is_gone_whatever_keeps_that() {
    let cluster = OwnCluster::up("one-route");
    cluster.install(&[http_routes(), mappings()]).await;
    let sandbox = Sandbox::in_cluster(&cluster, "one-route", &[]).await;
    let witness = watched(&sandbox).await;
    let operator = sandbox.operate().await;
    sandbox.create(&preview("web").with(json!({ "route": { "type": "Ingress" } }))).await;
    routed(&sandbox, "Ingress").await;

    // From each of the three to each other one.
    for type_ in ["HTTPRoute", "Mapping", "Ingress", "Mapping", "HTTPRoute", "Ingress"] {
        change(&sandbox, type_).await;
        routed(&sandbox, type_).await;
    }
    let kinds = witness.one_at_a_time(7).await;
    assert_eq!(
        kinds,
        ["Ingress", "HTTPRoute", "Mapping", "Ingress", "Mapping", "HTTPRoute", "Ingress"]
    );

    // A finalizer of somebody else keeps the old one: the preview says what it waits for, and asks
    // for nothing meanwhile.
    sandbox
        .merge::<Ingress>("web", json!({ "metadata": { "finalizers": ["example.com/hold"] } }))
        .await;
    change(&sandbox, "HTTPRoute").await;
    let waits = |web: &PreviewEnvironment| {
        condition(web, "Ready").says() == ("False", "Terminating")
            && condition(web, "RouteAccepted").says() == ("False", "RouteNotInPlace")
    };
    let web: PreviewEnvironment = sandbox.until("web", "waits for its old route", waits).await;
    let ready = condition(&web, "Ready").message;
    assert!(
        ready.starts_with(
            "Ingress web is no longer wanted and still there; HTTPRoute web is made when it is gone"
        ),
        "{ready}"
    );
    let route = condition(&web, "RouteAccepted").message;
    assert!(route.starts_with("HTTPRoute web is made when Ingress web is gone"), "{route}");
    assert_eq!(web.status.as_ref().unwrap().url, None, "{}", seen(&web));
    operator.rests(QUIET).await;
    throughout(QUIET, "the new one is not made", async || {
        match sandbox.find::<HTTPRoute>("web").await {
            None => Ok(()),
            Some(route) => Err(seen(&route)),
        }
    })
    .await;

    // Back and forth meanwhile changes nothing of that.
    change(&sandbox, "Ingress").await;
    let again = |web: &PreviewEnvironment| {
        condition(web, "Ready").message.starts_with("Ingress web is being deleted")
    };
    sandbox.until("web", "waits to make it again", again).await;
    change(&sandbox, "Mapping").await;
    let third = |web: &PreviewEnvironment| {
        condition(web, "Ready").message.contains("; Mapping web is made when it is gone")
    };
    sandbox.until("web", "waits for it again", third).await;
    sandbox.merge::<Ingress>("web", json!({ "metadata": { "finalizers": null } })).await;
    routed(&sandbox, "Mapping").await;
    assert_eq!(witness.one_at_a_time(8).await.last().map(String::as_str), Some("Mapping"));
    goes_with_its_definition(&sandbox).await;
}

/// What the preview waits for has a finalizer and goes with its whole kind: no event of its own
/// tells, and it is waited for no longer.
async fn goes_with_its_definition(sandbox: &Sandbox) {
    sandbox
        .merge::<Mapping>("web", json!({ "metadata": { "finalizers": ["example.com/hold"] } }))
        .await;
    change(sandbox, "Ingress").await;
    let waits = |web: &PreviewEnvironment| {
        condition(web, "RouteAccepted").message.starts_with("Ingress web is made when Mapping web")
    };
    sandbox.until("web", "waits for its Mapping", waits).await;
    let definitions: Api<CustomResourceDefinition> = Api::all(sandbox.client());
    definitions.delete(MAPPINGS, &DeleteParams::default()).await.unwrap();
    routed(sandbox, "Ingress").await;
    sandbox.merge::<Mapping>("web", json!({ "metadata": { "finalizers": null } })).await;
}

/// A preview with an Ingress for the host of both.
fn claims(sandbox: &Sandbox, name: &str) -> PreviewEnvironment {
    let host = format!("{}.example.com", sandbox.namespace());
    preview(name).with_host(&host).with(json!({ "route": { "type": "Ingress" } }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_handed_over_when_a_holder_that_is_deleted_in_the_foreground_has_no_route_any_more()
 {
    let sandbox = Sandbox::new("handed-over").await;
    let _operator = sandbox.operate().await;
    sandbox.create(&claims(&sandbox, "first")).await;
    sandbox.until("first", "is there", |_: &Ingress| true).await;
    sandbox
        .merge::<Ingress>("first", json!({ "metadata": { "finalizers": ["example.com/hold"] } }))
        .await;
    // Of two of one second the lower UID is first.
    eventually(SOON, "a later second has begun", async || {
        sandbox.try_create(&claims(&sandbox, "second")).await.unwrap();
        let made = async |name: &str| {
            sandbox.get::<PreviewEnvironment>(name).await.creation_timestamp().unwrap()
        };
        if made("second").await > made("first").await {
            return Ok(());
        }
        sandbox.delete::<PreviewEnvironment>("second").await;
        sandbox.gone::<PreviewEnvironment>("second").await;
        Err("it is still the same".to_owned())
    })
    .await;
    let waits =
        |web: &PreviewEnvironment| condition(web, "Ready").says() == ("False", "HostConflict");
    sandbox.until("second", "waits for the first", waits).await;

    sandbox.delete_with::<PreviewEnvironment>("first", &DeleteParams::foreground()).await;
    let goes = |route: &Ingress| route.metadata.deletion_timestamp.is_some();
    sandbox.until("first", "is to be deleted, and kept", goes).await;
    throughout(QUIET, "the second has no route", async || {
        match sandbox.find::<Ingress>("second").await {
            None => Ok(()),
            Some(route) => Err(seen(&route)),
        }
    })
    .await;
    sandbox.until("second", "waits still", waits).await;

    let witness = Witness::default();
    witness.watches::<Ingress>(&sandbox).await;
    sandbox.merge::<Ingress>("first", json!({ "metadata": { "finalizers": null } })).await;
    sandbox.until("second", "is there", |_: &Ingress| true).await;
    assert_eq!(witness.one_at_a_time(2).await, ["Ingress", "Ingress"]);
}
