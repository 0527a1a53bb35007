//! CRDs of other projects' kinds with the fields that the recipes and the operator use. Strict
//! validation rejects other fields. With `KUBEWRIGHT_DEFINITIONS=FOLDER`, the CRDs in the YAML
//! files of FOLDER replace them.

use std::env;
use std::fs;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Map, Value, json};

/// Schemas in a short form: the name of a type, `A|B` for an enumeration (which begins with a
/// capital letter), a map for an object, a list for a list; `!` after a required field.
const KINDS: &str = include_str!("definitions.yaml");

/// The CRDs of all kinds that the recipes use.
pub(crate) fn foreign_crds() -> Vec<CustomResourceDefinition> {
    let kinds: Vec<Value> = serde_saphyr::from_str(KINDS).unwrap();
    let replacements = replacements();
    let built_in = kinds
        .iter()
        .map(definition)
        .filter(|crd| replacements.iter().all(|other| other.metadata.name != crd.metadata.name));
    built_in.chain(replacements.iter().cloned()).collect()
}

fn replacements() -> Vec<CustomResourceDefinition> {
    let Some(folder) = env::var_os("KUBEWRIGHT_DEFINITIONS") else { return Vec::new() };
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.map(|path| serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()).collect()
}

fn definition(kind: &Value) -> CustomResourceDefinition {
    let text = |key: &str| kind[key].as_str().unwrap();
    let (group, version) = text("api").split_once('/').unwrap();
    let schema = json!({ "type": "object", "properties": { "spec": schema(&kind["spec"]) } });
    serde_json::from_value(json!({
        "metadata": {
            "name": format!("{}.{group}", text("plural")),
            // The API server requires this annotation for CRDs in its own groups.
            "annotations": { "api-approved.kubernetes.io": "unapproved, a test" },
        },
        "spec": {
            "group": group, "scope": kind["scope"].as_str().unwrap_or("Namespaced"),
            "names": {
                "kind": text("kind"), "plural": text("plural"),
                "singular": text("kind").to_lowercase(),
            },
            "versions": [
                {
                    "name": version, "served": true, "storage": true,
                    "schema": { "openAPIV3Schema": schema },
                },
            ],
        },
    }))
    .unwrap()
}

fn schema(short: &Value) -> Value {
    match short {
        Value::String(name) if name == "any" => {
            json!({ "x-kubernetes-preserve-unknown-fields": true })
        }
        Value::String(name) if name == "labels" => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        Value::String(name) if name.starts_with(char::is_uppercase) => {
            json!({ "type": "string", "enum": name.split('|').collect::<Vec<_>>() })
        }
        Value::String(name) => json!({ "type": name }),
        Value::Array(items) => json!({ "type": "array", "items": schema(&items[0]) }),
        Value::Object(fields) => {
            let name = |key: &String| key.trim_end_matches('!').to_owned();
            let required: Vec<String> =
                fields.keys().filter(|key| key.ends_with('!')).map(name).collect();
            let properties: Map<String, Value> =
                fields.iter().map(|(key, inner)| (name(key), schema(inner))).collect();
            json!({ "type": "object", "properties": properties, "required": required })
        }
        other => panic!("{other} is no type"),
    }
}
