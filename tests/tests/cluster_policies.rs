//! A `PreviewPolicy` that becomes stricter, that cannot be read, or whose definition is deleted, on
//! a real control plane. No preview that runs is stopped, moved or opened by that.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::{CustomResourceExt, ResourceExt};
use kubewright::runtime::Settings;
use operator_api::preview::{PreviewEnvironment, PreviewPolicy, StoredPolicy};
use serde_json::{Value, json};
use tests::cluster::{
    LONG, Operator, OwnCluster, Sandbox, condition, describe, eventually, throughout,
};
use tests::fixtures::{PreviewFixture, preview};
use tests::policy::Policy;
use tests::programs;

/// Previews that run before each change.
const PREVIEWS: usize = 7;
/// How long nothing may happen.
const QUIET: Duration = Duration::from_secs(4);

/// The operator for all namespaces, with the limits that users get.
async fn start(sandbox: &Sandbox) -> Operator {
    let kubeconfig = sandbox.cluster().kubeconfig();
    Operator::start_with(&operator::registry(), kubeconfig, Settings::default()).await
}

fn name(number: usize) -> String {
    format!("p{number}")
}

async fn create(sandbox: &Sandbox, name: &str) {
    sandbox.create(&preview(name).with_fields(json!({ "route": { "type": "None" } }))).await;
}

/// Previews that are Ready.
async fn run(sandbox: &Sandbox) {
    for number in 0..PREVIEWS {
        create(sandbox, &name(number)).await;
    }
    for number in 0..PREVIEWS {
        sandbox.until_ready::<PreviewEnvironment>(&name(number)).await;
    }
}

/// The UIDs and generations of the objects of all previews that ran first.
async fn objects(sandbox: &Sandbox) -> Vec<(String, Option<i64>)> {
    let deployments: Vec<Deployment> = sandbox.list().await;
    let policies: Vec<NetworkPolicy> = sandbox.list().await;
    let is_first = |name: &str| (0..PREVIEWS).any(|number| self::name(number) == name);
    let deployments = deployments.iter().map(|it| &it.metadata);
    let all = deployments.chain(policies.iter().map(|it| &it.metadata));
    let all = all.filter(|meta| is_first(meta.name.as_deref().unwrap()));
    all.map(|meta| (meta.uid.clone().unwrap(), meta.generation)).collect()
}

async fn assert_unchanged(sandbox: &Sandbox, before: &[(String, Option<i64>)], what: &str) {
    throughout(QUIET, what, async || {
        let now = objects(sandbox).await;
        if now == before { Ok(()) } else { Err(format!("{now:?} in place of {before:?}")) }
    })
    .await;
}

/// Waits until this new preview is refused for this reason, and has no pods.
async fn until_refused(sandbox: &Sandbox, name: &str, reason: &str) -> String {
    let refused = |preview: &PreviewEnvironment| {
        condition(preview, "Ready").status_and_reason() == ("False", reason)
    };
    let new: PreviewEnvironment =
        sandbox.until(name, format!("is refused: {reason}"), refused).await;
    let deployment: Option<Deployment> = sandbox.find(name).await;
    let replicas = deployment.and_then(|it| it.spec).and_then(|spec| spec.replicas);
    assert_eq!(replicas.unwrap_or(0), 0);
    condition(&new, "Ready").message
}

