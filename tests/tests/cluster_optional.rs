//! A kind whose API comes and goes while the operator runs, on a real control plane of its own:
//! definitions are cluster-wide, and other tests count on there being no Mapping.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams};
use operator_api::ambassador::Mapping;
use operator_api::preview::PreviewEnvironment;
use tests::cluster::{
    Audited, LONG, Metrics, Operator, OwnCluster, Sandbox, condition, eventually, seen, throughout,
};
use tests::fixtures::preview;
use tests::route_apis::{MAPPINGS, mappings};

/// How long the operator is watched while it has nothing to do. A loop asks several times in this
/// time, also one that has learnt to wait: the first delays between two looks at an API are a
/// fraction of a second.
const QUIET: Duration = Duration::from_secs(3);

async fn remove_mappings(sandbox: &Sandbox) {
    let definitions: Api<CustomResourceDefinition> = Api::all(sandbox.client());
    definitions.delete(MAPPINGS, &DeleteParams::background()).await.unwrap();
    eventually(LONG, "the definition of Mapping is gone", async || {
        match definitions.get_opt(MAPPINGS).await.unwrap() {
            None => Ok(()),
            Some(definition) => Err(seen(&definition)),
        }
    })
    .await;
}

/// Waits until the preview works without a route.
async fn unrouted(sandbox: &Sandbox) -> PreviewEnvironment {
    let without_api = |preview: &PreviewEnvironment| {
        condition(preview, "Ready").holds()
            && condition(preview, "RouteAccepted").says() == ("False", "RouteApiNotServed")
    };
    sandbox.until("web", "is ready without a route", without_api).await
}

/// Waits until the preview has a route and a URL; gives the route.
async fn routed(sandbox: &Sandbox) -> Mapping {
    let with_url = |preview: &PreviewEnvironment| {
        let url = preview.status.as_ref().and_then(|status| status.url.as_deref());
        condition(preview, "RouteAccepted").says() == ("Unknown", "NotReported")
            && url == Some("http://web.example.com")
    };
    let web: PreviewEnvironment = sandbox.until("web", "has a route and a URL", with_url).await;
    assert!(condition(&web, "Ready").holds());
    let mapping: Mapping = sandbox.get("web").await;
    assert_eq!(mapping.metadata.owner_references.as_ref().unwrap()[0].uid, web.uid().unwrap());
    assert_eq!(mapping.spec.hostname.as_deref(), Some("web.example.com"));
    mapping
}

/// Sees that the operator asks for nothing at all for a while, whatever it waits for.
async fn silent(cluster: &OwnCluster, operator: &Operator) {
    let before = operator.idle().await;
    let written_down = cluster.audited().len();
    let watching = |metrics: &Metrics| metrics.sum("kubewright_api_requests_total", &[]);
    throughout(QUIET, "the operator asks for nothing", async || {
        let now = operator.metrics().await;
        if watching(&now) == watching(&before) {
            Ok(())
        } else {
            Err(format!("{:?}", &cluster.audited()[written_down..]))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_comes_and_goes_with_its_api_and_the_operator_goes_on_all_the_time() {
    let cluster = OwnCluster::up("optional");
    let kubeconfig = cluster.operator_kubeconfig().await;
    let sandbox = Sandbox::in_cluster(&cluster, "optional", &[]).await;
    let operator =
        Operator::start(&operator::registry(), &kubeconfig, &[sandbox.namespace()]).await;

    sandbox.create(&preview("web")).await;
    let web = unrouted(&sandbox).await;
    assert_eq!(web.status.unwrap().url, None);
    silent(&cluster, &operator).await;
    let about_mappings = |audited: &Audited| audited.uri.contains("getambassador.io/v3alpha1");
    let asked: Vec<Audited> = cluster.audited().into_iter().filter(about_mappings).collect();
    assert_eq!(asked, [], "an API that nobody defined was asked for");

    cluster.install(&[mappings()]).await;
    let first = routed(&sandbox).await;

    remove_mappings(&sandbox).await;
    let web = unrouted(&sandbox).await;
    assert_eq!(web.status.unwrap().url, None, "nothing answers there any more");
    assert!(operator.is_healthy().await);
    silent(&cluster, &operator).await;

    cluster.install(&[mappings()]).await;
    let second = routed(&sandbox).await;
    assert_ne!(second.uid(), first.uid());
    // It is watched again, too.
    sandbox.delete::<Mapping>("web").await;
    sandbox.until("web", "is made again", |mapping: &Mapping| mapping.uid() != second.uid()).await;
    assert!(operator.is_healthy().await);
    let counted = operator.idle().await;
    let failures: u64 =
        ["transient", "invalid", "refused", "bug"].iter().map(|class| counted.errors(class)).sum();
    assert_eq!(failures, 0, "that an API goes is no failure: {:?}", cluster.audited());
}
