//! Faults, on a real control plane: an operator that panics, an operator that is stopped during its
//! work, and resources and namespaces that are deleted during a reconcile.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{CustomResource, CustomResourceExt, KubeSchema, ResourceExt};
use kubewright::runtime::Settings;
use kubewright::{Children, Invalid, Observed, Registry, Report, Status, View};
use operator_api::echo::Echo;
use operator_api::preview::PreviewEnvironment;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tests::cluster::{
    Metrics, Namespaced, Operator, OwnCluster, Sandbox, condition, describe, throughout,
};
use tests::fixtures::{EchoFixture, echo, preview};

/// The function of the operator that has a defect.
#[derive(
    Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
enum Defect {
    #[default]
    None,
    Build,
    Report,
}

/// A resource that makes its operator panic.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug)]
#[kube(
    group = "faults.example.com",
    version = "v1",
    kind = "Brittle",
    plural = "brittles",
    namespaced,
    status = "Status"
)]
struct BrittleSpec {
    /// Where the operator panics.
    defect: Defect,
}

struct BrittleOperator;

impl kubewright::Operator for BrittleOperator {
    const NAME: &'static str = "brittle";
    type Resource = Brittle;
    type Owns = (ConfigMap,);
    type Reads = ();
    type Facts = ();

    fn build(&self, brittle: &Brittle, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        assert!(
            brittle.spec.defect != Defect::Build,
            "{} is more than build can take",
            brittle.name_any()
        );
        let mut config = ConfigMap::default();
        config.metadata.name.clone_from(&brittle.metadata.name);
        Ok(Children::new().with(config))
    }

    fn report(&self, brittle: &Brittle, observed: &Observed<'_, Self>, (): &()) -> Report<Status> {
        assert!(brittle.spec.defect != Defect::Report, "report gives up");
        Report::new(observed, Status::default())
    }
}

