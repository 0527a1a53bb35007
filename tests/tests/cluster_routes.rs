//! What the route of a preview is where nobody chose, on a real control plane of its own: classes
//! and definitions are cluster-wide.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kubewright::Registry;
use operator::preview::PreviewOperator;
use operator_api::ambassador::Mapping;
use operator_api::gateway::HTTPRoute;
use operator_api::preview::{GatewayRef, PreviewEnvironment};
use serde_json::{Value, json};
use tests::cluster::{
    LONG, Metrics, Namespaced, Operator, OwnCluster, Sandbox, condition, eventually,
};
use tests::fixtures::{Preview, preview};
use tests::route_apis::{http_routes, mappings};

const HTTP_ROUTES: &str = "httproutes.gateway.networking.k8s.io";

/// Waits until the preview is ready and says this about its route; gives the message.
async fn says(sandbox: &Sandbox, name: &str, status: &str, reason: &str) -> String {
    let holds = |web: &PreviewEnvironment| {
        condition(web, "RouteAccepted").says() == (status, reason)
            && condition(web, "Ready").holds()
    };
    let web = sandbox.until(name, format!("says {status}, {reason} about its route"), holds).await;
    condition(&web, "RouteAccepted").message
}

/// Has the controller of a route say this in its status; waits until the preview's URL and what it
/// says about its route are as they should be then.
async fn answered<K: Namespaced>(
    sandbox: &Sandbox,
    name: &str,
    says: Value,
    (status, reason): (&str, &str),
    url: Option<&str>,
) {
    let patch = Patch::Merge(json!({ "status": says }));
    sandbox.api::<K>().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    reached(sandbox, name, (status, reason), url).await;
}

/// Waits until the preview says this about its route, and has this URL.
async fn reached(sandbox: &Sandbox, name: &str, (status, reason): (&str, &str), url: Option<&str>) {
    let holds = |web: &PreviewEnvironment| {
        let shown = web.status.as_ref().and_then(|status| status.url.as_deref());
        condition(web, "RouteAccepted").says() == (status, reason)
            && shown == url
            && condition(web, "Ready").holds()
    };
    sandbox
        .until(name, format!("says {status}, {reason} about its route, and {url:?}"), holds)
        .await;
}

