//! A preview has at most one route, also while its route type changes. A host has at most one route
//! while its holder is deleted in the foreground. The tests watch every object of every route kind
//! and compare the revisions of creations and deletions, which the API server counts across kinds.
//! On a control plane of its own, because CRDs are cluster-wide.
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
    Namespaced, OwnCluster, SOON, Sandbox, condition, describe, eventually, throughout,
};
use tests::fixtures::{PreviewFixture, preview};
use tests::route_apis::{MAPPINGS, http_routes, mappings};

/// How long a waiting preview is observed.
const QUIET: Duration = Duration::from_secs(2);

/// The kind of a route, and the revisions of its creation and deletion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    from: u64,
    to: Option<u64>,
    kind: String,
    uid: String,
}

/// All routes that existed when the watch began, and all later ones.
#[derive(Clone, Default)]
struct Witness(Arc<Mutex<Vec<Span>>>);

impl Witness {
    /// Watches one more kind.
    async fn watch<K: Namespaced>(&self, sandbox: &Sandbox) {
        let api: Api<K> = sandbox.api();
        let list = api.list(&ListParams::default()).await.unwrap();
        let version = list.metadata.resource_version.clone().unwrap();
        let events = api.watch(&WatchParams::default(), &version).await.unwrap().boxed();
        let (spans, kind) = (Arc::clone(&self.0), K::kind(&()).into_owned());
        for object in list {
            record(&spans, &kind, WatchEvent::Added(object));
        }
        tokio::spawn(events.try_for_each(move |event| {
            record(&spans, &kind, event);
            std::future::ready(Ok(()))
        }));
    }

    fn spans(&self) -> Vec<Span> {
        let mut spans = self.0.lock().unwrap().clone();
        spans.sort();
        spans
    }

    /// Waits until `count` routes were created and all but the last deleted. Checks that no two
    /// existed at once; returns their kinds in order.
    async fn until_one_of(&self, count: usize) -> Vec<String> {
        let spans = eventually(
            SOON,
            format!("{count} routes were created and all but one deleted"),
            async || {
                let spans = self.spans();
                let deleted = spans.iter().filter(|span| span.to.is_some()).count();
                if (spans.len(), deleted + 1) == (count, count) {
                    Ok(spans)
                } else {
                    Err(format!("{spans:#?}"))
                }
            },
        )
        .await;
        for pair in spans.windows(2) {
            assert!(
                pair[0].to.is_some_and(|deleted| deleted < pair[1].from),
                "two routes at once: {pair:#?}"
            );
        }
        spans.into_iter().map(|span| span.kind).collect()
    }
}

fn record<K: Namespaced>(spans: &Mutex<Vec<Span>>, kind: &str, event: WatchEvent<K>) {
    let mut spans = spans.lock().unwrap();
    let version = |object: &K| object.resource_version().unwrap().parse().unwrap();
    match event {
        WatchEvent::Added(object) => {
            spans.push(Span {
                from: version(&object),
                to: None,
                kind: kind.to_owned(),
                uid: object.uid().unwrap(),
            });
        }
        WatchEvent::Deleted(object) => {
            let uid = object.uid().unwrap();
            spans.iter_mut().find(|span| span.uid == uid).unwrap().to = Some(version(&object));
        }
        WatchEvent::Modified(_) | WatchEvent::Bookmark(_) => {}
        WatchEvent::Error(error) => panic!("the watch of {kind} ended: {error}"),
    }
}

fn route_of_type(type_: &str) -> Value {
    let gateways = if type_ == "HTTPRoute" {
        json!([{ "name": "public", "namespace": "gateways" }])
    } else {
        Value::Null
    };
    json!({ "type": type_, "parentRefs": gateways })
}

async fn change_type(sandbox: &Sandbox, type_: &str) {
    sandbox
        .merge::<PreviewEnvironment>("web", json!({ "spec": { "route": route_of_type(type_) } }))
        .await;
}

