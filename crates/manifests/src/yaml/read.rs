//! Reads YAML and JSON: several documents, the line of every field, errors with a line.
//!
//! Scalars have the same types as in `kubectl`: unquoted `yes` and `on` are booleans, `010` is 8.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Options, Spanned, UserMessageFormatter};

use crate::path::FieldPath;

/// Position in a text, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// One document of a text.
#[derive(Clone, Debug)]
pub struct Document {
    /// Number of the document in the text, counted from 1 without empty documents.
    pub number: usize,
    /// Content.
    pub value: Value,
    start: Position,
    positions: BTreeMap<FieldPath, Position>,
}

impl Document {
    /// Position of a field; for a missing field, the position of its nearest existing parent.
    #[must_use]
    pub fn position(&self, path: &FieldPath) -> Position {
        let mut path = Some(path.clone());
        while let Some(current) = path {
            if let Some(found) = self.positions.get(&current) {
                return *found;
            }
            path = current.parent();
        }
        self.start
    }
}

/// Syntax error of a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ReadError {
    /// Position of the error.
    pub position: Position,
    /// Description of the error.
    pub message: String,
}

/// All documents of `text`, without empty documents.
///
/// # Errors
/// The first [`ReadError`]. A duplicate key is an error.
pub fn documents(text: &str) -> Result<Vec<Document>, ReadError> {
    each_document(text).into_iter().collect()
}

/// All documents of `text`, each with its own error: a broken document does not hide the others.
#[must_use]
pub fn each_document(text: &str) -> Vec<Result<Document, ReadError>> {
    let mut all = Vec::new();
    let mut number = 0;
    for (first_line, chunk) in chunks(text) {
        match serde_saphyr::from_multiple_with_options::<Spanned<Node>>(chunk, options()) {
            Ok(nodes) => {
                for node in nodes.into_iter().filter(|node| !node.value.value.is_null()) {
                    number += 1;
                    all.push(Ok(document(number, first_line, node)));
                }
            }
            Err(error) => {
                number += 1;
                all.push(Err(read_error(&error, first_line)));
            }
        }
    }
    all
}

fn options() -> Options {
    serde_saphyr::options! { legacy_octal_numbers: true, with_snippet: false }
}

fn read_error(error: &serde_saphyr::Error, first_line: usize) -> ReadError {
    let position = error.location().map_or(Position { line: first_line, column: 1 }, |at| {
        Position { line: to_usize(at.line()) + first_line - 1, column: to_usize(at.column()) }
    });
    let message = match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key {key:?} appears twice in this map; remove one of them")
        }
        other => without_position(&other.render_with_formatter(&UserMessageFormatter)).to_owned(),
    };
    ReadError { position, message }
}

/// Removes the position from a message: the parser counts lines from the start of the chunk.
fn without_position(text: &str) -> &str {
    let text = text.trim_start_matches("error: ");
    let text = text
        .split_once(": ")
        .filter(|(position, _)| position.starts_with("line "))
        .map_or(text, |(_, rest)| rest);
    let is_position =
        |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || ", column".contains(c));
    text.rsplit_once(" at line ")
        .filter(|(_, rest)| is_position(rest))
        .map_or(text, |(message, _)| message)
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The parts of `text` that start with `---`, each with the number of its first line.
///
/// `kubectl` splits in the same way. Content of a block is indented, so a line that starts with
/// `---` is never content.
fn chunks(text: &str) -> Vec<(usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut chunks = Vec::new();
    let (mut start, mut start_line, mut at) = (0, 1, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let marker = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']));
        // Directives belong to the following document.
        let only_directives =
            || text[start..at].lines().all(|l| l.starts_with(['%', '#']) || l.trim().is_empty());
        if marker && !only_directives() {
            chunks.push((start_line, &text[start..at]));
            (start, start_line) = (at, index + 1);
        }
        at += line.len();
    }
    chunks.push((start_line, &text[start..]));
    chunks
}

fn document(number: usize, first_line: usize, node: Spanned<Node>) -> Document {
    let offset = first_line - 1;
    let shift = |at: Position| Position { line: at.line + offset, ..at };
    let mut positions = BTreeMap::new();
    node.value.collect(&FieldPath::root(), &mut |path, at| {
        positions.insert(path, shift(at));
    });
    Document {
        number,
        start: shift(position(&node.referenced)),
        value: node.value.value,
        positions,
    }
}

fn position(at: &serde_saphyr::Location) -> Position {
    Position { line: to_usize(at.line()).max(1), column: to_usize(at.column()).max(1) }
}

/// A value with the positions of its parts.
struct Node {
    value: Value,
    parts: Parts,
}

enum Parts {
    None,
    Items(Vec<(Position, Parts)>),
    Entries(Vec<(String, Position, Parts)>),
}

impl Node {
    fn collect(&self, path: &FieldPath, note: &mut impl FnMut(FieldPath, Position)) {
        self.parts.collect(path, note);
    }

    fn scalar(value: impl Into<Value>) -> Self {
        Self { value: value.into(), parts: Parts::None }
    }
}

impl Parts {
    fn collect(&self, path: &FieldPath, note: &mut impl FnMut(FieldPath, Position)) {
        match self {
            Self::None => {}
            Self::Items(items) => {
                for (index, (at, parts)) in items.iter().enumerate() {
                    let path = path.index(index);
                    parts.collect(&path, note);
                    note(path, *at);
                }
            }
            Self::Entries(entries) => {
                for (key, at, parts) in entries {
                    let path = path.key(key);
                    parts.collect(&path, note);
                    note(path, *at);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON can represent")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::scalar(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::scalar(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::scalar(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value).ok_or_else(|| {
            E::custom("JSON cannot represent infinite numbers; write a finite number")
        })?;
        Ok(Node::scalar(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::scalar(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let (mut values, mut parts) = (Vec::new(), Vec::new());
        while let Some(item) = seq.next_element::<Spanned<Node>>()? {
            parts.push((position(&item.referenced), item.value.parts));
            values.push(item.value.value);
        }
        Ok(Node { value: Value::Array(values), parts: Parts::Items(parts) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let (mut values, mut parts) = (Map::new(), Vec::new());
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let at = position(&key.referenced);
            let node: Node = map.next_value()?;
            parts.push((key.value.clone(), at, node.parts));
            if values.insert(key.value.clone(), node.value).is_some() {
                return Err(A::Error::custom(format!(
                    "the key {:?} appears twice in this map; remove one of them",
                    key.value
                )));
            }
        }
        Ok(Node { value: Value::Object(values), parts: Parts::Entries(parts) })
    }
}
