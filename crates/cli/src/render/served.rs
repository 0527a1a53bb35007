//! Optional kinds that the cluster serves: from `--served`, and from definitions in the files.

use kubewright_core::{KindInfo, Registry};
use serde_json::Value;

use crate::error::Error;

/// The optional kinds of the program, each once.
fn optional_kinds(registry: &Registry) -> Vec<KindInfo> {
    let mut kinds: Vec<KindInfo> =
        registry.controllers().iter().flat_map(|controller| controller.serves()).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// The form of `--served`: `HTTPRoute.gateway.networking.k8s.io`.
pub(super) fn name(kind: &KindInfo) -> String {
    format!("{}.{}", kind.kind, kind.group)
}

/// Finds the kinds of `--served`.
///
/// # Errors
/// For a kind that no operator uses as an optional kind: it would have no effect.
pub(super) fn find(names: &[String], registry: &Registry) -> Result<Vec<KindInfo>, Error> {
    let optional = optional_kinds(registry);
    let find = |text: &String| {
        let found = optional.iter().find(|kind| kind.is(text) || kind.resource() == *text).cloned();
        found.ok_or_else(|| {
            let known: Vec<String> = optional.iter().map(name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Error::UnknownOptionalKind { name: text.clone(), known }
        })
    };
    names.iter().map(find).collect()
}

/// The optional kinds that an object defines, if the object is a CustomResourceDefinition.
pub(super) fn defined_by(object: &Value, registry: &Registry) -> Vec<KindInfo> {
    let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default();
    if text("/apiVersion") != "apiextensions.k8s.io/v1"
        || text("/kind") != "CustomResourceDefinition"
    {
        return Vec::new();
    }
    let versions =
        || object.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
    let is_served =
        |kind: &KindInfo| versions().any(|v| v["name"] == *kind.version && v["served"] == true);
    optional_kinds(registry)
        .into_iter()
        .filter(|kind| kind.resource() == text("/metadata/name") && is_served(kind))
        .collect()
}
