//! Where two JSON values differ.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// The place of the first difference and both values; `None` where both are equal.
pub(crate) fn difference(one: &Value, other: &Value) -> Option<String> {
    find(one, other, "")
}

fn find(one: &Value, other: &Value, at: &str) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            let get = |map: &Map<String, Value>, key| map.get(key).cloned().unwrap_or_default();
            keys.into_iter()
                .find_map(|key| find(&get(one, key), &get(other, key), &format!("{at}.{key}")))
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs.find_map(|(index, (one, other))| find(one, other, &format!("{at}[{index}]")))
        }
        _ => (one != other).then(|| format!("{at} is {one} and {other}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_named_with_its_place() {
        let one = json!({ "a": [{ "b": 1 }], "c": 2 });
        assert_eq!(difference(&one, &one), None);
        let other = json!({ "a": [{ "b": 3 }], "c": 2 });
        assert_eq!(difference(&one, &other).as_deref(), Some(".a[0].b is 1 and 3"));
        let other = json!({ "a": [{ "b": 1 }] });
        assert_eq!(difference(&one, &other).as_deref(), Some(".c is 2 and null"));
    }
}
