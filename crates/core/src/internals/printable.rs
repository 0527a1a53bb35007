//! Text that is safe to print. A terminal executes control characters and reorders text, and much
//! of the text comes from other users of the cluster: conditions, Events, answers to requests.
//!
//! Every program applies one of these functions at each of its exits.

use std::borrow::Cow;

/// Control characters (C0, DEL, C1), line separators, and characters that reorder text.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// The text on one line: every unsafe character, line breaks included, is a visible escape, such
/// as `\n` or `\u{1b}`.
#[must_use]
pub fn escape_line(text: &str) -> Cow<'_, str> {
    escape_where(text, is_unsafe, visible)
}

/// Like [`escape_line`], but keeps line breaks.
#[must_use]
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_where(text, |c| c != '\n' && is_unsafe(c), visible)
}

/// Like [`escape_line`], but keeps ESC, for text whose own colours were added after the text of
/// others was escaped.
#[must_use]
pub fn escape_coloured_line(text: &str) -> Cow<'_, str> {
    escape_where(text, |c| c != '\u{1b}' && is_unsafe(c), visible)
}

/// JSON with the same value and layout, in which unsafe characters are `\u` escapes. The same holds
/// for YAML whose strings with unsafe characters are double-quoted.
#[must_use]
pub fn escape_json(json: &str) -> Cow<'_, str> {
    // Every unsafe character is below U+10000, so that four digits are enough. JSON has C0 only
    // as escapes, so that a line break is always layout.
    escape_where(json, |c| c != '\n' && is_unsafe(c), |c| format!("\\u{:04x}", u32::from(c)))
}

fn visible(c: char) -> String {
    c.escape_default().to_string()
}

fn escape_where(
    text: &str,
    is_unsafe: impl Fn(char) -> bool,
    escape: impl Fn(char) -> String,
) -> Cow<'_, str> {
    if !text.contains(&is_unsafe) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_unsafe(c) { escape(c) } else { c.into() }).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn control_characters_and_characters_that_reorder_text_are_unsafe_and_no_others() {
        let controls = ['\0'..='\u{1f}', '\u{7f}'..='\u{9f}', '\u{2028}'..='\u{2029}'];
        let overrides = ['\u{202a}'..='\u{202e}', '\u{2066}'..='\u{2069}'];
        let marks = ['\u{61c}'..='\u{61c}', '\u{200e}'..='\u{200f}'];
        let expected: Vec<char> =
            controls.into_iter().chain(overrides).chain(marks).flatten().collect();
        let found: Vec<char> = ('\0'..=char::MAX).filter(|&c| is_unsafe(c)).collect();
        let missing: Vec<&char> = expected.iter().filter(|c| !found.contains(c)).collect();
        assert!(missing.is_empty() && found.len() == expected.len(), "{missing:?} {found:?}");
    }

    #[test]
    fn an_escape_is_visible() {
        let text = "a\n\u{1b}[31mb\u{9b}\u{202e}\r";
        assert_eq!(escape_line(text), "a\\n\\u{1b}[31mb\\u{9b}\\u{202e}\\r");
        assert_eq!(escape_lines(text), "a\n\\u{1b}[31mb\\u{9b}\\u{202e}\\r");
        assert_eq!(escape_coloured_line(text), "a\\n\u{1b}[31mb\\u{9b}\\u{202e}\\r");
        assert!(matches!(escape_line("äöü 日本 → \"x\""), Cow::Borrowed(_)));
    }

    #[test]
    fn json_keeps_its_value_and_has_no_unsafe_characters() {
        let text: String = ('\0'..='\u{ffff}').filter(|&c| is_unsafe(c)).collect();
        let value = json!({ "message": text, text.clone(): [1, true, null] });
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let escaped = escape_json(&pretty);
        assert!(!escaped.contains(|c| c != '\n' && is_unsafe(c)), "{escaped:?}");
        assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), value);
        assert_eq!(escaped.lines().count(), pretty.split('\n').count());
    }
}
