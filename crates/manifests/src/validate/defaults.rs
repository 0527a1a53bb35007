//! Nulls, defaults and whole floats, as the API server treats them before it looks at anything
//! else.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::JSONSchemaProps;
use serde_json::Value;

use super::unknown::{items, values};
use crate::number::whole;

/// Fills in defaults. A null where null is not allowed becomes the default, or goes.
pub(super) fn apply(schema: &JSONSchemaProps, value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (key, inner) in schema.properties.iter().flatten() {
                let absent = map.get(key).is_none_or(|v| not_allowed(v, inner));
                match &inner.default {
                    Some(default) if absent => {
                        map.insert(key.clone(), default.0.clone());
                    }
                    _ => {}
                }
            }
            let of = |key: &str| {
                schema.properties.as_ref().and_then(|p| p.get(key)).or_else(|| values(schema))
            };
            map.retain(|key, value| {
                of(key).is_none_or(|inner| inner.default.is_some() || !not_allowed(value, inner))
            });
            for (key, value) in map.iter_mut() {
                if let Some(inner) = of(key) {
                    replace(value, inner);
                    apply(inner, value);
                }
            }
        }
        Value::Array(list) => {
            let Some(inner) = items(schema) else { return };
            for value in list {
                replace(value, inner);
                apply(inner, value);
            }
        }
        _ => {}
    }
}

/// The server reads `2.0` and stores `2`.
pub(super) fn whole_numbers(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        Value::Array(list) => list.iter_mut().for_each(whole_numbers),
        Value::Number(number) => *number = whole(number),
        _ => {}
    }
}

fn not_allowed(value: &Value, schema: &JSONSchemaProps) -> bool {
    value.is_null() && schema.nullable != Some(true)
}

fn replace(value: &mut Value, schema: &JSONSchemaProps) {
    if let Some(default) = schema.default.as_ref().filter(|_| not_allowed(value, schema)) {
        *value = default.0.clone();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_null_in_a_list_or_a_map_becomes_the_default_of_its_items() {
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
    fn a_default_that_is_filled_in_has_defaults_itself() {
        let schema = json!({"type": "object", "properties": {
            "a": {"type": "object", "default": {}, "properties": {"b": {"type": "integer", "default": 1}}},
        }});
        let mut value = json!({});
        apply(&serde_json::from_value(schema).unwrap(), &mut value);
        assert_eq!(value, json!({"a": {"b": 1}}));
    }
}
