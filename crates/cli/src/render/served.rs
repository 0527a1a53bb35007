//! Which optional kinds the cluster would serve: what `--served` names, and what the definitions
//! among the files define.

use kubewright_core::{KindInfo, Registry};
use serde_json::Value;

use crate::error::Error;

/// The kinds of which any operator asks whether they are served, each once.
pub(super) fn asked(registry: &Registry) -> Vec<KindInfo> {
    let mut asked: Vec<KindInfo> =
        registry.controllers().iter().flat_map(|controller| controller.serves()).collect();
    asked.sort();
    asked.dedup();
    asked
}

/// `HTTPRoute.gateway.networking.k8s.io`, as `--served` takes it.
pub(super) fn name(kind: &KindInfo) -> String {
    format!("{}.{}", kind.kind, kind.group)
}

/// The kinds that `--served` names.
///
/// # Errors
/// For one of which nobody asks: it would say nothing.
pub(super) fn named(names: &[String], registry: &Registry) -> Result<Vec<KindInfo>, Error> {
    let asked = asked(registry);
    let one = |text: &String| {
        let found = asked.iter().find(|kind| kind.is(text) || kind.resource() == *text).cloned();
        found.ok_or_else(|| {
            let known: Vec<String> = asked.iter().map(name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Error::NotAsked { asked: text.clone(), known }
        })
    };
    names.iter().map(one).collect()
}

/// The kinds that an object makes served, if it is a definition of any that is asked for.
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
    asked(registry)
        .into_iter()
        .filter(|kind| kind.resource() == text("/metadata/name") && is_served(kind))
        .collect()
}
