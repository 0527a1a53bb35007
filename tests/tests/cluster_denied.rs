//! What a rule of the cluster denies, on a real API server: the resource is not stalled, and heals
//! by itself when the rule is gone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{LimitRange, Pod, ResourceQuota};
use kube::api::{Api, DeleteParams, PostParams};
use operator_api::echo::Echo;
use serde_json::{Value, json};
use tests::cluster::{Namespaced, SOON, Sandbox, condition, eventually};
use tests::fixtures::{EchoFixture, echo};

fn from<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn deployment() -> Deployment {
    from(json!({
        "metadata": { "name": "probe" },
        "spec": {
            "replicas": 0, "selector": { "matchLabels": { "a": "b" } },
            "template": {
                "metadata": { "labels": { "a": "b" } },
                "spec": { "containers": [{ "name": "a", "image": "a" }] },
            },
        },
    }))
}

/// Waits until the API server denies the creation of this object, and returns its answer.
async fn until_denied<K: Namespaced>(sandbox: &Sandbox, object: &K) -> String {
    let params = PostParams { dry_run: true, ..PostParams::default() };
    eventually(SOON, "the rule is in force", async || {
        match sandbox.api().create(&params, object).await {
            Err(kube::Error::Api(status)) => Ok(status.message),
            answer => Err(format!("{answer:?}")),
        }
    })
    .await
}

/// Waits until the Echo is denied with this text, and checks that it is not stalled.
async fn until_reported(sandbox: &Sandbox, text: &str) {
    let web: Echo = sandbox.until_not_ready("web", "Denied").await;
    let ready = condition(&web, "Ready");
    assert!(ready.message.contains(text), "{text:?} is not in: {}", ready.message);
    assert_eq!(condition(&web, "Stalled").status, "False");
    assert!(condition(&web, "Reconciling").is_true());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_that_a_policy_denies_heals_when_the_policy_allows_it() {
    let sandbox = Sandbox::new("policy").await;
    let name = sandbox.namespace();
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(sandbox.client());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(sandbox.client());
    let rule = json!({
        "apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
        "resources": ["deployments"],
    });
    let policy: ValidatingAdmissionPolicy = from(json!({
        "metadata": { "name": name },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": { "resourceRules": [rule] },
            "validations": [{ "expression": "false", "message": "not before lunch" }],
        },
    }));
    policies.create(&PostParams::default(), &policy).await.unwrap();
    let binding: ValidatingAdmissionPolicyBinding = from(json!({
        "metadata": { "name": name },
        "spec": {
            "policyName": name, "validationActions": ["Deny"],
            "matchResources": {
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } },
            },
        },
    }));
    bindings.create(&PostParams::default(), &binding).await.unwrap();
    until_denied(&sandbox, &deployment()).await;

    let operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(0)).await;
    until_reported(&sandbox, "not before lunch").await;
    operator.until("the class is counted", |metrics| metrics.errors("denied") > 0).await;
    bindings.delete(name, &DeleteParams::default()).await.unwrap();
    policies.delete(name, &DeleteParams::default()).await.unwrap();
    sandbox.until_ready::<Echo>("web").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_that_a_quota_denies_heals_when_the_quota_is_gone() {
    let sandbox = Sandbox::new("quota").await;
    let quota: ResourceQuota = from(json!({
        "metadata": { "name": "none" }, "spec": { "hard": { "count/deployments.apps": "0" } },
    }));
    sandbox.create(&quota).await;
    let answer = until_denied(&sandbox, &deployment()).await;
    assert!(answer.contains("exceeded quota"), "{answer}");

    let _operator = sandbox.start_operator().await;
    sandbox.create(&echo("web").with_replicas(0)).await;
    until_reported(&sandbox, "exceeded quota: none").await;
    sandbox.delete::<ResourceQuota>("none").await;
    sandbox.until_ready::<Echo>("web").await;
}

/// The engine recognizes a limit range and Pod Security by this form of their messages.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_begins_the_message_of_an_admission_plugin_with_the_forbidden_object() {
    let sandbox = Sandbox::new("limits").await;
    let limits: LimitRange = from(json!({
        "metadata": { "name": "small" },
        "spec": { "limits": [{ "type": "Container", "max": { "cpu": "1m" } }] },
    }));
    sandbox.create(&limits).await;
    let pod: Pod = from(json!({
        "metadata": { "name": "web" },
        "spec": { "containers": [
            { "name": "a", "image": "a", "resources": { "limits": { "cpu": "2" } } },
        ] },
    }));
    let answer = until_denied(&sandbox, &pod).await;
    assert!(answer.starts_with("pods \"web\" is forbidden: "), "{answer}");
    sandbox.delete::<LimitRange>("small").await;
    sandbox.label(json!({ "pod-security.kubernetes.io/enforce": "restricted" })).await;
    let answer = until_denied(&sandbox, &pod).await;
    assert!(answer.starts_with("pods \"web\" is forbidden: "), "{answer}");
}
