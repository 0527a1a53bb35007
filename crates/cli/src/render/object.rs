//! An object of the files, with its position for messages.

use std::fmt;
use std::rc::Rc;

use kubewright_manifests::path::FieldPath;
use kubewright_manifests::yaml::Document;
use serde_json::Value;

/// A line of a file; ordered by the position of the file on the command line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    order: usize,
    line: usize,
    file: Rc<str>,
}

impl Place {
    /// The first line of a file.
    pub(super) fn start(order: usize, file: &str) -> Self {
        Self { order, line: 1, file: file.into() }
    }

    pub(super) fn with_line(&self, line: usize) -> Self {
        Self { line, ..self.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// An object, and where it is written.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) value: Value,
    file: Place,
    document: Rc<Document>,
    /// Path of the object in its document: an item of a List is below `items`.
    base: FieldPath,
}

impl Object {
    /// Returns the object of a document, or the items of a List (`kubectl get -o yaml`).
    pub(super) fn unpack(file: &Place, document: Document) -> Vec<Self> {
        let document = Rc::new(document);
        let value = document.value.clone();
        let mut objects = Vec::new();
        Self { value, file: file.clone(), document, base: FieldPath::root() }
            .unpack_into(&mut objects);
        objects
    }

    fn unpack_into(self, objects: &mut Vec<Self>) {
        match self.value.get("items") {
            Some(Value::Array(items)) if self.text("kind").ends_with("List") => {
                for (index, item) in items.iter().enumerate() {
                    let base = self.base.key("items").index(index);
                    Self { value: item.clone(), base, ..self.clone() }.unpack_into(objects);
                }
            }
            _ => objects.push(self),
        }
    }

    /// The text of a top-level field; empty if the field is missing.
    pub(super) fn text(&self, field: &str) -> &str {
        self.value.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The text of a field of `metadata`; empty if the field is missing.
    pub(super) fn metadata_text(&self, field: &str) -> &str {
        self.value
            .pointer(&format!("/metadata/{field}"))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// `Echo default/web`.
    pub(super) fn name(&self) -> String {
        let kind = if self.text("kind").is_empty() { "object" } else { self.text("kind") };
        match (self.metadata_text("namespace"), self.metadata_text("name")) {
            (_, "") => format!("{kind} without a name"),
            ("", name) => format!("{kind} {name}"),
            (namespace, name) => format!("{kind} {namespace}/{name}"),
        }
    }

    /// The line of a field.
    pub(super) fn place(&self, path: &FieldPath) -> Place {
        self.file.with_line(self.document.position(&path.below(&self.base)).line)
    }

    /// `echo.yaml`, or `echo.yaml, document 2`.
    pub(super) fn origin(&self) -> String {
        match self.document.number {
            1 => self.file.file.to_string(),
            number => format!("{}, document {number}", self.file.file),
        }
    }
}
