//! Unknown fields. The API server drops them silently, except in strict validation.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::{Map, Value};

use super::problem::Problem;
use super::suggest::closest;
use crate::path::FieldPath;

/// Fields of every object.
const ENVELOPE: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Maximum number of fields in a message.
const LISTED: usize = 12;

/// Removes and reports every unknown field.
pub(super) fn remove(schema: &JSONSchemaProps, object: &mut Value, problems: &mut Vec<Problem>) {
    let mut walk = Walk { root: schema, problems };
    walk.value(schema, object, &FieldPath::root(), true);
}

/// Schema of the items of a list.
pub(super) fn items(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(items) => Some(items),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

/// Schema of the values of a map.
pub(super) fn values(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.additional_properties.as_ref()? {
        JSONSchemaPropsOrBool::Schema(values) => Some(values),
        JSONSchemaPropsOrBool::Bool(_) => None,
    }
}

struct Walk<'a> {
    root: &'a JSONSchemaProps,
    problems: &'a mut Vec<Problem>,
}

impl Walk<'_> {
    fn value(
        &mut self,
        schema: &JSONSchemaProps,
        value: &mut Value,
        path: &FieldPath,
        is_object: bool,
    ) {
        match value {
            // The schema check reports the wrong type.
            Value::Object(_) if schema.type_.as_ref().is_some_and(|t| t != "object") => {}
            Value::Object(map) => self.map(
                schema,
                map,
                path,
                is_object || schema.x_kubernetes_embedded_resource == Some(true),
            ),
            Value::Array(list) => {
                let Some(items) = items(schema) else { return };
                for (index, item) in list.iter_mut().enumerate() {
                    self.value(items, item, &path.index(index), false);
                }
            }
            _ => {}
        }
    }

    fn map(
        &mut self,
        schema: &JSONSchemaProps,
        map: &mut Map<String, Value>,
        path: &FieldPath,
        is_object: bool,
    ) {
        let any = schema.x_kubernetes_preserve_unknown_fields == Some(true)
            || matches!(schema.additional_properties, Some(JSONSchemaPropsOrBool::Bool(true)));
        let property = |key: &str| schema.properties.as_ref().and_then(|p| p.get(key));
        let keys: Vec<String> = map.keys().cloned().collect();
        for key in &keys {
            // `metadata` has its own checks.
            if is_object && ENVELOPE.contains(&key.as_str()) {
                continue;
            }
            let below = path.key(key);
            if let (Some(inner), Some(value)) =
                (property(key).or_else(|| values(schema)), map.get_mut(key))
            {
                self.value(inner, value, &below, false);
            } else if !any {
                let problem = Problem::error(&below, "unknown field")
                    .with_help(self.suggest(schema, &keys, key, path));
                self.problems.push(problem);
                map.remove(key);
            }
        }
    }

    /// Suggests a similar unset field here, a field with the name elsewhere, or the known fields.
    fn suggest(
        &self,
        schema: &JSONSchemaProps,
        written: &[String],
        key: &str,
        path: &FieldPath,
    ) -> String {
        let siblings = schema.properties.iter().flat_map(|p| p.keys()).map(String::as_str);
        let unset = siblings.clone().filter(|name| !written.iter().any(|w| w == name));
        if let Some(name) = closest(key, unset) {
            return format!("did you mean {name}?");
        }
        let mut elsewhere = Vec::new();
        if key.len() > 2 {
            find_named(self.root, key, &FieldPath::root(), &mut elsewhere);
        }
        if let Some(place) = elsewhere.first() {
            return format!("did you mean {place}?");
        }
        let mut names: Vec<&str> = siblings.collect();
        names.sort_unstable();
        match names.as_slice() {
            [] => format!(
                "{} has no fields; remove it",
                if path.is_root() { "this kind" } else { path.as_str() }
            ),
            names if names.len() > LISTED => {
                format!(
                    "known fields: {} and {} more",
                    names[..LISTED].join(", "),
                    names.len() - LISTED
                )
            }
            names => format!("known fields: {}", names.join(", ")),
        }
    }
}

/// Finds the fields of a name, except in lists, maps and the status.
fn find_named(schema: &JSONSchemaProps, name: &str, path: &FieldPath, found: &mut Vec<FieldPath>) {
    for (key, inner) in schema.properties.iter().flatten() {
        if path.is_root() && (key == "status" || ENVELOPE.contains(&key.as_str())) {
            continue;
        }
        let below = path.key(key);
        if key == name {
            found.push(below.clone());
        }
        find_named(inner, name, &below, found);
    }
}
