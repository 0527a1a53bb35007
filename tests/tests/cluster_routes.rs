//! The default route type of a preview, on a control plane of its own: IngressClasses and CRDs are
//! cluster-wide.
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
use tests::fixtures::{PreviewFixture, preview};
use tests::route_apis::{http_routes, mappings};
use tests::routes::{Answer, is_ready_for, until_route_is};

const HTTP_ROUTES: &str = "httproutes.gateway.networking.k8s.io";

/// Waits until `RouteAccepted` has this status and reason; returns its message.
async fn route_message(sandbox: &Sandbox, name: &str, status: &str, reason: &str) -> String {
    condition(&until_route_is(sandbox, name, status, reason).await, "RouteAccepted").message
}

/// Sets the status of a route as its controller would; waits until the preview has this URL and
/// `RouteAccepted` this status and reason.
async fn report<K: Namespaced>(
    sandbox: &Sandbox,
    name: &str,
    route_status: Value,
    (status, reason): (&str, &str),
    url: Option<&str>,
) {
    let patch = Patch::Merge(json!({ "status": route_status }));
    sandbox.api::<K>().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    until_url_is(sandbox, name, (status, reason), url).await;
}

/// Waits until the preview has this URL and `RouteAccepted` this status and reason.
async fn until_url_is(
    sandbox: &Sandbox,
    name: &str,
    (status, reason): (&str, &str),
    url: Option<&str>,
) {
    let is_route = |web: &PreviewEnvironment| {
        let present = web.status.as_ref().and_then(|status| status.url.as_deref());
        condition(web, "RouteAccepted").status_and_reason() == (status, reason)
            && present == url
            && is_ready_for(web, reason)
    };
    sandbox
        .until(name, format!("has RouteAccepted {status}, {reason} and the URL {url:?}"), is_route)
        .await;
}

fn class_of(ingress: &Ingress) -> Option<&str> {
    ingress.spec.as_ref()?.ingress_class_name.as_deref()
}

async fn create_class(sandbox: &Sandbox, name: &str) {
    let class: IngressClass = serde_json::from_value(
        json!({ "metadata": { "name": name }, "spec": { "controller": "example.com/none" } }),
    )
    .unwrap();
    Api::all(sandbox.client()).create(&PostParams::default(), &class).await.unwrap();
}

async fn delete_crd(sandbox: &Sandbox, name: &str) {
    let api: Api<CustomResourceDefinition> = Api::all(sandbox.client());
    api.delete(name, &DeleteParams::background()).await.unwrap();
    eventually(LONG, format!("{name} is gone"), async || match api.get_opt(name).await.unwrap() {
        None => Ok(()),
        Some(_) => Err("the CRD exists".to_owned()),
    })
    .await;
}

/// Starts the operator of previews with one Gateway as the default.
async fn start_operator(cluster: &OwnCluster, sandbox: &Sandbox) -> Operator {
    let settings = PreviewOperator {
        default_gateways: vec![GatewayRef {
            name: "public".into(),
            namespace: Some("gateways".into()),
            ..GatewayRef::default()
        }],
        ..PreviewOperator::default()
    };
    let registry = Registry::new(operator::NAME).with(settings);
    Operator::start(&registry, cluster.kubeconfig(), &[sandbox.namespace()]).await
}