async fn until_policy(
    sandbox: &Sandbox,
    name: &str,
    what: &str,
    is: impl Fn(&StoredPolicy) -> bool,
) -> StoredPolicy {
    let api: Api<StoredPolicy> = Api::all(sandbox.client());
    eventually(LONG, what, async || {
        let policy = api.get(name).await.map_err(|error| error.to_string())?;
        if is(&policy) { Ok(policy) } else { Err(describe(&policy)) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stricter_policy_is_announced_before_it_stops_a_preview() {
    let cluster = OwnCluster::start("policies-stricter");
    let sandbox = Sandbox::in_cluster(&cluster, "stricter", &[]).await;
    let _operator = start(&sandbox).await;
    run(&sandbox).await;
    let printed = check(&sandbox, json!({ "imagePrefixes": ["registy.example/"] }));
    assert!(printed.contains("selects 1 namespace with 7 previews; 0 refused now."), "{printed}");
    assert!(printed.contains("It is stricter than no policy: spec.imagePrefixes."), "{printed}");
    let of_one = format!("  {}/p3: spec.imagePrefixes\n", sandbox.namespace());
    assert!(printed.contains(&of_one), "{printed}");
    // The previews are older than the policy only if they are of an earlier second.
    until_next_second().await;
    let strict = json!({ "imagePrefixes": ["registy.example/"], "gracePeriod": "20s" });
    let policy = Policy::create(&sandbox, strict).await;
    let announced = |policy: &StoredPolicy| condition(policy, "Tightening").is_true();
    let shown = until_policy(&sandbox, sandbox.namespace(), "it is announced", announced).await;
    let message = condition(&shown, "Tightening").message;
    assert!(message.contains("6 others lose their pods or their route"), "{message}");
    let status = shown.status.unwrap();
    let pending = status.pending.unwrap();
    assert_eq!((status.previews, status.refused, pending.refused), (Some(7), Some(0), Some(7)));
    for number in 0..PREVIEWS {
        let warned =
            |preview: &PreviewEnvironment| condition(preview, "RefusalAnnounced").is_true();
        sandbox.until::<PreviewEnvironment>(&name(number), "is warned", warned).await;
    }
    create(&sandbox, "new").await;
    let message = until_refused(&sandbox, "new", "ImageNotAllowed").await;
    assert!(message.contains("registy.example/"), "{message}");
    assert_eq!(stopped(&sandbox).await, 0);

    // The grace period ends, and then the rollout limiter decides.
    let enforced = |policy: &StoredPolicy| {
        policy.status.as_ref().is_some_and(|status| status.pending.is_none())
    };
    until_policy(&sandbox, sandbox.namespace(), "it is enforced", enforced).await;
    eventually(LONG, "previews wait", async || {
        let all: Vec<PreviewEnvironment> = sandbox.list().await;
        let waiting = all.iter().filter(|it| condition(*it, "RolloutPending").is_true()).count();
        if waiting > 0 { Ok(()) } else { Err("none waits".to_owned()) }
    })
    .await;
    assert!(stopped(&sandbox).await < PREVIEWS);
    policy.update(json!({})).await;
    eventually(LONG, "all run again", async || match stopped(&sandbox).await {
        0 => Ok(()),
        stopped => Err(format!("{stopped} are stopped")),
    })
    .await;
}

/// What `operator preview policy check` prints for a policy of the namespace.
fn check(sandbox: &Sandbox, mut spec: Value) -> String {
    spec["namespaceSelector"] =
        json!({ "matchLabels": { "kubernetes.io/metadata.name": sandbox.namespace() } });
    let policy = json!({
        "apiVersion": "platform9.com/v1", "kind": "PreviewPolicy",
        "metadata": { "name": "new" }, "spec": spec,
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.json");
    std::fs::write(&file, policy.to_string()).unwrap();
    let output = Command::new(programs::operator())
        .args(["preview", "policy", "check", "--file"])
        .arg(file)
        .arg("--kubeconfig")
        .arg(sandbox.cluster().kubeconfig())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The number of Deployments of the first previews that ask for no pods.
async fn stopped(sandbox: &Sandbox) -> usize {
    let all: Vec<Deployment> = sandbox.list().await;
    let is_stopped =
        |it: &&Deployment| it.name_any() != "new" && it.spec.as_ref().unwrap().replicas == Some(0);
    all.iter().filter(is_stopped).count()
}

/// Waits until the clock shows another second.
async fn until_next_second() {
    let second = || kubewright::Timestamp::now().as_second();
    let before = second();
    eventually(LONG, "a second is over", async || {
        if second() > before { Ok(()) } else { Err(before.to_string()) }
    })
    .await;
}

/// The definition of policies, with or without its rules.
fn definition(with_rules: bool) -> CustomResourceDefinition {
    let mut definition = PreviewPolicy::crd();
    if !with_rules {
        for version in &mut definition.spec.versions {
            let schema = json!({ "openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            } });
            version.schema = serde_json::from_value(schema).unwrap();
        }
    }
    definition
}

async fn apply_policy(sandbox: &Sandbox, spec: Value) {
    let policy = json!({
        "apiVersion": "platform9.com/v1", "kind": "PreviewPolicy",
        "metadata": { "name": "company" }, "spec": spec,
    });
    let api: Api<StoredPolicy> = Api::all(sandbox.client());
    let params = PatchParams::apply("tests").force();
    api.patch("company", &params, &Patch::Apply(policy)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_cannot_be_read_or_loses_its_definition_moves_nothing() {
    let cluster = OwnCluster::start("policies-lost");
    let sandbox = Sandbox::in_cluster(&cluster, "lost", &[]).await;
    let operator = start(&sandbox).await;
    let spec = json!({
        "networkPolicy": { "fromNamespaces": ["gateways"] }, "gracePeriod": "0s",
    });
    apply_policy(&sandbox, spec).await;
    let enforced = |policy: &StoredPolicy| policy.enforced().is_some();
    until_policy(&sandbox, "company", "it is enforced", enforced).await;
    run(&sandbox).await;
    let before = objects(&sandbox).await;
    assert_eq!(before.len(), 2 * PREVIEWS, "each has a Deployment and a NetworkPolicy");

    // A weaker definition accepts values that cannot be read.
    cluster.install(&[definition(false)]).await;
    for (number, (spec, expected)) in [
        (json!({ "limits": { "maxTtl": "7x" } }), "spec.limits.maxTtl is \"7x\""),
        (json!({ "imagePrefixes": ["a b"] }), "spec.imagePrefixes has the item \"a b\""),
    ]
    .into_iter()
    .enumerate()
    {
        apply_policy(&sandbox, spec).await;
        let stalled = |policy: &StoredPolicy| {
            condition(policy, "Stalled").is_true()
                && condition(policy, "Ready").message.contains(expected)
        };
        until_policy(&sandbox, "company", "it is stalled", stalled).await;
        let new = format!("new{number}");
        create(&sandbox, &new).await;
        let message = until_refused(&sandbox, &new, "PolicyNotReadable").await;
        assert!(message.contains("PreviewPolicy company cannot be read"), "{message}");
        assert_unchanged(&sandbox, &before, "an unreadable policy changes nothing").await;
    }
    operator.stop().await.unwrap();
    let operator = start(&sandbox).await;
    assert_unchanged(&sandbox, &before, "a restart changes nothing").await;
    assert!(until_refused(&sandbox, "new0", "PolicyNotReadable").await.contains("company"));

    // The definition goes, and with it the policy.
    let definitions: Api<CustomResourceDefinition> = Api::all(sandbox.client());
    let crd = PreviewPolicy::crd_name();
    definitions.delete(crd, &DeleteParams::background()).await.unwrap();
    eventually(LONG, "the operator is not ready", async || {
        if operator.is_healthy().await { Err("it is ready".to_owned()) } else { Ok(()) }
    })
    .await;
    assert_unchanged(&sandbox, &before, "the definition is gone, and nothing changes").await;
    create(&sandbox, "later").await;
    let message = until_refused(&sandbox, "later", "DefinitionMissing").await;
    assert!(message.contains(crd), "{message}");
    // Drift is repaired from what was known.
    let delete: Api<NetworkPolicy> = sandbox.api();
    delete.delete("p0", &DeleteParams::background()).await.unwrap();
    let exists = |_: &NetworkPolicy| true;
    sandbox.until::<NetworkPolicy>("p0", "is repaired", exists).await;
    let before = objects(&sandbox).await;
    operator.stop().await.unwrap();

    // Without the definition, a new process knows nothing of the policy.
    let kubeconfig = sandbox.cluster().kubeconfig();
    let settings = Settings::default();
    let operator = Operator::start_unready(&operator::registry(), kubeconfig, settings);
    create(&sandbox, "latest").await;
    until_refused(&sandbox, "latest", "DefinitionMissing").await;
    assert_unchanged(&sandbox, &before, "a restart without the definition changes nothing").await;

    cluster.install(&[definition(true)]).await;
    sandbox.until_ready::<PreviewEnvironment>("latest").await;
    assert!(operator.is_healthy().await);
}