/// Waits until the preview has a route of this type.
async fn until_routed(sandbox: &Sandbox, type_: &str) {
    match type_ {
        "HTTPRoute" => drop(sandbox.until("web", "exists", |_: &HTTPRoute| true).await),
        "Ingress" => drop(sandbox.until("web", "exists", |_: &Ingress| true).await),
        _ => drop(sandbox.until("web", "exists", |_: &Mapping| true).await),
    }
    let reason = if type_ == "Mapping" { "NotReported" } else { "WaitingForController" };
    let is_routed = |web: &PreviewEnvironment| {
        condition(web, "RouteAccepted").status_and_reason() == ("Unknown", reason)
            && condition(web, "Ready").reason != "Terminating"
    };
    sandbox.until("web", format!("has its {type_}"), is_routed).await;
}

async fn watch_all_kinds(sandbox: &Sandbox) -> Witness {
    let witness = Witness::default();
    witness.watch::<HTTPRoute>(sandbox).await;
    witness.watch::<Ingress>(sandbox).await;
    witness.watch::<Mapping>(sandbox).await;
    witness
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_of_another_type_is_created_only_after_the_old_route_is_gone() {
    let cluster = OwnCluster::start("one-route");
    cluster.install(&[http_routes(), mappings()]).await;
    let sandbox = Sandbox::in_cluster(&cluster, "one-route", &[]).await;
    let witness = watch_all_kinds(&sandbox).await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "route": { "type": "Ingress" } }))).await;
    until_routed(&sandbox, "Ingress").await;

    // From each of the three types to each other type.
    for type_ in ["HTTPRoute", "Mapping", "Ingress", "Mapping", "HTTPRoute", "Ingress"] {
        change_type(&sandbox, type_).await;
        until_routed(&sandbox, type_).await;
    }
    let kinds = witness.until_one_of(7).await;
    assert_eq!(
        kinds,
        ["Ingress", "HTTPRoute", "Mapping", "Ingress", "Mapping", "HTTPRoute", "Ingress"]
    );

    // A foreign finalizer keeps the old route: the preview names the route and sends no request
    // while it waits.
    sandbox
        .merge::<Ingress>("web", json!({ "metadata": { "finalizers": ["example.com/hold"] } }))
        .await;
    change_type(&sandbox, "HTTPRoute").await;
    let waits = |web: &PreviewEnvironment| {
        condition(web, "Ready").status_and_reason() == ("False", "Terminating")
            && condition(web, "RouteAccepted").status_and_reason() == ("False", "RouteNotInPlace")
    };
    let web: PreviewEnvironment =
        sandbox.until("web", "waits for the end of its old route", waits).await;
    let ready = condition(&web, "Ready").message;
    assert!(
        ready.starts_with(
            "HTTPRoute web replaces Ingress web; the operator creates it when Ingress web is gone"
        ),
        "{ready}"
    );
    let route = condition(&web, "RouteAccepted").message;
    assert!(route.starts_with("HTTPRoute web is created when Ingress web is gone"), "{route}");
    assert_eq!(web.status.as_ref().unwrap().url, None, "{}", describe(&web));
    operator.assert_at_rest(QUIET).await;
    throughout(QUIET, "the new route is not created", async || {
        match sandbox.find::<HTTPRoute>("web").await {
            None => Ok(()),
            Some(route) => Err(describe(&route)),
        }
    })
    .await;

    // A change back and forth in the meantime does not change this.
    change_type(&sandbox, "Ingress").await;
    let again = |web: &PreviewEnvironment| {
        condition(web, "Ready").message.starts_with("an older Ingress web is being deleted")
    };
    sandbox.until("web", "waits to create its Ingress again", again).await;
    change_type(&sandbox, "Mapping").await;
    let third = |web: &PreviewEnvironment| {
        condition(web, "Ready").message.contains("Mapping web replaces Ingress web")
    };
    sandbox.until("web", "waits for the end of its Ingress again", third).await;
    sandbox.merge::<Ingress>("web", json!({ "metadata": { "finalizers": null } })).await;
    until_routed(&sandbox, "Mapping").await;
    assert_eq!(witness.until_one_of(8).await.last().map(String::as_str), Some("Mapping"));
    assert_a_removed_crd_ends_the_wait(&sandbox).await;
}