/// Asserts that neither a later class nor the default annotation on the previews' own class changes
/// anything.
async fn assert_later_classes_change_nothing(sandbox: &Sandbox, operator: &Operator, web: &str) {
    let before = operator.until_at_rest().await;
    create_class(sandbox, "traefik").await;
    let two_more = |before: &Metrics| {
        let enough = before.reconciles("preview") + 2;
        move |now: &Metrics| now.reconciles("preview") >= enough
    };
    let reconciled =
        operator.until("both previews are reconciled for the new class", two_more(&before)).await;
    let default_class = Patch::Merge(json!({
        "metadata": {
            "annotations": { "ingressclass.kubernetes.io/is-default-class": "true" },
        },
    }));
    Api::<IngressClass>::all(sandbox.client())
        .patch("nginx", &PatchParams::default(), &default_class)
        .await
        .unwrap();
    operator.until("both previews are reconciled for the annotation", two_more(&reconciled)).await;
    let after = operator.until_at_rest().await;
    assert_eq!(after.requests("apply"), before.requests("apply"));
    assert_eq!(after.requests("delete"), before.requests("delete"));
    assert_eq!(class_of(&sandbox.get(web).await), Some("nginx"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_without_a_route_type_gets_the_first_type_that_the_cluster_serves() {
    let cluster = OwnCluster::start("routes");
    let sandbox = Sandbox::in_cluster(&cluster, "routes", &[]).await;
    let operator = start_operator(&cluster, &sandbox).await;
    let path = format!("{}/inputs/preview-environment.yaml", env!("CARGO_MANIFEST_DIR"));
    let input: PreviewEnvironment =
        serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let web = &*input.metadata.name.clone().unwrap();
    sandbox.create(&input).await;
    sandbox
        .create(
            &preview("own")
                .with_fields(json!({ "route": { "type": "Ingress", "ingressClassName": "own" } })),
        )
        .await;

    sandbox.create(&preview("any").with_fields(json!({ "route": { "type": "Ingress" } }))).await;

    let message = route_message(&sandbox, web, "False", "RouteApiNotServed").await;
    assert!(message.contains("Ingress needs an ingress controller"), "{message}");
    until_route_is(&sandbox, "own", "Unknown", "WaitingForController").await;
    let without = route_message(&sandbox, "any", "Unknown", "WaitingForController").await;
    assert!(without.contains("this cluster has no IngressClass"), "{without}");
    assert_eq!(
        class_of(&sandbox.get("any").await),
        None,
        "a controller without classes may serve an Ingress without a class"
    );

    cluster.install(&[mappings()]).await;
    let url = Some("http://preview-1.fqdn.com");
    until_url_is(&sandbox, web, ("Unknown", "NotReported"), url).await;
    let (running, inactive) =
        (json!({ "state": "Running" }), json!({ "state": "Inactive", "reason": "no Host" }));
    report::<Mapping>(&sandbox, web, inactive, ("False", "NotAccepted"), None).await;
    report::<Mapping>(&sandbox, web, running, ("True", "Accepted"), url).await;

    let before = operator.until_at_rest().await.reconciles("preview");
    create_class(&sandbox, "nginx").await;
    until_route_is(&sandbox, web, "Unknown", "WaitingForController").await;
    assert_eq!(
        class_of(&sandbox.get(web).await),
        Some("nginx"),
        "no controller would serve an Ingress without a class"
    );
    sandbox.until_gone::<Mapping>(web).await;
    sandbox
        .until("any", "has the class", |ingress: &Ingress| class_of(ingress) == Some("nginx"))
        .await;
    let message = route_message(&sandbox, "any", "Unknown", "WaitingForController").await;
    assert!(message.contains("serves the class nginx"), "{message}");
    let after = operator.until_at_rest().await.reconciles("preview");
    let runs = after - before;
    assert!(
        (2..=6).contains(&runs),
        "expected runs of two previews for the class and their routes, found {runs} runs"
    );

    assert_later_classes_change_nothing(&sandbox, &operator, web).await;

    let served = json!({ "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } });
    report::<Ingress>(&sandbox, web, served, ("True", "Accepted"), url).await;

    cluster.install(&[http_routes()]).await;
    sandbox.until(web, "exists", |_: &HTTPRoute| true).await;
    until_route_is(&sandbox, web, "Unknown", "WaitingForController").await;
    sandbox.until_gone::<Ingress>(web).await;
    sandbox.get::<Ingress>("own").await;
    let accepted = json!({ "parents": [Answer::accepted("public").parent()] });
    report::<HTTPRoute>(&sandbox, web, accepted, ("True", "Accepted"), url).await;
    let unedited: PreviewEnvironment = sandbox.get(web).await;
    assert_eq!(unedited.metadata.generation, Some(1), "the spec was edited");

    delete_crd(&sandbox, HTTP_ROUTES).await;
    sandbox.until(web, "exists again", |_: &Ingress| true).await;
    until_route_is(&sandbox, web, "Unknown", "WaitingForController").await;
    assert!(operator.is_healthy().await);
}
