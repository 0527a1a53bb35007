//! CustomResourceDefinitions.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kubewright_core::Registry;
use kubewright_core::registry::Definition;
use serde_json::{Map, Value};

use crate::artifact::{Artifact, Error, Options, to_yaml, with_unique_paths};
use crate::number::float_to_integer;

/// Limit of all annotations of an object, in bytes. `kubectl apply` stores a copy of the object in
/// an annotation, so a larger definition needs `kubectl apply --server-side`.
pub const CLIENT_SIDE_APPLY_LIMIT: usize = 262_144;

/// `crds/<group>_<plural>.yaml` for each custom resource.
///
/// # Errors
/// The first [`Error`].
pub fn crds(registry: &Registry, options: &Options) -> Result<Vec<Artifact>, Error> {
    let file = |Definition { kind, crd, .. }: &Definition| {
        let path = format!("crds/{}_{}.yaml", kind.group, kind.plural);
        let text = to_yaml(&path, &definition(crd)?)?;
        Ok(options.file(path, "", &[text]))
    };
    with_unique_paths(registry.definitions().iter().map(file).collect::<Result<_, Error>>()?)
}

/// A definition as JSON, without nulls and empty lists.
///
/// # Errors
/// [`Error::Json`].
pub fn definition(crd: &CustomResourceDefinition) -> Result<Value, Error> {
    let what = || format!("the definition {}", crd.metadata.name.as_deref().unwrap_or_default());
    let mut value =
        serde_json::to_value(crd).map_err(|source| Error::Json { what: what(), source })?;
    if let Some(map) = value.as_object_mut() {
        map.remove("status");
        tidy(map);
    }
    Ok(value)
}

/// Fields with JSON of the user, where a null or an empty list has a meaning.
const VERBATIM: [&str; 3] = ["default", "enum", "example"];
/// Lists that are omitted when empty. An empty map (`subresources.status: {}`) has a meaning.
const OMITTED_IF_EMPTY: [&str; 6] = [
    "shortNames",
    "categories",
    "additionalPrinterColumns",
    "selectableFields",
    "required",
    "x-kubernetes-validations",
];

fn tidy(map: &mut Map<String, Value>) {
    let empty_list = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    map.retain(|key, value| match key.as_str() {
        key if VERBATIM.contains(&key) => true,
        key if OMITTED_IF_EMPTY.contains(&key) => !value.is_null() && !empty_list(value),
        _ => !value.is_null(),
    });
    for (key, value) in map.iter_mut().filter(|(key, _)| !VERBATIM.contains(&key.as_str())) {
        match value {
            // The keys of `properties` are field names, and a field may have the name `default`.
            Value::Object(fields) if key == "properties" => {
                fields.values_mut().filter_map(Value::as_object_mut).for_each(tidy);
            }
            Value::Object(inner) => tidy(inner),
            Value::Array(items) => items.iter_mut().filter_map(Value::as_object_mut).for_each(tidy),
            // Bounds are floats in the Kubernetes types; `kubectl` shows `10` instead of `10.0`.
            Value::Number(number) => *number = float_to_integer(number),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    #[allow(clippy::expect_used)]
    fn nulls_and_empty_lists_are_removed_except_in_values_of_the_user() {
        let mut value = json!({
            "names": {"shortNames": [], "categories": ["all"]},
            "subresources": {"status": {}},
            "schema": {"properties": {
                "default": {
                    "type": "number", "default": 1.0, "enum": [null, 2.0], "title": null,
                    "maximum": 10.0, "minimum": 0.5,
                },
                "required": {"type": "array", "default": [], "required": []},
            }},
        });
        tidy(value.as_object_mut().expect("an object"));
        let wanted = json!({
            "names": {"categories": ["all"]},
            "subresources": {"status": {}},
            "schema": {"properties": {
                "default": {
                    "type": "number", "default": 1.0, "enum": [null, 2.0],
                    "maximum": 10, "minimum": 0.5,
                },
                "required": {"type": "array", "default": []},
            }},
        });
        assert_eq!(value, wanted);
    }
}
