//! Nulls, defaults and whole floats, as the API server treats them before it looks at anything else.

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
            let of = |key: &str| schema.properties.as_ref().and_then(|p| p.get(key)).or_else(|| values(schema));
            map.retain(|key, value| of(key).is_none_or(|inner| inner.default.is_some() || !not_allowed(value, inner)));
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
