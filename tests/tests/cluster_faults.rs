//! What goes wrong beside the usual, on a real control plane: an operator that panics, one that is
//! stopped at work, resources and namespaces that go while they are worked on.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition as Written, ObjectMeta};
use kube::{CustomResource, CustomResourceExt, KubeSchema, ResourceExt};
use kubewright::runtime::Settings;
use kubewright::{Children, Invalid, Observed, Registry, Sample, View};
use operator_api::echo::Echo;
use operator_api::preview::PreviewEnvironment;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tests::cluster::{
    Metrics, Namespaced, Operator, OwnCluster, Sandbox, condition, seen, throughout,
};
use tests::fixtures::{AnyEcho, echo, preview};

/// Where the operator has a defect.
#[derive(
    Serialize, Deserialize, schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
enum Defect {
    #[default]
    None,
    Build,
    Status,
}

/// A resource that its operator cannot always cope with.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug)]
#[kube(
    group = "faults.example.com",
    version = "v1",
    kind = "Brittle",
    plural = "brittles",
    namespaced,
    status = "BrittleStatus"
)]
struct BrittleSpec {
    /// Where the operator panics.
    defect: Defect,
}

#[derive(Serialize, Deserialize, schemars::JsonSchema, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
struct BrittleStatus {
    observed_generation: Option<i64>,
    #[serde(default)]
    conditions: Vec<Written>,
}

struct BrittleOperator;

impl kubewright::Operator for BrittleOperator {
    const NAME: &'static str = "brittle";
    type Resource = Brittle;
    type Owns = (ConfigMap,);
    type Reads = ();

    fn build(&self, brittle: &Brittle, _: &View<'_, ()>) -> Result<Children<Self::Owns>, Invalid> {
        assert!(
            brittle.spec.defect != Defect::Build,
            "{} is more than build can take",
            brittle.name_any()
        );
        let mut config = ConfigMap::default();
        config.metadata.name.clone_from(&brittle.metadata.name);
        Ok(Children::new().with(config))
    }

    fn status(&self, brittle: &Brittle, _: &Observed<'_, Self::Owns>) -> BrittleStatus {
        assert!(brittle.spec.defect != Defect::Status, "status gives up");
        BrittleStatus::default()
    }

    fn samples() -> Vec<Sample<Brittle>> {
        Vec::new()
    }
}

