//! JSON that is also YAML: the API server parses the body of an apply request as YAML.
//!
//! YAML rejects some characters that JSON allows, and treats others as line breaks. Escaped, they
//! mean the same in both.

use std::fmt::Write as _;

use serde::Serialize;

/// Serializes a value as JSON that a YAML parser reads as the same value.
pub(crate) fn encode(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    // Only one special character is a single byte.
    if json.bytes().all(|byte| byte.is_ascii() && byte != 0x7f) || !json.contains(is_special) {
        return Ok(json);
    }
    let mut escaped = String::with_capacity(json.len() + 64);
    // In JSON, special characters occur only inside strings, where an escape is valid.
    for character in json.chars() {
        if is_special(character) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        } else {
            escaped.push(character);
        }
    }
    Ok(escaped)
}

/// Not printable in YAML 1.1, a line break (NEL, LS, PS), or a byte order mark.
fn is_special(character: char) -> bool {
    matches!(
        character,
        '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}

#[cfg(test)]
mod tests;
