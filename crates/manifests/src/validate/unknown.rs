//! Fields that the schema does not have. The API server drops them without a word, unless it is
//! asked to be strict.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::{Map, Value};

use super::Problem;
use super::suggest::closest;
use crate::path::FieldPath;

/// Fields that every object has.
const ENVELOPE: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// How many fields a message lists.
const LISTED: usize = 12;

/// Removes every unknown field, and reports it.
pub(super) fn remove(schema: &JSONSchemaProps, object: &mut Value, problems: &mut Vec<Problem>) {
    let mut walk = Walk { root: schema, problems };
    walk.value(schema, object, &FieldPath::root(), true);
}

/// The schema of a list's items.
pub(super) fn items(schema: &JSONSchemaProps) -> Option<&JSONSchemaProps> {
    match schema.items.as_ref()? {
        JSONSchemaPropsOrArray::Schema(items) => Some(items),
        JSONSchemaPropsOrArray::Schemas(_) => None,
    }
}

/// The schema of a map's values.
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
        whole: bool,
    ) {
        match value {
            // Another type is the whole problem then.
            Value::Object(_) if schema.type_.as_ref().is_some_and(|t| t != "object") => {}
            Value::Object(map) => self.map(
                schema,
                map,
                path,
                whole || schema.x_kubernetes_embedded_resource == Some(true),
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
        whole: bool,
    ) {
        let any = schema.x_kubernetes_preserve_unknown_fields == Some(true)
            || matches!(schema.additional_properties, Some(JSONSchemaPropsOrBool::Bool(true)));
        let property = |key: &str| schema.properties.as_ref().and_then(|p| p.get(key));
        let keys: Vec<String> = map.keys().cloned().collect();
        for key in &keys {
            // The metadata of an object has checks of its own.
            if whole && ENVELOPE.contains(&key.as_str()) {
                continue;
            }
            let below = path.key(key);
            if let (Some(inner), Some(value)) =
                (property(key).or_else(|| values(schema)), map.get_mut(key))
            {
                self.value(inner, value, &below, false);
            } else if !any {
                let problem = Problem::error(&below, "there is no such field")
                    .or_write(self.meant(schema, &keys, key, path));
                self.problems.push(problem);
                map.remove(key);
            }
        }
    }

    /// What may have been meant: a field beside it that is not set, or one of that name elsewhere.
    fn meant(
        &self,
        schema: &JSONSchemaProps,
        written: &[String],
        key: &str,
        path: &FieldPath,
    ) -> String {
        let beside = schema.properties.iter().flat_map(|p| p.keys()).map(String::as_str);
        let free = beside.clone().filter(|name| !written.iter().any(|w| w == name));
        if let Some(name) = closest(key, free) {
            return format!("did you mean {name}?");
        }
        let mut elsewhere = Vec::new();
        if key.len() > 2 {
            named(self.root, key, &FieldPath::root(), &mut elsewhere);
        }
        if let Some(place) = elsewhere.first() {
            return format!("did you mean {place}?");
        }
        let mut names: Vec<&str> = beside.collect();
        names.sort_unstable();
        match names.as_slice() {
            [] => format!(
                "{} has no fields; remove it",
                if path.is_root() { "this kind" } else { path.as_str() }
            ),
            names if names.len() > LISTED => {
                format!(
                    "the fields here are {} and {} more",
                    names[..LISTED].join(", "),
                    names.len() - LISTED
                )
            }
            names => format!("the fields here are {}", names.join(", ")),
        }
    }
}

/// Every place where the schema has a field of that name; not in lists and maps, and not in the
/// status.
fn named(schema: &JSONSchemaProps, name: &str, path: &FieldPath, found: &mut Vec<FieldPath>) {
    for (key, inner) in schema.properties.iter().flatten() {
        if path.is_root() && (key == "status" || ENVELOPE.contains(&key.as_str())) {
            continue;
        }
        let below = path.key(key);
        if key == name {
            found.push(below.clone());
        }
        named(inner, name, &below, found);
    }
}