fn brittle(name: &str, defect: Defect) -> Brittle {
    Brittle::new(name, BrittleSpec { defect })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_affects_only_its_own_resource_until_an_edit() {
    let sandbox = Sandbox::new("panic").await;
    sandbox.cluster().install(&[Brittle::crd()]).await;
    let registry = Registry::new("brittle-operator").with(BrittleOperator);
    let operator =
        Operator::start(&registry, sandbox.cluster().kubeconfig(), &[sandbox.namespace()]).await;
    sandbox.create(&brittle("build", Defect::Build)).await;
    sandbox.create(&brittle("report", Defect::Report)).await;
    // More resources than workers: no panic ends a worker.
    for number in 0..20 {
        sandbox.create(&brittle(&format!("good-{number}"), Defect::None)).await;
    }

    let panicked: Brittle = sandbox.until_not_ready("build", "InternalError").await;
    let message = condition(&panicked, "Ready").message;
    assert_eq!(message, "the operator panicked: build is more than build can take");
    let panicked: Brittle = sandbox.until_not_ready("report", "InternalError").await;
    assert_eq!(condition(&panicked, "Ready").message, "the operator panicked: report gives up");
    for number in 0..20 {
        sandbox.until_ready::<Brittle>(&format!("good-{number}")).await;
    }
    let bugs = |metrics: &Metrics| metrics.errors("bug");
    let counted = operator.until("both resources were retried", |metrics| bugs(metrics) >= 4).await;
    assert!(bugs(&counted) < 10, "retries back off: {counted:?}");
    assert!(operator.is_healthy().await);

    for name in ["build", "report"] {
        sandbox.merge::<Brittle>(name, json!({ "spec": { "defect": "None" } })).await;
        sandbox.until_ready::<Brittle>(name).await;
        sandbox.get::<ConfigMap>(name).await;
    }
    let counted = bugs(&operator.until_idle().await);
    sandbox.create(&brittle("after", Defect::None)).await;
    sandbox.until_ready::<Brittle>("after").await;
    assert_eq!(bugs(&operator.until_idle().await), counted, "a retry after the edit failed");
    operator.stop().await.unwrap();
}

async fn names<K: Namespaced>(sandbox: &Sandbox) -> BTreeSet<String> {
    sandbox.list::<K>().await.iter().map(ResourceExt::name_any).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_operator_completes_its_reconciles_and_the_next_operator_continues() {
    const ALL: usize = 120;
    let sandbox = Sandbox::new("stopped").await;
    for number in 0..ALL {
        sandbox.create(&echo(&format!("web-{number}")).with_replicas(0)).await;
    }
    let deadline = Duration::from_secs(15);
    let settings = Settings {
        namespaces: vec![sandbox.namespace().to_owned()],
        shutdown_deadline: deadline,
        ..Settings::default()
    };
    let operator =
        Operator::start_with(&operator::registry(), sandbox.cluster().kubeconfig(), settings).await;
    operator
        .until("some resources are reconciled", |metrics| metrics.reconciles("echo") >= 5)
        .await;
    let stopped = Instant::now();
    operator.stop().await.unwrap();
    assert!(stopped.elapsed() < deadline, "{:?}", stopped.elapsed());

    let (deployments, services) =
        (names::<Deployment>(&sandbox).await, names::<Service>(&sandbox).await);
    assert!(
        (5..ALL).contains(&deployments.len()),
        "the operator was not stopped during its work: {} Deployments",
        deployments.len()
    );
    assert_eq!(deployments, services, "an Echo has only a part of its children");
    for name in &deployments {
        let web: Echo = sandbox.get(name).await;
        assert_ne!(condition(&web, "Ready").status, "", "{}", describe(&web));
    }

    let operator = sandbox.start_operator().await;
    for number in 0..ALL {
        sandbox.until_ready::<Echo>(&format!("web-{number}")).await;
    }
    operator.stop().await.unwrap();
}

/// Number of reconciles that ended with an error of any class.
fn failures(metrics: &Metrics) -> u64 {
    metrics.sum("kubewright_reconcile_errors_total", &[])
}

/// Checks that nothing fails, is retried or is queued.
async fn assert_no_retries(operator: &Operator) {
    let before = operator.until_idle().await;
    let counts =
        |metrics: &Metrics| (failures(metrics), metrics.reconciles("echo"), metrics.writes());
    // Longer than the delay before the first retry.
    throughout(Duration::from_secs(3), "the operator is at rest", async || {
        let now = operator.metrics().await;
        if counts(&now) == counts(&before) && now.in_progress() == 0 {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_that_are_deleted_during_a_reconcile_leave_no_object() {
    let sandbox = Sandbox::new("flicker").await;
    let operator = sandbox.start_operator().await;
    for number in 0..50_u64 {
        let name = format!("web-{number}");
        sandbox.create(&echo(&name)).await;
        // Deletions before, during and after a reconcile.
        tokio::time::sleep(Duration::from_millis(number * 7 % 40)).await;
        sandbox.delete::<Echo>(&name).await;
    }
    sandbox.until_none::<Echo>().await;
    sandbox.until_none::<Deployment>().await;
    sandbox.until_none::<Service>().await;
    sandbox.until_none::<ReplicaSet>().await;
    sandbox.until_none::<Pod>().await;
    operator.until("the cache has no Echo", |metrics| metrics.resources("echo") == 0).await;
    assert_no_retries(&operator).await;
    sandbox.until_none::<Deployment>().await;
    sandbox.until_none::<Service>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deletion_of_a_namespace_does_not_affect_another_namespace() {
    let (doomed, other) = (Sandbox::new("doomed").await, Sandbox::new("spared").await);
    let operator = doomed.start_operator_with(&[&other]).await;
    for number in 0..5 {
        doomed.create(&echo(&format!("web-{number}"))).await;
    }
    other.create(&echo("web")).await;
    other.until_ready::<Echo>("web").await;
    for number in 0..5 {
        doomed.until_ready::<Echo>(&format!("web-{number}")).await;
    }

    doomed.delete_namespace().await;
    other.merge::<Echo>("web", json!({ "spec": { "text": "meanwhile" } })).await;
    other.until_ready::<Echo>("web").await;
    doomed.until_namespace_gone().await;
    operator.until("the cache has one Echo", |metrics| metrics.resources("echo") == 1).await;
    assert_no_retries(&operator).await;
    assert_eq!(
        failures(&operator.metrics().await),
        0,
        "the deletion of a namespace counted as a failure"
    );
    assert!(operator.is_healthy().await);

    let before: Deployment = other.get("web").await;
    other.delete::<Deployment>("web").await;
    other.until("web", "is created again", |now: &Deployment| now.uid() != before.uid()).await;
    other.until_ready::<Echo>("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_namespaces_can_be_deleted_while_the_operator_creates_their_previews() {
    const DOOMED: u64 = 50;
    let cluster = OwnCluster::start("namespaces");
    // An operator of all namespaces, including those that are deleted.
    let operator = Operator::start(&operator::registry(), cluster.kubeconfig(), &[]).await;
    let spared = Sandbox::in_cluster(&cluster, "spared", &[]).await;
    spared.create(&preview("spared")).await;
    let mut doomed = Vec::new();
    for number in 0..DOOMED {
        let sandbox = Sandbox::in_cluster(&cluster, "doomed", &[]).await;
        for name in ["one", "two"] {
            sandbox.create(&preview(&format!("{name}-{number}"))).await;
        }
        // Deletions before, during and after two reconciles.
        tokio::time::sleep(Duration::from_millis(number * 7 % 60)).await;
        sandbox.delete_namespace().await;
        doomed.push(sandbox);
    }
    for sandbox in &doomed {
        sandbox.until_namespace_gone().await;
    }
    operator.until("the cache has one preview", |metrics| metrics.resources("preview") == 1).await;
    operator.until_at_rest().await;
    let metrics = operator.metrics().await;
    assert!(metrics.reconciles("preview") >= DOOMED, "no reconcile was interrupted: {metrics:?}");
    assert_eq!(
        failures(&metrics),
        0,
        "the deletion of a namespace counted as a failure: {metrics:?}"
    );
    assert!(operator.is_healthy().await);
    spared.until_ready::<PreviewEnvironment>("spared").await;
    spared.merge::<PreviewEnvironment>("spared", json!({ "spec": { "replicas": 2 } })).await;
    let has_two_pods = |preview: &PreviewEnvironment| {
        preview.status.as_ref().is_some_and(|status| status.ready_replicas == Some(2))
    };
    spared.until("spared", "has two pods", has_two_pods).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_that_is_deleted_and_created_at_once_gets_its_own_children() {
    let sandbox = Sandbox::new("replaced").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_text("0")).await;
    sandbox.until_ready::<Echo>("web").await;
    for round in 1..=5 {
        sandbox.delete::<Echo>("web").await;
        let created = sandbox.create(&echo("web").with_text(&round.to_string())).await;
        let web: Echo = sandbox.until_ready("web").await;
        assert_eq!(web.uid(), created.uid());
        let owner =
            |metadata: &ObjectMeta| metadata.owner_references.as_ref().unwrap()[0].uid.clone();
        let (deployment, service): (Deployment, Service) =
            (sandbox.get("web").await, sandbox.get("web").await);
        assert_eq!(
            (Some(owner(&deployment.metadata)), Some(owner(&service.metadata))),
            (web.uid(), web.uid())
        );
        let container = &deployment.spec.unwrap().template.spec.unwrap().containers[0];
        assert_eq!(container.args, Some(vec![format!("-text={round}")]));
    }
    assert_eq!(
        operator.until_idle().await.errors("not_owned"),
        0,
        "waiting for garbage collection counted as a failure"
    );
    let events = operator.metrics().await.requests("create");
    assert_eq!(events, 0, "an Event was sent although no person needs to act");
    assert_no_retries(&operator).await;
    assert_eq!(names::<Deployment>(&sandbox).await.len(), 1);
}
