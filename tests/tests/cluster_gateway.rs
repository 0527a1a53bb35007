//! A preview behind a Gateway, on a control plane of its own: CRDs are cluster-wide, and other
//! tests need a cluster without HTTPRoutes. This test plays the controller of the Gateway.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use operator_api::gateway::HTTPRoute;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{OwnCluster, Sandbox, condition, describe};
use tests::fixtures::{PreviewFixture, preview};
use tests::route_apis::http_routes;

/// How long the operator must write nothing although the API server set defaults in the route.
const QUIET: Duration = Duration::from_secs(2);

/// Reports, as the controller of `gateway`, whether it accepts the route of the preview `web`.
async fn report(sandbox: &Sandbox, gateway: &str, accepted: bool) {
    report_all(sandbox, &[(gateway, accepted, true)]).await;
}

/// Reports, as the controller of several Gateways, whether each accepts the route of the preview
/// `web` and finds its Service.
async fn report_all(sandbox: &Sandbox, gateways: &[(&str, bool, bool)]) {
    let api: Api<HTTPRoute> = sandbox.api();
    let generation = api.get("web").await.unwrap().metadata.generation;
    let condition = |type_: &str, holds: bool, reason: &str| {
        json!({
            "type": type_, "status": if holds { "True" } else { "False" },
            "reason": reason, "message": "from the controller",
            "observedGeneration": generation, "lastTransitionTime": "2030-01-01T00:00:00Z",
        })
    };
    let parent = |(gateway, accepted, resolved): &(&str, bool, bool)| {
        let reason = if *accepted { "Accepted" } else { "NoMatchingListenerHostname" };
        let refs = if *resolved { "ResolvedRefs" } else { "BackendNotFound" };
        json!({
            "parentRef": {
                "group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "gateways",
                "name": gateway,
            },
            "controllerName": "example.com/gateway",
            "conditions": [
                condition("Accepted", *accepted, reason),
                condition("ResolvedRefs", *resolved, refs),
            ],
        })
    };
    let status = json!({ "parents": gateways.iter().map(parent).collect::<Vec<_>>() });
    api.patch_status("web", &PatchParams::default(), &Patch::Merge(json!({ "status": status })))
        .await
        .unwrap();
}

/// Whether the preview is Ready, unless the controller of its route has not accepted the route:
/// then this is the reason.
fn is_ready_for(web: &PreviewEnvironment, route: &str) -> bool {
    let ready = condition(web, "Ready");
    if ["WaitingForController", "NotAccepted"].contains(&route) {
        ready.status_and_reason() == ("False", route)
    } else {
        ready.is_true()
    }
}

/// Waits until `RouteAccepted` has this status and reason, and Ready agrees; returns the URL.
async fn until_route_is(sandbox: &Sandbox, status: &str, reason: &str) -> Option<String> {
    let is_route = |web: &PreviewEnvironment| {
        condition(web, "RouteAccepted").status_and_reason() == (status, reason)
            && is_ready_for(web, reason)
    };
    let web = sandbox.until("web", format!("has RouteAccepted {status}, {reason}"), is_route).await;
    web.status.unwrap().url
}

fn through(gateway: &str) -> Value {
    json!({
        "type": "HTTPRoute", "parentRefs": [{ "name": gateway, "namespace": "gateways" }],
        "tls": {},
    })
}

