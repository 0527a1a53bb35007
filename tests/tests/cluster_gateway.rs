//! A preview behind a Gateway, on a real control plane of its own: definitions are cluster-wide,
//! and other tests count on there being no HTTPRoute. The controller of the Gateway is this test:
//! it says what controllers say.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use operator_api::gateway::HTTPRoute;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{OwnCluster, Sandbox, condition, seen};
use tests::fixtures::{Preview, preview};
use tests::route_apis::http_routes;

/// How long nothing is written about a route whose every list got defaults from the API server.
const QUIET: Duration = Duration::from_secs(2);

/// Says, as the controller of `gateway`, whether it takes the route of the preview `web`.
async fn answer(sandbox: &Sandbox, gateway: &str, accepted: bool) {
    answers(sandbox, &[(gateway, accepted, true)]).await;
}

/// Says, as the controller of several Gateways, whether each takes the route of the preview `web`,
/// and finds its Service.
async fn answers(sandbox: &Sandbox, gateways: &[(&str, bool, bool)]) {
    let api: Api<HTTPRoute> = sandbox.api();
    let generation = api.get("web").await.unwrap().metadata.generation;
    let say = |type_: &str, holds: bool, reason: &str| {
        json!({
            "type": type_, "status": if holds { "True" } else { "False" }, "reason": reason, "message": "says the controller",
            "observedGeneration": generation, "lastTransitionTime": "2030-01-01T00:00:00Z",
        })
    };
    let parent = |(gateway, accepted, resolved): &(&str, bool, bool)| {
        let reason = if *accepted { "Accepted" } else { "NoMatchingListenerHostname" };
        let refs = if *resolved { "ResolvedRefs" } else { "BackendNotFound" };
        json!({
            "parentRef": { "group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "gateways", "name": gateway },
            "controllerName": "example.com/gateway",
            "conditions": [say("Accepted", *accepted, reason), say("ResolvedRefs", *resolved, refs)],
        })
    };
    let status = json!({ "parents": gateways.iter().map(parent).collect::<Vec<_>>() });
    api.patch_status("web", &PatchParams::default(), &Patch::Merge(json!({ "status": status })))
        .await
        .unwrap();
}

/// Waits until the preview is ready and says this about its route; gives its URL.
async fn says(sandbox: &Sandbox, status: &str, reason: &str) -> Option<String> {
    let holds = |web: &PreviewEnvironment| {
        condition(web, "RouteAccepted").says() == (status, reason)
            && condition(web, "Ready").holds()
    };
    let web = sandbox.until("web", format!("says {status}, {reason} about its route"), holds).await;
    web.status.unwrap().url
}

fn through(gateway: &str) -> Value {
    json!({ "type": "HTTPRoute", "parentRefs": [{ "name": gateway, "namespace": "gateways" }], "tls": {} })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_reached_through_a_gateway_once_that_takes_its_route() {
    let cluster = OwnCluster::up("gateway");
    let sandbox = Sandbox::in_cluster(&cluster, "gateway", &[]).await;
    let operator = sandbox.operate().await;
    sandbox.create(&preview("web").with(json!({ "route": through("public") }))).await;
    assert_eq!(says(&sandbox, "False", "RouteApiNotServed").await, None);

    cluster.install(&[http_routes()]).await;
    assert_eq!(says(&sandbox, "Unknown", "WaitingForController").await, None);
    let route: HTTPRoute = sandbox.get("web").await;
    assert_eq!(route.spec.hostnames, ["web.example.com"], "{}", seen(&route));
    assert_eq!(route.spec.parent_refs[0].kind.as_deref(), Some("Gateway"), "which is a default");
    operator.rests(QUIET).await;

    answer(&sandbox, "public", false).await;
    assert_eq!(says(&sandbox, "False", "NotAccepted").await, None);
    let web: PreviewEnvironment = sandbox.get("web").await;
    let told = condition(&web, "RouteAccepted").message;
    assert_eq!(
        told,
        "Gateway gateways/public: Accepted is False, NoMatchingListenerHostname: says the controller"
    );

    answer(&sandbox, "public", true).await;
    assert_eq!(
        says(&sandbox, "True", "Accepted").await.as_deref(),
        Some("https://web.example.com")
    );

    // Another Gateway has not said anything, whatever the first one did.
    sandbox
        .merge::<PreviewEnvironment>("web", json!({ "spec": { "route": through("other") } }))
        .await;
    assert_eq!(says(&sandbox, "Unknown", "WaitingForController").await, None);
    answer(&sandbox, "other", true).await;
    assert_eq!(
        says(&sandbox, "True", "Accepted").await.as_deref(),
        Some("https://web.example.com")
    );
    operator.rests(QUIET).await;

    // Through several, each has to take it and to find the Service.
    let named = |name: &str| json!({ "name": name, "namespace": "gateways" });
    let both =
        json!({ "type": "HTTPRoute", "parentRefs": [named("public"), named("other")], "tls": {} });
    sandbox.merge::<PreviewEnvironment>("web", json!({ "spec": { "route": both } })).await;
    assert_eq!(says(&sandbox, "Unknown", "WaitingForController").await, None);
    for (answered, refused) in [
        (
            [("public", true, true), ("other", false, true)],
            Some("Gateway gateways/other: Accepted is False, NoMatchingListenerHostname"),
        ),
        ([("public", true, true), ("other", true, true)], None),
        (
            [("public", false, true), ("other", true, true)],
            Some("Gateway gateways/public: Accepted is False, NoMatchingListenerHostname"),
        ),
        (
            [("public", true, true), ("other", true, false)],
            Some("Gateway gateways/other: ResolvedRefs is False, BackendNotFound"),
        ),
        (
            [("public", true, false), ("other", true, true)],
            Some("Gateway gateways/public: ResolvedRefs is False, BackendNotFound"),
        ),
    ] {
        answers(&sandbox, &answered).await;
        let holds = |web: &PreviewEnvironment| {
            let told = condition(web, "RouteAccepted");
            let url = web.status.as_ref().and_then(|status| status.url.as_deref());
            match refused {
                None => {
                    told.says() == ("True", "Accepted") && url == Some("https://web.example.com")
                }
                Some(why) => {
                    told.says() == ("False", "NotAccepted")
                        && told.message.starts_with(why)
                        && url.is_none()
                }
            }
        };
        sandbox.until("web", format!("says {refused:?} of its route"), holds).await;
    }
    // One that says nothing is waited for, whatever the other one does.
    answers(&sandbox, &[("public", true, true)]).await;
    assert_eq!(says(&sandbox, "Unknown", "WaitingForController").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_of_another_type_takes_the_place_of_the_old_one() {
    let cluster = OwnCluster::up("types");
    cluster.install(&[http_routes()]).await;
    let sandbox = Sandbox::in_cluster(&cluster, "types", &[]).await;
    let _operator = sandbox.operate().await;
    sandbox.create(&preview("web").with(json!({ "route": through("public") }))).await;
    let routes = async || {
        let names = |kind: &str, objects: Vec<String>| {
            objects.into_iter().map(|name| format!("{kind} {name}")).collect::<Vec<_>>()
        };
        let of_gateway =
            sandbox.list::<HTTPRoute>().await.iter().map(ResourceExt::name_any).collect();
        let of_kubernetes =
            sandbox.list::<Ingress>().await.iter().map(ResourceExt::name_any).collect();
        [names("HTTPRoute", of_gateway), names("Ingress", of_kubernetes)].concat()
    };
    for _ in 0..2 {
        says(&sandbox, "Unknown", "WaitingForController").await;
        sandbox.until("web", "is there", |_: &HTTPRoute| true).await;
        assert_eq!(routes().await, ["HTTPRoute web"]);
        let ingress = json!({ "spec": { "route": { "type": "Ingress", "parentRefs": null } } });
        sandbox.merge::<PreviewEnvironment>("web", ingress).await;
        sandbox.until("web", "is there", |_: &Ingress| true).await;
        says(&sandbox, "Unknown", "WaitingForController").await;
        assert_eq!(routes().await, ["Ingress web"]);
        sandbox
            .merge::<PreviewEnvironment>("web", json!({ "spec": { "route": through("public") } }))
            .await;
    }
}