fn brittle(name: &str, defect: Defect) -> Brittle {
    Brittle::new(name, BrittleSpec { defect })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_stays_with_its_own_resource_and_an_edit_ends_it() {
    let sandbox = Sandbox::new("panic").await;
    sandbox.cluster().install(&[Brittle::crd()]).await;
    let registry = Registry::new("brittle-operator").with(BrittleOperator);
    let operator =
        Operator::start(&registry, sandbox.cluster().kubeconfig(), &[sandbox.namespace()]).await;
    sandbox.create(&brittle("build", Defect::Build)).await;
    sandbox.create(&brittle("status", Defect::Status)).await;
    // More than there are workers: none of them is lost to a panic.
    for number in 0..20 {
        sandbox.create(&brittle(&format!("good-{number}"), Defect::None)).await;
    }

    let told: Brittle = sandbox.not_ready("build", "InternalError").await;
    let message = condition(&told, "Ready").message;
    assert_eq!(message, "the operator panicked: build is more than build can take");
    let told: Brittle = sandbox.not_ready("status", "InternalError").await;
    assert_eq!(condition(&told, "Ready").message, "the operator panicked: status gives up");
    for number in 0..20 {
        sandbox.ready::<Brittle>(&format!("good-{number}")).await;
    }
    let bugs = |metrics: &Metrics| metrics.errors("bug");
    let counted = operator.until("both have been tried again", |metrics| bugs(metrics) >= 4).await;
    assert!(bugs(&counted) < 10, "there is time between two tries: {counted:?}");
    assert!(operator.is_healthy().await);

    for name in ["build", "status"] {
        sandbox.merge::<Brittle>(name, json!({ "spec": { "defect": "None" } })).await;
        sandbox.ready::<Brittle>(name).await;
        sandbox.get::<ConfigMap>(name).await;
    }
    let counted = bugs(&operator.idle().await);
    sandbox.create(&brittle("after", Defect::None)).await;
    sandbox.ready::<Brittle>("after").await;
    assert_eq!(bugs(&operator.idle().await), counted, "it is over");
    operator.stop().await.unwrap();
}

async fn names<K: Namespaced>(sandbox: &Sandbox) -> BTreeSet<String> {
    sandbox.list::<K>().await.iter().map(ResourceExt::name_any).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_is_stopped_at_work_ends_what_it_began_and_the_next_one_goes_on() {
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
    operator.until("some of the work is done", |metrics| metrics.reconciles("echo") >= 5).await;
    let asked = Instant::now();
    operator.stop().await.unwrap();
    assert!(asked.elapsed() < deadline, "{:?}", asked.elapsed());

    let (deployments, services) =
        (names::<Deployment>(&sandbox).await, names::<Service>(&sandbox).await);
    assert!(
        (5..ALL).contains(&deployments.len()),
        "it was in the middle of it: {}",
        deployments.len()
    );
    assert_eq!(deployments, services, "no Echo was left half done");
    for name in &deployments {
        let web: Echo = sandbox.get(name).await;
        assert_ne!(condition(&web, "Ready").status, "", "{}", seen(&web));
    }

    let operator = sandbox.operate().await;
    for number in 0..ALL {
        sandbox.ready::<Echo>(&format!("web-{number}")).await;
    }
    operator.stop().await.unwrap();
}

/// Reconciles that ended with an error, of whatever kind.
fn failures(metrics: &Metrics) -> u64 {
    metrics.sum("kubewright_reconcile_errors_total", &[])
}

/// Sees that nothing fails, is tried again, or waits.
async fn at_rest(operator: &Operator) {
    let before = operator.idle().await;
    let counts =
        |metrics: &Metrics| (failures(metrics), metrics.reconciles("echo"), metrics.writes());
    // Longer than it takes until the first failure is tried again.
    throughout(Duration::from_secs(3), "the operator rests", async || {
        let now = operator.metrics().await;
        if counts(&now) == counts(&before) && now.in_work() == 0 {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_resources_that_are_deleted_while_they_are_worked_on() {
    let sandbox = Sandbox::new("flicker").await;
    let operator = sandbox.operate().await;
    for number in 0..50_u64 {
        let name = format!("web-{number}");
        sandbox.create(&echo(&name)).await;
        // Spread over the time that one reconcile takes: deletions meet it before, in the middle
        // and after.
        tokio::time::sleep(Duration::from_millis(number * 7 % 40)).await;
        sandbox.delete::<Echo>(&name).await;
    }
    sandbox.none::<Echo>().await;
    sandbox.none::<Deployment>().await;
    sandbox.none::<Service>().await;
    sandbox.none::<ReplicaSet>().await;
    sandbox.none::<Pod>().await;
    operator.until("no Echo is known", |metrics| metrics.resources("echo") == 0).await;
    at_rest(&operator).await;
    sandbox.none::<Deployment>().await;
    sandbox.none::<Service>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_goes_with_the_echoes_in_it_and_the_other_one_does_not_notice() {
    let (doomed, other) = (Sandbox::new("doomed").await, Sandbox::new("spared").await);
    let operator = doomed.operate_with(&[&other]).await;
    for number in 0..5 {
        doomed.create(&echo(&format!("web-{number}"))).await;
    }
    other.create(&echo("web")).await;
    other.ready::<Echo>("web").await;
    for number in 0..5 {
        doomed.ready::<Echo>(&format!("web-{number}")).await;
    }

    doomed.delete_namespace().await;
    other.merge::<Echo>("web", json!({ "spec": { "text": "meanwhile" } })).await;
    other.ready::<Echo>("web").await;
    doomed.namespace_gone().await;
    operator.until("one Echo is known", |metrics| metrics.resources("echo") == 1).await;
    at_rest(&operator).await;
    assert_eq!(failures(&operator.metrics().await), 0, "that a namespace goes is no failure");
    assert!(operator.is_healthy().await);

    let before: Deployment = other.get("web").await;
    other.delete::<Deployment>("web").await;
    other.until("web", "is made again", |now: &Deployment| now.uid() != before.uid()).await;
    other.ready::<Echo>("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_namespaces_go_while_the_previews_in_them_are_made_and_the_operator_goes_on() {
    const DOOMED: u64 = 50;
    let cluster = OwnCluster::up("namespaces");
    // Of all namespaces: those that go, too.
    let operator = Operator::start(&operator::registry(), cluster.kubeconfig(), &[]).await;
    let spared = Sandbox::in_cluster(&cluster, "spared", &[]).await;
    spared.create(&preview("spared")).await;
    let mut doomed = Vec::new();
    for number in 0..DOOMED {
        let sandbox = Sandbox::in_cluster(&cluster, "doomed", &[]).await;
        for name in ["one", "two"] {
            sandbox.create(&preview(&format!("{name}-{number}"))).await;
        }
        // Spread over the time that two reconciles take: deletions meet them before, in the middle
        // and after.
        tokio::time::sleep(Duration::from_millis(number * 7 % 60)).await;
        sandbox.delete_namespace().await;
        doomed.push(sandbox);
    }
    for sandbox in &doomed {
        sandbox.namespace_gone().await;
    }
    operator.until("one preview is known", |metrics| metrics.resources("preview") == 1).await;
    operator.at_rest().await;
    let told = operator.metrics().await;
    assert!(told.reconciles("preview") >= DOOMED, "there was work to interrupt: {told:?}");
    assert_eq!(failures(&told), 0, "that a namespace goes is no failure: {told:?}");
    assert!(operator.is_healthy().await);
    spared.ready::<PreviewEnvironment>("spared").await;
    spared.merge::<PreviewEnvironment>("spared", json!({ "spec": { "replicas": 2 } })).await;
    let grown = |preview: &PreviewEnvironment| {
        preview.status.as_ref().is_some_and(|status| status.ready_replicas == Some(2))
    };
    spared.until("spared", "has two pods", grown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_that_is_replaced_at_once_leaves_its_children_to_its_successor() {
    let sandbox = Sandbox::new("replaced").await;
    let operator = sandbox.operate().await;
    sandbox.create(&echo("web").with_text("0")).await;
    sandbox.ready::<Echo>("web").await;
    for round in 1..=5 {
        sandbox.delete::<Echo>("web").await;
        let made = sandbox.create(&echo("web").with_text(&round.to_string())).await;
        let web: Echo = sandbox.ready("web").await;
        assert_eq!(web.uid(), made.uid());
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
        operator.idle().await.errors("refused"),
        0,
        "to wait for garbage collection is no failure"
    );
    let told = operator.metrics().await.requests("create");
    assert_eq!(told, 0, "Events: nobody has to do anything");
    at_rest(&operator).await;
    assert_eq!(names::<Deployment>(&sandbox).await.len(), 1);
}
