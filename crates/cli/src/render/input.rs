//! Files to documents to objects. A List is as many objects as it has items.

use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use kubewright_manifests::path::FieldPath;
use kubewright_manifests::yaml::{Document, each_document};
use serde_json::Value;

use super::report::Report;
use crate::error::Error;

/// A line of a file; ordered as the files were given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    order: usize,
    line: usize,
    file: Rc<str>,
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
    base: FieldPath,
}

impl Object {
    /// A field at the top of the object, as text.
    pub(super) fn text(&self, field: &str) -> &str {
        self.value.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// `Echo default/web`.
    pub(super) fn name(&self) -> String {
        let meta = |field: &str| {
            self.value
                .pointer(&format!("/metadata/{field}"))
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let kind = if self.text("kind").is_empty() { "object" } else { self.text("kind") };
        match (meta("namespace"), meta("name")) {
            (_, "") => format!("{kind} without a name"),
            ("", name) => format!("{kind} {name}"),
            (namespace, name) => format!("{kind} {namespace}/{name}"),
        }
    }

    /// Where a field of the object is.
    pub(super) fn place(&self, path: &FieldPath) -> Place {
        Place { line: self.document.position(&path.below(&self.base)).line, ..self.file.clone() }
    }

    /// `echo.yaml`, or `echo.yaml, document 2`.
    pub(super) fn origin(&self) -> String {
        match self.document.number {
            1 => self.file.file.to_string(),
            number => format!("{}, document {number}", self.file.file),
        }
    }
}

/// All objects of the files, in order; documents that are no YAML go into the report.
pub(super) fn read(
    files: &[PathBuf],
    stdin: &mut dyn Read,
    report: &mut Report,
) -> Result<Vec<Object>, Error> {
    let mut objects = Vec::new();
    for (order, (name, text)) in texts(files, stdin)?.into_iter().enumerate() {
        let file = Place { order, line: 1, file: name.into() };
        for document in each_document(&text) {
            match document {
                Ok(document) => {
                    let document = Rc::new(document);
                    let value = document.value.clone();
                    unpack(
                        Object { value, file: file.clone(), document, base: FieldPath::root() },
                        &mut objects,
                    );
                }
                Err(error) => report.unreadable(
                    Place { line: error.position.line, ..file.clone() },
                    &error.message,
                ),
            }
        }
    }
    Ok(objects)
}

/// `kubectl get -o yaml` prints a List.
fn unpack(object: Object, objects: &mut Vec<Object>) {
    match object.value.get("items") {
        Some(Value::Array(items)) if object.text("kind").ends_with("List") => {
            for (index, item) in items.iter().enumerate() {
                let base = object.base.key("items").index(index);
                unpack(Object { value: item.clone(), base, ..object.clone() }, objects);
            }
        }
        _ => objects.push(object),
    }
}

/// The names and texts of all files.
fn texts(files: &[PathBuf], stdin: &mut dyn Read) -> Result<Vec<(String, String)>, Error> {
    let mut texts = Vec::new();
    for path in files {
        let failed = |source| Error::Input { path: path.clone(), source };
        if path.as_os_str() == "-" {
            let mut text = String::new();
            stdin.read_to_string(&mut text).map_err(failed)?;
            texts.push(("(standard input)".to_owned(), text));
        } else if path.is_dir() {
            for path in folder(path)? {
                texts.push(file(path)?);
            }
        } else {
            texts.push(file(path.clone())?);
        }
    }
    Ok(texts)
}

fn file(path: PathBuf) -> Result<(String, String), Error> {
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(source) => Err(Error::Input { path, source }),
    }
}

/// The documents of a folder, ordered by name; folders in it are left out, as `kubectl apply -f`
/// does.
fn folder(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Input { path: path.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        let extension = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if ["yaml", "yml", "json"].contains(&extension) && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(Error::EmptyFolder(path.to_owned())) } else { Ok(files) }
}