/// The old route has a finalizer, and its whole kind is deleted: no event reports the end of the
/// route, and the preview stops waiting.
async fn assert_a_removed_crd_ends_the_wait(sandbox: &Sandbox) {
    sandbox
        .merge::<Mapping>("web", json!({ "metadata": { "finalizers": ["example.com/hold"] } }))
        .await;
    change_type(sandbox, "Ingress").await;
    let waits = |web: &PreviewEnvironment| {
        condition(web, "RouteAccepted")
            .message
            .starts_with("Ingress web is created when Mapping web")
    };
    sandbox.until("web", "waits for the end of its Mapping", waits).await;
    let definitions: Api<CustomResourceDefinition> = Api::all(sandbox.client());
    definitions.delete(MAPPINGS, &DeleteParams::default()).await.unwrap();
    until_routed(sandbox, "Ingress").await;
    sandbox.merge::<Mapping>("web", json!({ "metadata": { "finalizers": null } })).await;
}

/// A preview with an Ingress for the host that all previews of the test share.
fn claim(sandbox: &Sandbox, name: &str) -> PreviewEnvironment {
    let host = format!("{}.example.com", sandbox.namespace());
    preview(name).with_host(&host).with_fields(json!({ "route": { "type": "Ingress" } }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_free_only_after_the_route_of_its_deleted_holder_is_gone() {
    let sandbox = Sandbox::new("handed-over").await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&claim(&sandbox, "first")).await;
    sandbox.until("first", "exists", |_: &Ingress| true).await;
    sandbox
        .merge::<Ingress>("first", json!({ "metadata": { "finalizers": ["example.com/hold"] } }))
        .await;
    // Two claims of one second would be ordered by their UIDs.
    eventually(SOON, "the second claim is created in a later second", async || {
        sandbox.try_create(&claim(&sandbox, "second")).await.unwrap();
        let created = async |name: &str| {
            sandbox.get::<PreviewEnvironment>(name).await.creation_timestamp().unwrap()
        };
        if created("second").await > created("first").await {
            return Ok(());
        }
        sandbox.delete::<PreviewEnvironment>("second").await;
        sandbox.until_gone::<PreviewEnvironment>("second").await;
        Err("both were created in the same second".to_owned())
    })
    .await;
    let waits = |web: &PreviewEnvironment| {
        condition(web, "Ready").status_and_reason() == ("False", "HostConflict")
    };
    sandbox.until("second", "waits for the first claim", waits).await;

    sandbox.delete_with::<PreviewEnvironment>("first", &DeleteParams::foreground()).await;
    let is_deleted = |route: &Ingress| route.metadata.deletion_timestamp.is_some();
    sandbox.until("first", "is being deleted", is_deleted).await;
    throughout(QUIET, "the second claim has no route", async || {
        match sandbox.find::<Ingress>("second").await {
            None => Ok(()),
            Some(route) => Err(describe(&route)),
        }
    })
    .await;
    let waits_for_the_deletion = |web: &PreviewEnvironment| {
        waits(web)
            && condition(web, "Ready")
                .message
                .starts_with("PreviewEnvironment first holds the host")
            && condition(web, "Ready").message.contains("is being deleted")
    };
    sandbox.until("second", "waits for the deletion", waits_for_the_deletion).await;

    let witness = Witness::default();
    witness.watch::<Ingress>(&sandbox).await;
    sandbox.merge::<Ingress>("first", json!({ "metadata": { "finalizers": null } })).await;
    sandbox.until("second", "exists", |_: &Ingress| true).await;
    assert_eq!(witness.until_one_of(2).await, ["Ingress", "Ingress"]);
}
