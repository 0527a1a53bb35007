//! Writes YAML: byte-stable, and with the same meaning for readers of YAML 1.1 and 1.2.

use std::borrow::Cow;

use kubewright_core::internals::printable::{escape_json, escape_line, is_unsafe};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};
use serde_saphyr::DoubleQuoted;

/// A value that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The YAML writer rejected the value.
    #[error("cannot be written as YAML: {0}; use finite numbers and string keys only")]
    Yaml(#[from] serde_saphyr::ser_error::Error),
    /// The line for a comment does not exist.
    #[error(
        "no line `{0}` exists for the comment; correct the line in the call of `comment_above`"
    )]
    NoSuchLine(&'static str),
}

/// Keys that come first if their value is a scalar.
const FIRST: [&str; 4] = ["apiVersion", "kind", "name", "namespace"];
/// The writer folds texts above this length into several lines.
const FOLDED_FROM: usize = 80;
/// Keys that come next in the root object.
const FIRST_OF_OBJECT: [&str; 2] = ["metadata", "spec"];

/// Writes one document, without `---`, with a line break at the end.
///
/// # Guarantees
/// The order of keys does not depend on the order in `value`: `apiVersion`, `kind`, `name`,
/// `namespace`, in the root object `metadata` and `spec`, then the others in alphabetical order.
/// Strings that a reader could parse as a boolean, number, date or null (`yes`, `12:30`, `=`,
/// `1e3`, `0o7`, `~`) are quoted. No line ends with a space. Characters that would control a
/// terminal are `\u` escapes.
///
/// # Errors
/// [`WriteError::Yaml`]; never for a value from JSON.
pub fn to_yaml(value: &Value) -> Result<String, WriteError> {
    let written = serde_saphyr::to_string(&Ordered { value, is_root: true })?;
    // The writer indents empty lines inside texts. `needs_quotes` makes the removal safe.
    let mut trimmed = String::with_capacity(written.len());
    for line in written.lines() {
        trimmed.push_str(&escape(line.trim_end_matches(' ')));
        trimmed.push('\n');
    }
    Ok(trimmed)
}

/// Escapes unsafe characters of a line. Texts with such characters are double-quoted already, but
/// the writer quotes keys only because of control characters.
fn escape(line: &str) -> Cow<'_, str> {
    if !line.contains(is_unsafe) {
        return Cow::Borrowed(line);
    }
    let mut rest = line;
    while let Some(inner) = [" ", "- ", "? ", ": "].iter().find_map(|p| rest.strip_prefix(p)) {
        rest = inner;
    }
    let key = rest.find(": ").or_else(|| rest.strip_suffix(':').map(str::len));
    let (key, value) = rest.split_at(key.unwrap_or(rest.len()));
    if rest.starts_with('"') || !key.contains(is_unsafe) {
        return escape_json(line);
    }
    let (start, key) = (&line[..line.len() - rest.len()], Value::from(key).to_string());
    Cow::Owned(format!("{start}{}{}", escape_json(&key), escape_json(value)))
}

/// Writes `value` as an item of a list at column 0, after the lines of `text` as comments.
///
/// # Errors
/// [`WriteError::Yaml`].
pub fn list_item(text: &str, value: &Value) -> Result<String, WriteError> {
    let list = Value::Array(vec![value.clone()]);
    Ok(comment(text) + &to_yaml(&list)?)
}

/// Writes the lines of `text` as comments; an empty text gives no comment.
#[must_use]
pub fn comment(text: &str) -> String {
    text.lines()
        .map(|line| match line {
            "" => "#\n".to_owned(),
            line => format!("# {}\n", escape_line(line)),
        })
        .collect()
}

/// Inserts a comment above the first occurrence of `line`, with the same indentation.
///
/// # Errors
/// [`WriteError::NoSuchLine`].
pub fn comment_above(yaml: &str, line: &'static str, text: &str) -> Result<String, WriteError> {
    let mut found = false;
    let mut out = String::with_capacity(yaml.len() + text.len());
    for current in yaml.lines() {
        let content = current.trim_start_matches([' ', '-']);
        if !found && content == line {
            found = true;
            let indent = &current[..current.len() - current.trim_start().len()];
            for commented in comment(text).lines() {
                out.push_str(indent);
                out.push_str(commented);
                out.push('\n');
            }
        }
        out.push_str(current);
        out.push('\n');
    }
    if found { Ok(out) } else { Err(WriteError::NoSuchLine(line)) }
}

/// Whether a text needs quotes: it has spaces at the end of a line, or would have them after
/// folding, or it has characters that need an escape, such as tabs (`kubectl` rejects a block that
/// starts with a tab).
fn needs_quotes(text: &str) -> bool {
    let folded = text.contains("  ") && text.len() > FOLDED_FROM;
    let has_unsafe = text.contains(|c| c != '\n' && is_unsafe(c));
    folded || has_unsafe || text.split('\n').any(|line| line.ends_with(' '))
}

/// A value that is serialized with ordered keys.
struct Ordered<'a> {
    value: &'a Value,
    is_root: bool,
}

fn position(key: &str, value: &Value, is_root: bool) -> usize {
    let scalar = !value.is_object() && !value.is_array();
    let first = FIRST.iter().position(|k| *k == key).filter(|_| scalar);
    let next = FIRST_OF_OBJECT
        .iter()
        .position(|k| *k == key)
        .filter(|_| is_root)
        .map(|at| at + FIRST.len());
    first.or(next).unwrap_or(usize::MAX)
}

fn ordered(map: &Map<String, Value>, is_root: bool) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|a, b| {
        (position(a.0, a.1, is_root), a.0).cmp(&(position(b.0, b.1, is_root), b.0))
    });
    entries
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(map) => {
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in ordered(map, self.is_root) {
                    out.serialize_entry(key, &Ordered { value, is_root: false })?;
                }
                out.end()
            }
            Value::Array(items) => {
                let mut out = serializer.serialize_seq(Some(items.len()))?;
                for value in items {
                    out.serialize_element(&Ordered { value, is_root: false })?;
                }
                out.end()
            }
            Value::String(text) if needs_quotes(text) => DoubleQuoted(text).serialize(serializer),
            scalar => scalar.serialize(serializer),
        }
    }
}
