//! A kind whose CRD is installed and removed while the operator runs, on a control plane of its
//! own: CRDs are cluster-wide, and other tests need a cluster without Mappings.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams};
use operator_api::ambassador::Mapping;
use operator_api::preview::PreviewEnvironment;
use tests::cluster::{
    AuditedRequest, LONG, Metrics, Operator, OwnCluster, Sandbox, condition, describe, eventually,
    throughout,
};
use tests::fixtures::preview;
use tests::route_apis::{MAPPINGS, mappings};

/// How long an idle operator is observed. A loop would send several requests in this time, also
/// with back-off: its first delays are fractions of a second.
const QUIET: Duration = Duration::from_secs(3);

async fn remove_mappings(sandbox: &Sandbox) {
    let definitions: Api<CustomResourceDefinition> = Api::all(sandbox.client());
    definitions.delete(MAPPINGS, &DeleteParams::background()).await.unwrap();
    eventually(LONG, "the CRD of Mapping is gone", async || {
        match definitions.get_opt(MAPPINGS).await.unwrap() {
            None => Ok(()),
            Some(definition) => Err(describe(&definition)),
        }
    })
    .await;
}

/// Waits until the preview is ready without a route.
async fn until_unrouted(sandbox: &Sandbox) -> PreviewEnvironment {
    let without_api = |preview: &PreviewEnvironment| {
        condition(preview, "Ready").is_true()
            && condition(preview, "RouteAccepted").status_and_reason()
                == ("False", "RouteApiNotServed")
    };
    sandbox.until("web", "is ready without a route", without_api).await
}

/// Waits until the preview has a route and a URL; returns the route.
async fn until_routed(sandbox: &Sandbox) -> Mapping {
    let with_url = |preview: &PreviewEnvironment| {
        let url = preview.status.as_ref().and_then(|status| status.url.as_deref());
        condition(preview, "RouteAccepted").status_and_reason() == ("Unknown", "NotReported")
            && url == Some("http://web.example.com")
    };
    let web: PreviewEnvironment = sandbox.until("web", "has a route and a URL", with_url).await;
    assert!(condition(&web, "Ready").is_true());
    let mapping: Mapping = sandbox.get("web").await;
    assert_eq!(mapping.metadata.owner_references.as_ref().unwrap()[0].uid, web.uid().unwrap());
    assert_eq!(mapping.spec.hostname.as_deref(), Some("web.example.com"));
    mapping
}

/// Checks that the operator sends no request for a while.
async fn assert_silent(cluster: &OwnCluster, operator: &Operator) {
    let before = operator.until_idle().await;
    let logged = cluster.audited_requests().len();
    let requests = |metrics: &Metrics| metrics.sum("kubewright_api_requests_total", &[]);
    throughout(QUIET, "the operator sends no request", async || {
        let now = operator.metrics().await;
        if requests(&now) == requests(&before) {
            Ok(())
        } else {
            Err(format!("{:?}", &cluster.audited_requests()[logged..]))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_appears_and_disappears_with_its_api_while_the_operator_runs() {
    let cluster = OwnCluster::start("optional");
    let kubeconfig = cluster.operator_kubeconfig().await;
    let sandbox = Sandbox::in_cluster(&cluster, "optional", &[]).await;
    let operator =
        Operator::start(&operator::registry(), &kubeconfig, &[sandbox.namespace()]).await;

    sandbox.create(&preview("web")).await;
    let web = until_unrouted(&sandbox).await;
    assert_eq!(web.status.unwrap().url, None);
    assert_silent(&cluster, &operator).await;
    let about_mappings =
        |audited: &AuditedRequest| audited.uri.contains("getambassador.io/v3alpha1");
    let requests: Vec<AuditedRequest> =
        cluster.audited_requests().into_iter().filter(about_mappings).collect();
    assert_eq!(
        requests,
        [],
        "the operator sent requests to an API that the cluster does not serve"
    );

    cluster.install(&[mappings()]).await;
    let first = until_routed(&sandbox).await;

    remove_mappings(&sandbox).await;
    let web = until_unrouted(&sandbox).await;
    assert_eq!(web.status.unwrap().url, None, "the preview has a URL without a route");
    assert!(operator.is_healthy().await);
    assert_silent(&cluster, &operator).await;

    cluster.install(&[mappings()]).await;
    let second = until_routed(&sandbox).await;
    assert_ne!(second.uid(), first.uid());
    // The operator watches the kind again.
    sandbox.delete::<Mapping>("web").await;
    sandbox
        .until("web", "is created again", |mapping: &Mapping| mapping.uid() != second.uid())
        .await;
    assert!(operator.is_healthy().await);
    let counted = operator.until_idle().await;
    let failures: u64 = ["transient", "invalid", "not_owned", "bug"]
        .iter()
        .map(|class| counted.errors(class))
        .sum();
    assert_eq!(
        failures,
        0,
        "the removal of a CRD counted as a failure: {:?}",
        cluster.audited_requests()
    );
}