/// What the controller of the Gateway says that takes the route.
fn taken() -> Value {
    let holds = |type_: &str| json!({ "type": type_, "status": "True", "reason": type_, "message": "", "lastTransitionTime": "2030-01-01T00:00:00Z" });
    json!({ "parents": [{
        "parentRef": { "group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "gateways", "name": "public" },
        "controllerName": "example.com/gateway", "conditions": [holds("Accepted"), holds("ResolvedRefs")],
    }] })
}

fn class_of(ingress: &Ingress) -> Option<&str> {
    ingress.spec.as_ref()?.ingress_class_name.as_deref()
}

async fn make_class(sandbox: &Sandbox, name: &str) {
    let class: IngressClass = serde_json::from_value(
        json!({ "metadata": { "name": name }, "spec": { "controller": "example.com/none" } }),
    )
    .unwrap();
    Api::all(sandbox.client()).create(&PostParams::default(), &class).await.unwrap();
}

async fn remove_definition(sandbox: &Sandbox, name: &str) {
    let api: Api<CustomResourceDefinition> = Api::all(sandbox.client());
    api.delete(name, &DeleteParams::background()).await.unwrap();
    eventually(LONG, format!("{name} is gone"), async || match api.get_opt(name).await.unwrap() {
        None => Ok(()),
        Some(_) => Err("it is there".to_owned()),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_route_that_the_cluster_serves_is_that_of_who_chose_none_and_nobody_elses() {
    let cluster = OwnCluster::up("routes");
    let sandbox = Sandbox::in_cluster(&cluster, "routes", &[]).await;
    let settings = PreviewOperator {
        default_gateways: vec![GatewayRef {
            name: "public".into(),
            namespace: Some("gateways".into()),
            ..GatewayRef::default()
        }],
        ..PreviewOperator::default()
    };
    let registry = Registry::new(operator::NAME).with(settings);
    let operator = Operator::start(&registry, cluster.kubeconfig(), &[sandbox.namespace()]).await;
    let path = format!("{}/inputs/preview-environment.yaml", env!("CARGO_MANIFEST_DIR"));
    let input: PreviewEnvironment =
        serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let web = &*input.metadata.name.clone().unwrap();
    sandbox.create(&input).await;
    sandbox
        .create(
            &preview("own")
                .with(json!({ "route": { "type": "Ingress", "ingressClassName": "own" } })),
        )
        .await;

    sandbox.create(&preview("any").with(json!({ "route": { "type": "Ingress" } }))).await;

    let nothing = says(&sandbox, web, "False", "RouteApiNotServed").await;
    assert!(nothing.contains("nothing in this cluster serves a route"), "{nothing}");
    says(&sandbox, "own", "Unknown", "WaitingForController").await;
    let without = says(&sandbox, "any", "Unknown", "WaitingForController").await;
    assert!(without.contains("this cluster has no IngressClass"), "{without}");
    assert_eq!(
        class_of(&sandbox.get("any").await),
        None,
        "which a controller may heed that knows no classes"
    );

    cluster.install(&[mappings()]).await;
    let url = Some("http://preview-1.fqdn.com");
    reached(&sandbox, web, ("Unknown", "NotReported"), url).await;
    let (running, inactive) =
        (json!({ "state": "Running" }), json!({ "state": "Inactive", "reason": "no Host" }));
    answered::<Mapping>(&sandbox, web, inactive, ("False", "NotAccepted"), None).await;
    answered::<Mapping>(&sandbox, web, running, ("True", "Accepted"), url).await;

    let before = operator.at_rest().await.reconciles("preview");
    make_class(&sandbox, "nginx").await;
    says(&sandbox, web, "Unknown", "WaitingForController").await;
    assert_eq!(
        class_of(&sandbox.get(web).await),
        Some("nginx"),
        "nobody would heed it without a class"
    );
    sandbox.gone::<Mapping>(web).await;
    sandbox
        .until("any", "has the class", |ingress: &Ingress| class_of(ingress) == Some("nginx"))
        .await;
    let told = says(&sandbox, "any", "Unknown", "WaitingForController").await;
    assert!(told.contains("heeds the class nginx"), "{told}");
    let after = operator.at_rest().await.reconciles("preview");
    let runs = after - before;
    assert!(
        (2..=6).contains(&runs),
        "of two: the class, and what they made and lost; and of nobody else: {runs}"
    );

    // Neither a class that comes later nor a mark on the one that they have changes anything.
    let before = operator.at_rest().await;
    make_class(&sandbox, "traefik").await;
    let two_more = |before: &Metrics| {
        let enough = before.reconciles("preview") + 2;
        move |now: &Metrics| now.reconciles("preview") >= enough
    };
    let looked = operator.until("both looked at the new class", two_more(&before)).await;
    let mark = Patch::Merge(
        json!({ "metadata": { "annotations": { "ingressclass.kubernetes.io/is-default-class": "true" } } }),
    );
    Api::<IngressClass>::all(sandbox.client())
        .patch("nginx", &PatchParams::default(), &mark)
        .await
        .unwrap();
    operator.until("both looked at the mark", two_more(&looked)).await;
    let after = operator.at_rest().await;
    assert_eq!(after.requests("apply"), before.requests("apply"));
    assert_eq!(after.requests("delete"), before.requests("delete"));
    assert_eq!(class_of(&sandbox.get(web).await), Some("nginx"));

    let served = json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } });
    answered::<Ingress>(&sandbox, web, served, ("True", "Accepted"), url).await;

    cluster.install(&[http_routes()]).await;
    sandbox.until(web, "is there", |_: &HTTPRoute| true).await;
    says(&sandbox, web, "Unknown", "WaitingForController").await;
    sandbox.gone::<Ingress>(web).await;
    sandbox.get::<Ingress>("own").await;
    answered::<HTTPRoute>(&sandbox, web, taken(), ("True", "Accepted"), url).await;
    let as_ever: PreviewEnvironment = sandbox.get(web).await;
    assert_eq!(as_ever.metadata.generation, Some(1), "nobody edited it");

    remove_definition(&sandbox, HTTP_ROUTES).await;
    sandbox.until(web, "is there again", |_: &Ingress| true).await;
    says(&sandbox, web, "Unknown", "WaitingForController").await;
    assert!(operator.is_healthy().await);
}
