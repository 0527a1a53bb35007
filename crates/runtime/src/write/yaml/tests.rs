//! JSON that a YAML parser reads as the same value.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

#[test]
fn characters_that_yaml_rejects_or_changes_are_escaped() {
    let text = encode(&json!({ "a": "b\u{7f}\u{85}c\u{2028}\u{2029}\u{feff}\u{ffff}" })).unwrap();
    assert_eq!(text, r#"{"a":"b\u007f\u0085c\u2028\u2029\ufeff\uffff"}"#);
}

#[test]
fn all_other_characters_stay_as_in_json() {
    let text = "\"\\ \n\t\u{8}\u{0} é ✓ \u{1d11e} \u{a0}";
    let value = json!({ "text": text, "list": [1, 2.5, true, null, {}] });
    assert_eq!(encode(&value).unwrap(), value.to_string());
}

#[test]
fn every_character_survives_a_round_trip() {
    let all: String = ('\0'..=char::MAX).collect();
    let text = encode(&Value::from(all.as_str())).unwrap();
    assert!(!text.chars().any(is_special));
    assert_eq!(serde_json::from_str::<String>(&text).unwrap(), all);
}
