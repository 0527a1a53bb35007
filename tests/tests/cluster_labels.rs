//! Children without the label on which the operator's watches select, on a real control plane: the
//! label is written again, an obstacle is reported, and what is no longer wanted is deleted.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, PostParams};
use operator_api::echo::Echo;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{Namespaced, SOON, Sandbox, condition, describe, eventually, throughout};
use tests::fixtures::{EchoFixture, Fixture, PreviewFixture, echo, preview};

const LABEL: &str = "app.kubernetes.io/managed-by";
const NAME: &str = "web";

/// A policy that changes the label of all objects of a kind in one namespace, as JSON patch.
struct LabelPolicy<'a> {
    sandbox: &'a Sandbox,
    name: String,
}

impl<'a> LabelPolicy<'a> {
    /// Creates the policy and waits until it is in force. `operation` is the JSON patch of the
    /// label.
    async fn create(sandbox: &'a Sandbox, group: &str, plural: &str, operation: &str) -> Self {
        let policy = Self { sandbox, name: format!("{}-{plural}", sandbox.namespace()) };
        let rule = json!({
            "apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
            "resources": [plural],
        });
        let expression = format!(
            "[JSONPatch{{{operation}, path: '/metadata/labels/' + jsonpatch.escapeKey('{LABEL}')}}]"
        );
        let has_label =
            format!("has(object.metadata.labels) && '{LABEL}' in object.metadata.labels");
        policy
            .post(
                "MutatingAdmissionPolicy",
                json!({
                    "failurePolicy": "Fail", "reinvocationPolicy": "Never",
                    "matchConstraints": { "resourceRules": [rule] },
                    "matchConditions": [{ "name": "labelled", "expression": has_label }],
                    "mutations": [
                        { "patchType": "JSONPatch", "jsonPatch": { "expression": expression } },
                    ],
                }),
            )
            .await;
        let namespace = json!({ "kubernetes.io/metadata.name": sandbox.namespace() });
        policy
            .post(
                "MutatingAdmissionPolicyBinding",
                json!({
                    "policyName": policy.name,
                    "matchResources": { "namespaceSelector": { "matchLabels": namespace } },
                }),
            )
            .await;
        policy
    }

    async fn post(&self, kind: &str, spec: Value) {
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": { "name": self.name }, "spec": spec,
        }))
        .unwrap();
        self.api(kind).create(&PostParams::default(), &object).await.unwrap();
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let plural = match kind {
            "MutatingAdmissionPolicy" => "mutatingadmissionpolicies",
            _ => "mutatingadmissionpolicybindings",
        };
        let resource = ApiResource {
            group: "admissionregistration.k8s.io".into(),
            version: "v1".into(),
            api_version: "admissionregistration.k8s.io/v1".into(),
            kind: kind.into(),
            plural: plural.into(),
        };
        Api::all_with(self.sandbox.client(), &resource)
    }

    /// Waits until the policy changes the label of this object.
    async fn in_force(self, probe: &impl Namespaced) -> Self {
        let probe = probe.clone().labelled(LABEL, "probe");
        let params = PostParams { dry_run: true, ..PostParams::default() };
        eventually(SOON, "the policy is in force", async || {
            let answer = self.sandbox.api().create(&params, &probe).await.unwrap();
            let is_kept = answer.labels().get(LABEL) == probe.labels().get(LABEL);
            if is_kept { Err(describe(&answer)) } else { Ok(()) }
        })
        .await;
        self
    }

    async fn delete(self) {
        for kind in ["MutatingAdmissionPolicyBinding", "MutatingAdmissionPolicy"] {
            self.api(kind).delete(&self.name, &DeleteParams::default()).await.unwrap();
        }
    }
}

const REMOVE: &str = "op: 'remove'";
const REWRITE: &str = "op: 'replace', value: 'platform'";

async fn policy_for_deployments<'a>(sandbox: &'a Sandbox, operation: &str) -> LabelPolicy<'a> {
    let probe: Deployment = serde_json::from_value(json!({
        "metadata": { "name": "probe" },
        "spec": {
            "replicas": 0, "selector": { "matchLabels": { "a": "b" } },
            "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [{ "name": "a", "image": "a" }] },
            },
        },
    }))
    .unwrap();
    LabelPolicy::create(sandbox, "apps", "deployments", operation).await.in_force(&probe).await
}

async fn policy_for_ingresses(sandbox: &Sandbox) -> LabelPolicy<'_> {
    let probe: Ingress = serde_json::from_value(json!({
        "metadata": { "name": "probe" },
        "spec": { "defaultBackend": { "service": { "name": "a", "port": { "number": 80 } } } },
    }))
    .unwrap();
    let policy = LabelPolicy::create(sandbox, "networking.k8s.io", "ingresses", REMOVE).await;
    policy.in_force(&probe).await
}

