//! A real API server admits the recipes in `docs/previews/` and the children of their previews: a
//! dry-run server-side apply of every object, with strict validation.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod recipe_blocks;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::{Scope, pinned_kind};
use kubewright::FakeCluster;
use recipe_blocks::{blocks, definitions};
use serde_json::{Value, json};
use tests::cluster::OwnCluster;
use tests::fixtures::restricted_namespace;

/// API versions of files that no cluster receives.
const FILES: [&str; 1] = ["kustomize.config.k8s.io/v1beta1"];

/// Applies `object` as a dry run; returns the API server's error.
async fn admit(client: &Client, object: &Value) -> Result<(), String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("/apiVersion").split_once('/').unwrap_or(("", text("/apiVersion")));
    let kind = GroupVersionKind::gvk(group, version, text("/kind"));
    let (resource, capabilities) =
        pinned_kind(client, &kind).await.map_err(|error| error.to_string())?;
    let api: Api<DynamicObject> = match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => {
            Api::namespaced_with(client.clone(), text("/metadata/namespace"), &resource)
        }
    };
    let params = PatchParams { dry_run: true, ..PatchParams::apply("tests").validation_strict() };
    api.patch(text("/metadata/name"), &params, &Patch::Apply(object))
        .await
        .map(drop)
        .map_err(|error| error.to_string())
}

/// The children of a preview.
fn children(mut preview: Value) -> Vec<Value> {
    let registry = operator::registry();
    let controller = registry.controller_of("platform9.com/v1", "PreviewEnvironment").unwrap();
    preview["metadata"]["namespace"] = "previews".into();
    preview["metadata"]["uid"] = "11111111-2222-3333-4444-555555555555".into();
    let resource = controller.decode(preview.to_string().as_bytes()).unwrap();
    let cluster = FakeCluster::empty().with(restricted_namespace("previews"));
    let built = controller.build(operator::NAME.into(), &*resource, &cluster).unwrap();
    built.children.unwrap().iter().map(|child| child.body().clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_object_of_every_recipe_and_every_child_is_admitted() {
    let cluster = OwnCluster::start("recipes");
    cluster.install(&definitions::foreign_crds()).await;
    let client = cluster.client().await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for name in ["previews", "gateways", "argocd", "emissary"] {
        let namespace: Namespace =
            serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
        namespaces.create(&PostParams::default(), &namespace).await.unwrap();
    }
    let mut rejected = Vec::new();
    let mut kinds = BTreeSet::new();
    for block in blocks() {
        let documents = block
            .documents()
            .into_iter()
            .filter(|d| d["apiVersion"].as_str().is_some_and(|api| !FILES.contains(&api)));
        let previews = block.previews();
        let built = previews.iter().cloned().flat_map(children);
        for object in documents.chain(previews.iter().cloned()).chain(built) {
            let mut object = object;
            if object["kind"] == "PreviewEnvironment" {
                object["metadata"]["namespace"] = "previews".into();
            }
            kinds.insert(object["kind"].as_str().unwrap().to_owned());
            if let Err(error) = admit(&client, &object).await {
                rejected.push(format!(
                    "{}: {} {}: {error}",
                    block.place, object["kind"], object["metadata"]["name"]
                ));
            }
        }
    }
    assert!(rejected.is_empty(), "{}", rejected.join("\n"));
    let foreign = [
        "ApplicationSet",
        "AppProject",
        "ResourceSet",
        "ResourceSetInputProvider",
        "Gateway",
        "Listener",
        "Host",
        "ClusterIssuer",
    ];
    let ours = [
        "PreviewEnvironment",
        "PreviewPolicy",
        "Deployment",
        "Service",
        "HTTPRoute",
        "Ingress",
        "Mapping",
    ];
    for kind in foreign.iter().chain(&ours) {
        assert!(kinds.contains(*kind), "the recipes have no {kind}, only {kinds:?}");
    }
}
