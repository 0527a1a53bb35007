//! A field: its section, and its row in the table of the parent field.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::markdown::{Anchors, cell, code, inline, list, prose, table};
use super::schema::{constraints, type_of, value_text};
use super::tree::{Field, find};
use crate::description;

/// Longer values of samples are not shown as examples, in characters.
const LONGEST_EXAMPLE: usize = 80;

/// Heading of a field.
fn heading(field: &Field<'_>) -> String {
    code(field.path.as_str())
}

/// Whether a value is useless as an example.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Writes a section for each field of one version, in the order of the tree.
pub(super) struct Sections<'a> {
    samples: &'a [Value],
    /// Anchor of each field.
    anchors: BTreeMap<&'a str, String>,
    /// Whether `status` is a subresource, which only the operator writes.
    has_status_subresource: bool,
}

impl<'a> Sections<'a> {
    /// Assigns an anchor to each of `fields`; `anchors` already contains the earlier headings.
    pub(super) fn new(
        fields: &'a [Field<'a>],
        samples: &'a [Value],
        has_status_subresource: bool,
        anchors: &mut Anchors,
    ) -> Self {
        let mut sections = Self { samples, anchors: BTreeMap::new(), has_status_subresource };
        sections.assign_anchors(fields, anchors);
        sections
    }

    fn assign_anchors(&mut self, fields: &'a [Field<'a>], anchors: &mut Anchors) {
        for field in fields {
            self.anchors.insert(field.path.as_str(), anchors.next(&heading(field)));
            self.assign_anchors(&field.fields, anchors);
        }
    }

    /// Writes the sections of `fields` and of their inner fields.
    pub(super) fn write(&self, fields: &[Field<'_>], depth: usize, out: &mut String) {
        for field in fields {
            let level = if depth == 0 { "##" } else { "###" };
            let _ =
                write!(out, "\n{level} {}\n\n*{}*\n", heading(field), self.summary(field, depth));
            let text = field.schema["description"].as_str().unwrap_or_default();
            for block in [prose(&description::text(text)), self.details(field), self.table(field)] {
                if !block.is_empty() {
                    out.push('\n');
                    out.push_str(block.trim_end());
                    out.push('\n');
                }
            }
            self.write(&field.fields, depth + 1, out);
        }
    }

    /// Type, and default or `required`.
    fn summary(&self, field: &Field<'_>, depth: usize) -> String {
        let type_ = type_of(field.schema);
        if depth == 0 && field.name == "status" && self.has_status_subresource {
            return "object, written by the operator".to_owned();
        }
        match (field.required, field.schema.get("default")) {
            (_, Some(default)) => format!("{type_}, default {}", value_text(default)),
            (true, None) => format!("{type_}, required"),
            (false, None) => type_,
        }
    }

    /// List of constraints and the example.
    fn details(&self, field: &Field<'_>) -> String {
        let example = self.example(field).map(|example| format!("Example: {example}"));
        list(constraints(field.schema).into_iter().chain(example))
    }

    /// Example of the schema, or the value of a sample.
    fn example(&self, field: &Field<'_>) -> Option<String> {
        let text = field.schema["description"].as_str().unwrap_or_default();
        if let Some(example) = description::example(text) {
            let spans = example.matches('`').count() > 1;
            return Some(if spans { inline(example) } else { code(example) });
        }
        if let Some(example) = field.schema.get("example") {
            return Some(value_text(example));
        }
        // The inner fields have their own examples.
        let samples = self.samples.iter().filter(|_| field.fields.is_empty());
        let found = samples
            .filter_map(|sample| find(sample, &field.steps))
            .find(|value| !is_empty(value))?;
        Some(value_text(found)).filter(|example| example.len() <= LONGEST_EXAMPLE)
    }

    /// Table of the inner fields, each with a link to its section.
    fn table(&self, field: &Field<'_>) -> String {
        let row = |inner: &Field<'_>| {
            let anchor = self.anchors.get(inner.path.as_str()).map_or("", String::as_str);
            let default = match (inner.required, inner.schema.get("default")) {
                (_, Some(default)) => value_text(default),
                (true, None) => "required".to_owned(),
                (false, None) => String::new(),
            };
            let text = description::text(inner.schema["description"].as_str().unwrap_or_default());
            let description = inline(description::first_sentence(&text).trim_end_matches('.'));
            [
                format!("[{}](#{anchor})", code(inner.name)),
                type_of(inner.schema),
                cell(&default),
                cell(&description),
            ]
        };
        let rows: Vec<_> = field.fields.iter().map(row).collect();
        if rows.is_empty() {
            String::new()
        } else {
            table(["field", "type", "default", "description"], &rows)
        }
    }
}
