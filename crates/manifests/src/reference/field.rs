//! A field: its section, and its row in the table of the object that it belongs to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::facts::{lines, type_of, written};
use super::markdown::{Anchors, cell, code, inline, list, prose, table};
use super::tree::{Field, find};
use crate::description;

/// A value of a sample that is longer than this shows nothing; the sample itself does.
const LONGEST_EXAMPLE: usize = 80;

/// The heading of a field.
fn heading(field: &Field<'_>) -> String {
    code(field.path.as_str())
}

/// Whether a value shows nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// All fields of one version: a section each, in the order of the tree.
pub(super) struct Sections<'a> {
    samples: &'a [Value],
    /// Which anchor each field has.
    anchors: BTreeMap<&'a str, String>,
    /// Whether only the operator writes `status`.
    status_apart: bool,
}

impl<'a> Sections<'a> {
    /// Prepares the sections of `fields`; the headings before them were counted by `anchors`.
    pub(super) fn new(
        fields: &'a [Field<'a>],
        samples: &'a [Value],
        status_apart: bool,
        anchors: &mut Anchors,
    ) -> Self {
        let mut sections = Self { samples, anchors: BTreeMap::new(), status_apart };
        sections.count(fields, anchors);
        sections
    }

    fn count(&mut self, fields: &'a [Field<'a>], anchors: &mut Anchors) {
        for field in fields {
            self.anchors.insert(field.path.as_str(), anchors.next(&heading(field)));
            self.count(&field.fields, anchors);
        }
    }

    /// The sections of `fields` and of all that is inside of them, into `out`.
    pub(super) fn write(&self, fields: &[Field<'_>], depth: usize, out: &mut String) {
        for field in fields {
            let level = if depth == 0 { "##" } else { "###" };
            let _ =
                write!(out, "\n{level} {}\n\n*{}*\n", heading(field), self.summary(field, depth));
            let text = field.schema["description"].as_str().unwrap_or_default();
            for block in [prose(&description::words(text)), self.list(field), self.table(field)] {
                if !block.is_empty() {
                    out.push('\n');
                    out.push_str(block.trim_end());
                    out.push('\n');
                }
            }
            self.write(&field.fields, depth + 1, out);
        }
    }

    /// The type, and what happens where the field is left out.
    fn summary(&self, field: &Field<'_>, depth: usize) -> String {
        let type_ = type_of(field.schema);
        if depth == 0 && field.name == "status" && self.status_apart {
            return "object, written by the operator".to_owned();
        }
        match (field.required, field.schema.get("default")) {
            (_, Some(default)) => format!("{type_}, by default {}", written(default)),
            (true, None) => format!("{type_}, required"),
            (false, None) => type_,
        }
    }

    fn list(&self, field: &Field<'_>) -> String {
        let example = self.example(field).map(|example| format!("Example: {example}"));
        list(lines(field.schema).into_iter().chain(example))
    }

    /// What the schema gives as an example, and otherwise what a sample has there.
    fn example(&self, field: &Field<'_>) -> Option<String> {
        let text = field.schema["description"].as_str().unwrap_or_default();
        if let Some(example) = description::example(text) {
            let spans = example.matches('`').count() > 1;
            return Some(if spans { inline(example) } else { code(example) });
        }
        if let Some(example) = field.schema.get("example") {
            return Some(written(example));
        }
        // What is in an object has an example of its own.
        let samples = self.samples.iter().filter(|_| field.fields.is_empty());
        let found = samples
            .filter_map(|sample| find(sample, &field.steps))
            .find(|value| !is_empty(value))?;
        Some(written(found)).filter(|example| example.len() <= LONGEST_EXAMPLE)
    }

    /// The fields that it has, each with a link to its section.
    fn table(&self, field: &Field<'_>) -> String {
        let row = |inner: &Field<'_>| {
            let anchor = self.anchors.get(inner.path.as_str()).map_or("", String::as_str);
            let default = match (inner.required, inner.schema.get("default")) {
                (_, Some(default)) => written(default),
                (true, None) => "required".to_owned(),
                (false, None) => String::new(),
            };
            let text = description::words(inner.schema["description"].as_str().unwrap_or_default());
            let what = inline(description::first_sentence(&text).trim_end_matches('.'));
            [
                format!("[{}](#{anchor})", code(inner.name)),
                type_of(inner.schema),
                cell(&default),
                cell(&what),
            ]
        };
        let rows: Vec<_> = field.fields.iter().map(row).collect();
        if rows.is_empty() {
            String::new()
        } else {
            table(["field", "type", "default", "what it is"], &rows)
        }
    }
}
