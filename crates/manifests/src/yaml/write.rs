//! Writing YAML: byte-stable, and safe for readers of YAML 1.1 and 1.2.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};
use serde_saphyr::DoubleQuoted;

/// A value that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The writer refused it.
    #[error("cannot be written as YAML: {0}; only finite numbers and string keys can")]
    Yaml(#[from] serde_saphyr::ser_error::Error),
    /// A comment was to be put above a line that is not there.
    #[error(
        "there is no line `{0}` to put a comment above; the text and its comments went different ways"
    )]
    NoSuchLine(&'static str),
}

/// Keys that come before all others where their value is no map and no list.
const FIRST: [&str; 4] = ["apiVersion", "kind", "name", "namespace"];
/// The writer folds longer texts into several lines.
const FOLDED_FROM: usize = 80;
/// Keys of the whole object that come next.
const FIRST_OF_OBJECT: [&str; 2] = ["metadata", "spec"];

/// One document, without `---`, ending with a line break.
///
/// # Guarantees
/// The order of keys does not depend on the order in `value`: `apiVersion`, `kind`, `name`,
/// `namespace`, of the whole object then `metadata` and `spec`, and the rest by the alphabet. A
/// string that some reader would take for a boolean, a number, a date or null (`yes`, `12:30`, `=`,
/// `1e3`, `0o7`, `~`) is quoted. No line ends with a space.
///
/// # Errors
/// [`WriteError::Yaml`]; a value that came from JSON can always be written.
pub fn to_yaml(value: &Value) -> Result<String, WriteError> {
    let written = serde_saphyr::to_string(&Ordered { value, whole: true })?;
    // The writer indents empty lines inside of texts, which editors and hooks then strip; see
    // `needs_quotes` for why we may.
    let mut trimmed = String::with_capacity(written.len());
    for line in written.lines() {
        trimmed.push_str(line.trim_end_matches(' '));
        trimmed.push('\n');
    }
    Ok(trimmed)
}

/// `value` as an item of a list that begins at column 0, after the lines of `text` as comments.
///
/// # Errors
/// [`WriteError::Yaml`].
pub fn list_item(text: &str, value: &Value) -> Result<String, WriteError> {
    let list = Value::Array(vec![value.clone()]);
    Ok(comment(text) + &to_yaml(&list)?)
}

/// The lines of `text` as comments; nothing for an empty text.
#[must_use]
pub fn comment(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { "#\n".to_owned() } else { format!("# {line}\n") })
        .collect()
}

/// `yaml` with a comment above the first line that reads `line`, at that line's indentation.
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

/// Texts whose spaces at the end of a line mean something, or would come to stand there when a long
/// line is folded. In quotes, no line of the file ends with them. Tabs, too: `kubectl` does not
/// read a block that begins with one.
fn needs_quotes(text: &str) -> bool {
    let folded = text.contains("  ") && text.len() > FOLDED_FROM;
    folded || text.split('\n').any(|line| line.ends_with(' ')) || text.contains('\t')
}

/// A value whose keys come in our order, whatever order the map was made in.
struct Ordered<'a> {
    value: &'a Value,
    whole: bool,
}

fn rank(key: &str, value: &Value, whole: bool) -> usize {
    let scalar = !value.is_object() && !value.is_array();
    let first = FIRST.iter().position(|k| *k == key).filter(|_| scalar);
    let next =
        FIRST_OF_OBJECT.iter().position(|k| *k == key).filter(|_| whole).map(|at| at + FIRST.len());
    first.or(next).unwrap_or(usize::MAX)
}

fn ordered(map: &Map<String, Value>, whole: bool) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by(|a, b| (rank(a.0, a.1, whole), a.0).cmp(&(rank(b.0, b.1, whole), b.0)));
    entries
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(map) => {
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in ordered(map, self.whole) {
                    out.serialize_entry(key, &Ordered { value, whole: false })?;
                }
                out.end()
            }
            Value::Array(items) => {
                let mut out = serializer.serialize_seq(Some(items.len()))?;
                for value in items {
                    out.serialize_element(&Ordered { value, whole: false })?;
                }
                out.end()
            }
            Value::String(text) if needs_quotes(text) => DoubleQuoted(text).serialize(serializer),
            scalar => scalar.serialize(serializer),
        }
    }
}
