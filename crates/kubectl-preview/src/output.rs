//! Writing results and messages. A terminal executes control characters and reorders text, and
//! much of the text comes from other users of the cluster: everything is escaped here.

use std::borrow::Cow;
use std::io::{ErrorKind, Write};

use serde_json::Value;

use crate::error::Error;

/// Standard output and standard error, or their replacements in a test.
pub(crate) struct Output<'a> {
    /// The result alone.
    pub(crate) out: &'a mut dyn Write,
    /// Progress, notes and errors.
    pub(crate) err: &'a mut dyn Write,
}

impl Output<'_> {
    /// Writes lines to standard output. A reader that stops early (`| head`) is not an error.
    pub(crate) fn print(&mut self, lines: &str) -> Result<(), Error> {
        let text = escape_where(lines, |c| c != '\n' && is_unsafe(c));
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Output(error)),
            _ => Ok(()),
        }
    }

    /// Writes one line to standard error. A failure to write it is ignored.
    pub(crate) fn note(&mut self, line: &str) {
        let _ = writeln!(self.err, "{}", escape(line));
    }

    pub(crate) fn error(&mut self, error: &Error) {
        self.note(&format!("error: {error}"));
    }
}

/// The text with every unsafe character, line breaks included, as a visible escape: `\n`,
/// `\u{1b}`.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    escape_where(text, is_unsafe)
}

fn escape_where(text: &str, is_unsafe: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_unsafe) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if is_unsafe(c) { c.escape_default().to_string() } else { c.into() };
    Cow::Owned(text.chars().map(escaped).collect())
}

/// Control characters (C0, DEL, C1), line separators, and characters that reorder text.
fn is_unsafe(c: char) -> bool {
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

/// Indented JSON that ends with a line break. Unsafe characters are `\u` escapes.
pub(crate) fn to_json(value: &Value) -> Result<String, Error> {
    // serde_json escapes C0 itself, so the only control characters left outside of strings are the
    // line breaks of the layout.
    Ok(json_escapes(&serde_json::to_string_pretty(value)?, |c| c != '\n' && is_unsafe(c)) + "\n")
}

/// A JSON string with its quotes, which is also a double-quoted YAML scalar.
pub(crate) fn to_json_string(text: &str) -> String {
    json_escapes(&Value::from(text).to_string(), is_unsafe)
}

/// Every unsafe character is below U+10000, so that one `\u` with four digits is enough.
fn json_escapes(json: &str, is_unsafe: impl Fn(char) -> bool) -> String {
    json.chars()
        .map(|c| if is_unsafe(c) { format!("\\u{:04x}", u32::from(c)) } else { c.into() })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// Every C0 and C1 control character, DEL, and the characters that reorder text.
    pub(crate) fn unsafe_characters() -> Vec<char> {
        let ranges = ['\0'..='\u{1f}', '\u{7f}'..='\u{9f}', '\u{202a}'..='\u{202e}'];
        let marks = ['\u{2066}'..='\u{2069}', '\u{200e}'..='\u{200f}', '\u{61c}'..='\u{61c}'];
        ranges.into_iter().chain(marks).flatten().collect()
    }

    /// Calls `write` and returns what it wrote to standard output and standard error.
    fn written(write: impl FnOnce(&mut Output<'_>)) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        write(&mut Output { out: &mut out, err: &mut err });
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn standard_output_and_standard_error_contain_no_unsafe_characters() {
        for c in unsafe_characters() {
            let text = format!("a{c}b");
            let error = Error::Forbidden { message: text.clone() };
            let (out, err) = written(|output| {
                output.print(&text).unwrap();
                output.note(&text);
                output.error(&error);
            });
            assert!(c == '\n' || !out.contains(c), "{:x}", u32::from(c));
            let lines: Vec<&str> = err.split('\n').collect();
            assert!(lines.len() == 3 && !lines.concat().contains(c), "{err:?}");
        }
    }

    #[test]
    fn an_escape_is_visible() {
        assert_eq!(escape("a\n\u{1b}[31mb\u{9b}\u{202e}"), "a\\n\\u{1b}[31mb\\u{9b}\\u{202e}");
        assert_eq!(escape("äöü 日本 → \"x\""), "äöü 日本 → \"x\"");
    }

    #[test]
    fn json_contains_unsafe_characters_as_escapes_and_keeps_their_values() {
        let text: String = unsafe_characters().into_iter().collect();
        let value = json!({ "message": text, text.clone(): [1, true, null] });
        let json = to_json(&value).unwrap();
        assert!(json.contains("\\u001b") && json.contains("\\u007f") && json.contains("\\u202e"));
        assert!(!json.contains(|c| c != '\n' && is_unsafe(c)), "{json:?}");
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        let string = to_json_string(&text);
        assert!(!string.contains(is_unsafe), "{string:?}");
        assert_eq!(serde_json::from_str::<String>(&string).unwrap(), text);
    }
}
