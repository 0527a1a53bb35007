//! JSON that is YAML too: the API server reads what is applied as YAML, which most JSON is, but not
//! all.
//!
//! YAML refuses control characters that JSON lets pass as they are, and takes some characters for
//! line breaks, which it then folds into spaces. Escaped, all of them mean the same in both.

use std::fmt::Write as _;

use serde::Serialize;

/// A value as JSON that every YAML reader takes for the same value.
pub(crate) fn encode(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    // All of them take several bytes, but one.
    if json.bytes().all(|byte| byte.is_ascii() && byte != 0x7f)
        || !json.contains(means_something_else_in_yaml)
    {
        return Ok(json);
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    // Such characters are nowhere in JSON but in strings, where an escape can stand for any.
    for character in json.chars() {
        if means_something_else_in_yaml(character) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    Ok(escaped)
}

/// Not printable (YAML 1.1, c-printable), a line break (NEL, LS, PS), or a byte order mark. All
/// below U+10000: what lies above is printable, and YAML has no escape for it that JSON has, too.
fn means_something_else_in_yaml(character: char) -> bool {
    matches!(
        character,
        '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_yaml_would_refuse_or_change_is_escaped() {
        let text =
            encode(&json!({ "a": "b\u{7f}\u{85}c\u{2028}\u{2029}\u{feff}\u{ffff}" })).unwrap();
        assert_eq!(text, r#"{"a":"b\u007f\u0085c\u2028\u2029\ufeff\uffff"}"#);
    }

    #[test]
    fn everything_else_is_as_in_any_json() {
        let value = json!({ "text": "\"\\ \n\t\u{8}\u{0} é ✓ \u{1d11e} \u{a0}", "list": [1, 2.5, true, null, {}] });
        assert_eq!(encode(&value).unwrap(), value.to_string());
    }

    #[test]
    fn every_character_comes_back() {
        let all: String = ('\0'..=char::MAX).collect();
        let text = encode(&Value::from(all.as_str())).unwrap();
        assert!(!text.chars().any(means_something_else_in_yaml));
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), all);
    }
}
