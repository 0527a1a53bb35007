//! A `PreviewPolicy` that selects the namespace of one test and no other namespace.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use kube::api::{Api, DeleteParams, Patch, PatchParams};
use operator_api::preview::PreviewPolicy;
use serde_json::{Value, json};

use crate::cluster::Sandbox;

/// The policy for the namespace of one test.
#[derive(Debug)]
pub struct Policy<'a> {
    sandbox: &'a Sandbox,
    name: String,
}

impl<'a> Policy<'a> {
    /// Creates the policy with this spec.
    pub async fn create(sandbox: &'a Sandbox, spec: Value) -> Self {
        let policy = Self { sandbox, name: sandbox.namespace().to_owned() };
        policy.update(spec).await;
        policy
    }

    /// Replaces the spec. Without a grace period in it, the new spec applies at once.
    pub async fn update(&self, mut spec: Value) {
        spec["namespaceSelector"] =
            json!({ "matchLabels": { "kubernetes.io/metadata.name": self.sandbox.namespace() } });
        spec.as_object_mut().unwrap().entry("gracePeriod").or_insert_with(|| "0s".into());
        let policy = json!({
            "apiVersion": "platform9.com/v1", "kind": "PreviewPolicy",
            "metadata": { "name": self.name }, "spec": spec,
        });
        let params = PatchParams::apply("tests").force();
        self.api().patch(&self.name, &params, &Patch::Apply(policy)).await.unwrap();
    }

    /// Deletes the policy.
    pub async fn delete(self) {
        self.api().delete(&self.name, &DeleteParams::background()).await.unwrap();
    }

    fn api(&self) -> Api<PreviewPolicy> {
        Api::all(self.sandbox.client())
    }
}
