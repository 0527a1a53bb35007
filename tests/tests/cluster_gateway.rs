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
use tests::routes::{self, Answer};

/// How long the operator must write nothing although the API server set defaults in the route.
const QUIET: Duration = Duration::from_secs(2);

/// Reports, as the controller of `gateway`, whether it accepts the route of the preview `web`.
async fn report(sandbox: &Sandbox, gateway: &str, accepted: bool) {
    report_all(sandbox, &[(gateway, accepted, true)]).await;
}

/// Reports, as the controller of several Gateways, whether each accepts the route of the preview
/// `web` and finds its Service.
async fn report_all(sandbox: &Sandbox, gateways: &[(&str, bool, bool)]) {
    let generation = sandbox.get::<HTTPRoute>("web").await.metadata.generation;
    let answers = gateways.iter().map(|(gateway, accepted, resolved)| {
        let holds = [*accepted, *resolved];
        Answer { holds, generation, ..Answer::accepted(gateway) }
    });
    write(sandbox, &answers.collect::<Vec<_>>()).await;
}

/// Writes the status of the route of the preview `web`.
async fn write(sandbox: &Sandbox, answers: &[Answer<'_>]) {
    let parents: Vec<_> = answers.iter().map(Answer::parent).collect();
    let patch = Patch::Merge(json!({ "status": { "parents": parents } }));
    let api: Api<HTTPRoute> = sandbox.api();
    api.patch_status("web", &PatchParams::default(), &patch).await.unwrap();
}

/// Waits until the route has this status and reason; returns the URL.
async fn until_route_is(sandbox: &Sandbox, status: &str, reason: &str) -> Option<String> {
    routes::until_route_is(sandbox, "web", status, reason).await.status.unwrap().url
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

/// Asserts that the entry of a controller that is gone does not count beside that of the present
/// controller.
async fn assert_the_present_controller_counts(sandbox: &Sandbox) {
    let public = json!({ "spec": { "route": through("public") } });
    sandbox.merge::<PreviewEnvironment>("web", public).await;
    let has_one_parent = |route: &HTTPRoute| route.spec.parent_refs.len() == 1;
    let route = sandbox.until("web", "has one Gateway", has_one_parent).await;
    let generation = route.metadata.generation;
    let present = Answer { generation, ..Answer::accepted("public") };
    let gone = Answer { controller: "example.com/gone", year: 2029, ..present };
    let old = generation.map(|generation| generation - 1);
    for (gone, present, is_accepted) in [
        (Answer { generation: old, holds: [false, true], ..gone }, present, true),
        (Answer { holds: [false, true], ..gone }, present, true),
        (gone, Answer { holds: [false, true], ..present }, false),
    ] {
        for answers in [[gone, present], [present, gone]] {
            write(sandbox, &answers).await;
            let expected =
                if is_accepted { ("True", "Accepted") } else { ("False", "NotAccepted") };
            let url = until_route_is(sandbox, expected.0, expected.1).await;
            assert_eq!(url.is_some(), is_accepted, "{answers:?}");
        }
        // The next answers must change the condition.
        write(sandbox, &[]).await;
        until_route_is(sandbox, "Unknown", "WaitingForController").await;
    }
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
    assert_the_present_controller_counts(&sandbox).await;
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
