//! Fields of a child that another field manager owns as well, on a real control plane: what a
//! preview no longer wants goes, and what it never wanted stays.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Container, ResourceRequirements};
use kube::api::{Patch, PatchParams};
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};
use tests::cluster::{Operator, Sandbox, describe};
use tests::fixtures::{PreviewFixture, preview};

const NAME: &str = "web";

/// A preview without a route, with these fields, that is Ready.
async fn ready(sandbox: &Sandbox, fields: Value) {
    let preview =
        preview(NAME).with_fields(json!({ "route": { "type": "None" } })).with_fields(fields);
    sandbox.create(&preview).await;
    sandbox.until_ready::<PreviewEnvironment>(NAME).await;
}

fn variables() -> Value {
    json!([{ "name": "LOG", "value": "debug" }, { "name": "PASSWORD", "value": "secret" }])
}

async fn edit(sandbox: &Sandbox, fields: Value) {
    sandbox.merge::<PreviewEnvironment>(NAME, json!({ "spec": fields })).await;
}

/// Applies the whole Deployment under another name, as a tool does that puts workloads to sleep.
async fn apply_as_sleeper(sandbox: &Sandbox) -> Deployment {
    let live: Deployment = sandbox.get(NAME).await;
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": NAME, "labels": live.metadata.labels },
        "spec": live.spec,
    });
    let params = PatchParams::apply("sleeper").force();
    sandbox.api().patch(NAME, &params, &Patch::Apply(object)).await.unwrap()
}

/// Clears `managedFields`. At the next apply, the API server gives everything to the manager
/// `before-first-apply`, too.
async fn clear_managed_fields(sandbox: &Sandbox, operator: &Operator) {
    sandbox.merge::<Deployment>(NAME, json!({ "metadata": { "managedFields": [{}] } })).await;
    let is_applied = |deployment: &Deployment| {
        let entries = deployment.metadata.managed_fields.as_deref().unwrap_or_default();
        let has = |manager| entries.iter().any(|entry| entry.manager.as_deref() == Some(manager));
        has("before-first-apply") && has(operator::NAME)
    };
    sandbox.until(NAME, "is applied again", is_applied).await;
    operator.until_at_rest().await;
}

/// Sets a variable of the Deployment, as `kubectl set env` does.
async fn set_variable(sandbox: &Sandbox, name: &str, value: &str) {
    let containers = json!([{ "name": "app", "env": [{ "name": name, "value": value }] }]);
    let patch = json!({ "spec": { "template": { "spec": { "containers": containers } } } });
    sandbox.patch::<Deployment>(NAME, &Patch::Strategic(patch)).await;
}

fn container(deployment: &Deployment) -> Container {
    let pod = deployment.spec.as_ref().unwrap().template.spec.clone().unwrap();
    pod.containers.into_iter().find(|container| container.name == "app").unwrap()
}

fn has_variable(deployment: &Deployment, name: &str) -> bool {
    container(deployment).env.unwrap_or_default().iter().any(|variable| variable.name == name)
}

/// Waits until the variable `PASSWORD` is gone and the preview is Ready.
async fn until_password_is_gone(sandbox: &Sandbox) -> Deployment {
    let is_gone = |deployment: &Deployment| {
        has_variable(deployment, "LOG") && !has_variable(deployment, "PASSWORD")
    };
    let deployment = sandbox.until(NAME, "has no variable PASSWORD", is_gone).await;
    sandbox.until_ready::<PreviewEnvironment>(NAME).await;
    deployment
}

async fn remove_password(sandbox: &Sandbox) {
    edit(sandbox, json!({ "env": [{ "name": "LOG", "value": "info" }] })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_another_manager_applied_as_well_goes_in_one_rollout() {
    let sandbox = Sandbox::new("leftover-applied").await;
    let operator = sandbox.start_operator().await;
    ready(&sandbox, json!({ "env": variables() })).await;
    let before = apply_as_sleeper(&sandbox).await.metadata.generation.unwrap();
    operator.until_at_rest().await;
    remove_password(&sandbox).await;
    let after = until_password_is_gone(&sandbox).await;
    assert_eq!(after.metadata.generation, Some(before + 1), "{}", describe(&after));
    operator.until_at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_goes_after_managed_fields_were_cleared() {
    let sandbox = Sandbox::new("leftover-cleared").await;
    let operator = sandbox.start_operator().await;
    ready(&sandbox, json!({ "env": variables() })).await;
    clear_managed_fields(&sandbox, &operator).await;
    remove_password(&sandbox).await;
    until_password_is_gone(&sandbox).await;
    operator.until_at_rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_goes_that_another_manager_changed_while_the_operator_was_stopped() {
    let sandbox = Sandbox::new("leftover-stopped").await;
    let operator = sandbox.start_operator().await;
    ready(&sandbox, json!({ "env": variables() })).await;
    operator.until_at_rest().await;
    operator.stop().await.unwrap();
    apply_as_sleeper(&sandbox).await;
    set_variable(&sandbox, "PASSWORD", "another").await;
    remove_password(&sandbox).await;
    let _operator = sandbox.start_operator().await;
    until_password_is_gone(&sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn maps_and_atomic_lists_go_as_a_whole() {
    let sandbox = Sandbox::new("leftover-atomic").await;
    let operator = sandbox.start_operator().await;
    let resources = json!({ "limits": { "memory": "64Mi", "cpu": "100m" } });
    ready(&sandbox, json!({ "args": ["-verbose"], "resources": resources })).await;
    apply_as_sleeper(&sandbox).await;
    operator.until_at_rest().await;
    edit(&sandbox, json!({ "args": null, "resources": { "limits": { "cpu": null } } })).await;
    let is_right = |deployment: &Deployment| {
        let Container { args, resources, .. } = container(deployment);
        let ResourceRequirements { limits, .. } = resources.unwrap_or_default();
        let limits = limits.unwrap_or_default();
        args.is_none() && limits.contains_key("memory") && !limits.contains_key("cpu")
    };
    sandbox.until(NAME, "has neither args nor a limit of CPU", is_right).await;
    sandbox.until_ready::<PreviewEnvironment>(NAME).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_manager_adds_stays() {
    let sandbox = Sandbox::new("leftover-foreign").await;
    let operator = sandbox.start_operator().await;
    ready(&sandbox, json!({ "env": variables() })).await;
    apply_as_sleeper(&sandbox).await;
    set_variable(&sandbox, "FOREIGN", "1").await;
    let annotations = json!({ "example.com/seen": "yes" });
    sandbox.merge::<Deployment>(NAME, json!({ "metadata": { "annotations": annotations } })).await;
    operator.until_at_rest().await;
    remove_password(&sandbox).await;
    let after = until_password_is_gone(&sandbox).await;
    assert!(has_variable(&after, "FOREIGN"), "{}", describe(&after));
    assert!(after.metadata.annotations.unwrap().contains_key("example.com/seen"));
    // All that remains is the entry of the sleeper without that variable.
    let owners = after.metadata.managed_fields.unwrap();
    let sleeper = owners.iter().find(|entry| entry.manager.as_deref() == Some("sleeper")).unwrap();
    let fields = sleeper.fields_v1.as_ref().unwrap().0.to_string();
    assert!(fields.contains("LOG") && !fields.contains("PASSWORD"), "{fields}");
}