/// Waits until the Echo reports the label, and checks that it is not stalled.
async fn until_reported(sandbox: &Sandbox) {
    let web: Echo = sandbox.until_not_ready(NAME, "Denied").await;
    let message = condition(&web, "Ready").message;
    for part in ["Deployment web", LABEL, "keep the label"] {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert_eq!(condition(&web, "Stalled").status, "False");
}

async fn assert_reported_and_healed(operation: &str) {
    let sandbox = Sandbox::new("label-policy").await;
    let policy = policy_for_deployments(&sandbox, operation).await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo(NAME).with_replicas(1)).await;
    until_reported(&sandbox).await;
    let before = operator.until_idle().await.requests("apply");
    throughout(Duration::from_secs(5), "writes are rare", async || {
        let writes = operator.metrics().await.requests("apply") - before;
        if writes <= 5 { Ok(()) } else { Err(format!("{writes} writes")) }
    })
    .await;
    policy.delete().await;
    let web: Echo = sandbox.until_ready(NAME).await;
    assert_eq!(web.status.unwrap().ready.as_deref(), Some("1/1"));
    operator.until_at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_removes_the_label_is_reported_until_it_is_gone() {
    assert_reported_and_healed(REMOVE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_rewrites_the_label_is_reported_until_it_is_gone() {
    assert_reported_and_healed(REWRITE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_heals_if_the_policy_disappears_while_the_operator_is_stopped() {
    let sandbox = Sandbox::new("label-restart").await;
    let policy = policy_for_deployments(&sandbox, REMOVE).await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo(NAME).with_replicas(1)).await;
    until_reported(&sandbox).await;
    operator.stop().await.unwrap();
    let operator = sandbox.start_operator().await;
    operator.until("it reports the label again", |metrics| metrics.errors("denied") > 0).await;
    operator.stop().await.unwrap();
    policy.delete().await;
    let _operator = sandbox.start_operator().await;
    sandbox.until_ready::<Echo>(NAME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_begins_later_is_reported_at_the_next_change() {
    let sandbox = Sandbox::new("label-later").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo(NAME).with_replicas(0)).await;
    sandbox.until_ready::<Echo>(NAME).await;
    operator.until_at_rest().await;
    let policy = policy_for_deployments(&sandbox, REMOVE).await;
    sandbox.merge::<Echo>(NAME, json!({ "spec": { "replicas": 1 } })).await;
    until_reported(&sandbox).await;
    policy.delete().await;
    sandbox.until_ready::<Echo>(NAME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_that_a_person_removes_is_written_again() {
    let sandbox = Sandbox::new("label-removed").await;
    let operator = sandbox.start_operator().await;
    sandbox.create(&echo(NAME).with_replicas(0)).await;
    sandbox.until_ready::<Echo>(NAME).await;
    for label in [Value::Null, "helm".into()] {
        operator.until_at_rest().await;
        sandbox.merge::<Service>(NAME, json!({ "metadata": { "labels": { LABEL: label } } })).await;
        let is_repaired =
            |service: &Service| service.labels().get(LABEL) == Some(&operator::NAME.to_owned());
        sandbox.until(NAME, "has our label", is_repaired).await;
        sandbox.until_ready::<Echo>(NAME).await;
    }
}

/// A preview with an Ingress, and nothing that waits for the controller of the Ingress.
async fn create_with_ingress(sandbox: &Sandbox) {
    let fields = json!({ "replicas": 0, "route": { "type": "Ingress" } });
    sandbox.create(&preview(NAME).with_fields(fields)).await;
    sandbox.until(NAME, "exists", |_: &Ingress| true).await;
}

async fn drop_ingress(sandbox: &Sandbox) {
    let route = json!({ "route": { "type": "None" } });
    sandbox.merge::<PreviewEnvironment>(NAME, json!({ "spec": route })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_label_a_policy_removes_is_deleted_when_it_is_no_longer_wanted() {
    let sandbox = Sandbox::new("label-unwanted").await;
    let policy = policy_for_ingresses(&sandbox).await;
    let operator = sandbox.start_operator().await;
    create_with_ingress(&sandbox).await;
    assert!(!sandbox.get::<Ingress>(NAME).await.labels().contains_key(LABEL));
    operator.until_at_rest().await;
    operator.stop().await.unwrap();
    let _operator = sandbox.start_operator().await;
    sandbox.until_not_ready::<PreviewEnvironment>(NAME, "Denied").await;
    drop_ingress(&sandbox).await;
    sandbox.until_gone::<Ingress>(NAME).await;
    sandbox.until_ready::<PreviewEnvironment>(NAME).await;
    policy.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_lost_its_label_while_the_operator_was_stopped_is_deleted_if_unwanted() {
    let sandbox = Sandbox::new("label-stopped").await;
    let operator = sandbox.start_operator().await;
    create_with_ingress(&sandbox).await;
    operator.until_at_rest().await;
    operator.stop().await.unwrap();
    sandbox.merge::<Ingress>(NAME, json!({ "metadata": { "labels": { LABEL: null } } })).await;
    drop_ingress(&sandbox).await;
    let _operator = sandbox.start_operator().await;
    sandbox.until_gone::<Ingress>(NAME).await;
    sandbox.until_ready::<PreviewEnvironment>(NAME).await;
}
