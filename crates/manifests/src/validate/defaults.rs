//! Applies nulls, defaults and integer floats like the API server, before any other check.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde_json::Value;

use super::unknown::{items, values};
use crate::number::float_to_integer;

/// Adds defaults. A null in a field that is not nullable becomes the default, or is removed.
pub(super) fn apply(schema: &JSONSchemaProps, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, inner) in schema.properties.iter().flatten() {
                let absent = map.get(key).is_none_or(|v| is_invalid_null(v, inner));
                match &inner.default {
                    Some(default) if absent => {
                        map.insert(key.clone(), default.0.clone());
                    }
                    _ => {}
                }
            }
            let schema_of = |key: &str| {
                schema.properties.as_ref().and_then(|p| p.get(key)).or_else(|| values(schema))
            };
            map.retain(|key, value| {
                schema_of(key)
                    .is_none_or(|inner| inner.default.is_some() || !is_invalid_null(value, inner))
            });
            for (key, value) in map.iter_mut() {
                if let Some(inner) = schema_of(key) {
                    replace_null(value, inner);
                    apply(inner, value);
                }
            }
        }
        Value::Array(list) => {
            let Some(inner) = items(schema) else { return };
            for value in list {
                replace_null(value, inner);
                apply(inner, value);
            }
        }
        _ => {}
    }
}

/// Converts `2.0` to `2`, like the server.
pub(super) fn convert_floats(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(convert_floats),
        Value::Array(list) => list.iter_mut().for_each(convert_floats),
        Value::Number(number) => *number = float_to_integer(number),
        _ => {}
    }
}

fn is_invalid_null(value: &Value, schema: &JSONSchemaProps) -> bool {
    value.is_null() && schema.nullable != Some(true)
}

fn replace_null(value: &mut Value, schema: &JSONSchemaProps) {
    if let Some(default) = schema.default.as_ref().filter(|_| is_invalid_null(value, schema)) {
        *value = default.0.clone();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_null_in_a_list_or_a_map_becomes_the_default_of_the_items() {
        let number = json!({"type": "integer", "default": 5});
        let schema = json!({"type": "object", "properties": {
            "list": {"type": "array", "items": number},
            "map": {"type": "object", "additionalProperties": number},
        }});
        let mut value = json!({"list": [1, null], "map": {"a": null, "b": 2}});
        apply(&serde_json::from_value(schema).unwrap(), &mut value);
        assert_eq!(value, json!({"list": [1, 5], "map": {"a": 5, "b": 2}}));
    }

    #[test]
    fn an_added_default_gets_defaults_itself() {
        let schema = json!({"type": "object", "properties": {
            "a": {
                "type": "object", "default": {},
                "properties": {"b": {"type": "integer", "default": 1}},
            },
        }});
        let mut value = json!({});
        apply(&serde_json::from_value(schema).unwrap(), &mut value);
        assert_eq!(value, json!({"a": {"b": 1}}));
    }
}