/// Asserts that each of several Gateways has to accept the route and to find the Service.
async fn assert_every_gateway_has_to_accept(sandbox: &Sandbox) {
    let named = |name: &str| json!({ "name": name, "namespace": "gateways" });
    let both =
        json!({ "type": "HTTPRoute", "parentRefs": [named("public"), named("other")], "tls": {} });
    sandbox.merge::<PreviewEnvironment>("web", json!({ "spec": { "route": both } })).await;
    assert_eq!(until_route_is(sandbox, "Unknown", "WaitingForController").await, None);
    for (reported, rejection) in [
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
        report_all(sandbox, &reported).await;
        let is_route = |web: &PreviewEnvironment| {
            let route = condition(web, "RouteAccepted");
            let url = web.status.as_ref().and_then(|status| status.url.as_deref());
            match rejection {
                None => {
                    route.status_and_reason() == ("True", "Accepted")
                        && url == Some("https://web.example.com")
                }
                Some(why) => {
                    route.status_and_reason() == ("False", "NotAccepted")
                        && route.message.starts_with(why)
                        && url.is_none()
                }
            }
        };
        sandbox
            .until("web", format!("has a route with the rejection {rejection:?}"), is_route)
            .await;
    }
    // The preview waits for a Gateway that does not report, whatever the other Gateway reports.
    report_all(sandbox, &[("public", true, true)]).await;
    assert_eq!(until_route_is(sandbox, "Unknown", "WaitingForController").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_has_a_url_when_its_gateway_accepts_the_route() {
    let cluster = OwnCluster::start("gateway");
    let sandbox = Sandbox::in_cluster(&cluster, "gateway", &[]).await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "route": through("public") }))).await;
    assert_eq!(until_route_is(&sandbox, "False", "RouteApiNotServed").await, None);

    cluster.install(&[http_routes()]).await;
    assert_eq!(until_route_is(&sandbox, "Unknown", "WaitingForController").await, None);
    let route: HTTPRoute = sandbox.get("web").await;
    assert_eq!(route.spec.hostnames, ["web.example.com"], "{}", describe(&route));
    assert_eq!(
        route.spec.parent_refs[0].kind.as_deref(),
        Some("Gateway"),
        "the API server sets this default"
    );
    operator.assert_at_rest(QUIET).await;

    report(&sandbox, "public", false).await;
    assert_eq!(until_route_is(&sandbox, "False", "NotAccepted").await, None);
    let web: PreviewEnvironment = sandbox.get("web").await;
    let message = condition(&web, "RouteAccepted").message;
    assert_eq!(
        message,
        "Gateway gateways/public: Accepted is False, NoMatchingListenerHostname: from the \
         controller"
    );

    report(&sandbox, "public", true).await;
    assert_eq!(
        until_route_is(&sandbox, "True", "Accepted").await.as_deref(),
        Some("https://web.example.com")
    );

    // Another Gateway has not reported yet; the report of the first does not count.
    sandbox
        .merge::<PreviewEnvironment>("web", json!({ "spec": { "route": through("other") } }))
        .await;
    assert_eq!(until_route_is(&sandbox, "Unknown", "WaitingForController").await, None);
    report(&sandbox, "other", true).await;
    assert_eq!(
        until_route_is(&sandbox, "True", "Accepted").await.as_deref(),
        Some("https://web.example.com")
    );
    operator.assert_at_rest(QUIET).await;

    assert_every_gateway_has_to_accept(&sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_of_another_type_replaces_the_old_route() {
    let cluster = OwnCluster::start("types");
    cluster.install(&[http_routes()]).await;
    let sandbox = Sandbox::in_cluster(&cluster, "types", &[]).await;
    let _operator = sandbox.start_operator().await;
    sandbox.create(&preview("web").with_fields(json!({ "route": through("public") }))).await;
    let routes = async || {
        let names = |kind: &str, objects: Vec<String>| {
            objects.into_iter().map(|name| format!("{kind} {name}")).collect::<Vec<_>>()
        };
        let http_routes =
            sandbox.list::<HTTPRoute>().await.iter().map(ResourceExt::name_any).collect();
        let ingresses = sandbox.list::<Ingress>().await.iter().map(ResourceExt::name_any).collect();
        [names("HTTPRoute", http_routes), names("Ingress", ingresses)].concat()
    };
    for _ in 0..2 {
        until_route_is(&sandbox, "Unknown", "WaitingForController").await;
        sandbox.until("web", "exists", |_: &HTTPRoute| true).await;
        assert_eq!(routes().await, ["HTTPRoute web"]);
        let ingress = json!({ "spec": { "route": { "type": "Ingress", "parentRefs": null } } });
        sandbox.merge::<PreviewEnvironment>("web", ingress).await;
        sandbox.until("web", "exists", |_: &Ingress| true).await;
        until_route_is(&sandbox, "Unknown", "WaitingForController").await;
        assert_eq!(routes().await, ["Ingress web"]);
        sandbox
            .merge::<PreviewEnvironment>("web", json!({ "spec": { "route": through("public") } }))
            .await;
    }
}
