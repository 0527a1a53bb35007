//! A `PreviewPolicy` for the namespace of one test, in a cluster where many tests have theirs.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use kube::api::{Api, DeleteParams, Patch, PatchParams};
use operator_api::preview::PreviewPolicy;
use serde_json::{Value, json};

use crate::cluster::Sandbox;

/// A policy for the namespace of one test, which makes it and says what becomes of it.
#[derive(Debug)]
pub struct Policy<'a> {
    sandbox: &'a Sandbox,
    name: String,
}

impl<'a> Policy<'a> {
    /// Makes it.
    pub async fn set(sandbox: &'a Sandbox, spec: Value) -> Self {
        let policy = Self { sandbox, name: sandbox.namespace().to_owned() };
        policy.change(spec).await;
        policy
    }

    /// Has it say this instead.
    pub async fn change(&self, mut spec: Value) {
        spec["namespaceSelector"] =
            json!({ "matchLabels": { "kubernetes.io/metadata.name": self.sandbox.namespace() } });
        let metadata = json!({ "name": self.name });
        let policy = json!({ "apiVersion": "platform9.com/v1", "kind": "PreviewPolicy", "metadata": metadata, "spec": spec });
        let params = PatchParams::apply("tests").force();
        self.api().patch(&self.name, &params, &Patch::Apply(policy)).await.unwrap();
    }

    /// Deletes it.
    pub async fn remove(self) {
        self.api().delete(&self.name, &DeleteParams::background()).await.unwrap();
    }

    fn api(&self) -> Api<PreviewPolicy> {
        Api::all(self.sandbox.client())
    }
}
