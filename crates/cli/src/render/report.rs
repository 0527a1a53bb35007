//! Collects problems and notes, and prints them in the order of files and lines.

use std::collections::BTreeSet;

use kubewright_core::internals::printable::escape_line;
use kubewright_manifests::path::FieldPath;
use kubewright_manifests::validate::{Problem, Severity};

use super::object::{Object, Place};
use crate::error::Error;
use crate::streams::Streams;

/// Problems and notes of one `render`.
#[derive(Debug, Default)]
pub(super) struct Report {
    entries: Vec<(Place, String)>,
    problems: usize,
    documents: BTreeSet<String>,
}

impl Report {
    /// Adds a problem of an object. An unchecked field is only a note.
    pub(super) fn add_problem(&mut self, object: &Object, problem: &Problem) {
        let (place, text) = (object.place(&problem.path), format!("{}: {problem}", object.name()));
        if problem.severity == Severity::Unchecked {
            return self.add(place, "note", &text, None);
        }
        self.add(place, "error", &text, problem.help.as_deref());
        self.count(object.origin() + &object.name());
    }

    /// Adds a problem of a whole object.
    pub(super) fn add_error(&mut self, object: &Object, message: impl Into<String>) {
        self.add_problem(object, &Problem::error(&FieldPath::root(), message));
    }

    /// Adds a syntax error of a document.
    pub(super) fn add_syntax_error(&mut self, place: Place, message: &str) {
        self.count(format!("{place}"));
        self.add(place, "error", message, None);
    }

    /// Adds information about an object.
    pub(super) fn add_note(&mut self, object: &Object, message: &str) {
        let place = object.place(&FieldPath::root());
        self.add(place, "note", &format!("{}: {message}", object.name()), None);
    }

    /// Only the help is on a line of its own.
    fn add(&mut self, place: Place, severity: &str, message: &str, help: Option<&str>) {
        let text = format!("{severity}: {place}: {message}");
        let help = help.map(|help| format!("\n       {}", escape_line(help))).unwrap_or_default();
        self.entries.push((place, format!("{}{help}", escape_line(&text))));
    }

    fn count(&mut self, document: String) {
        self.problems += 1;
        self.documents.insert(document);
    }

    /// Prints all entries; returns an error if there is any problem.
    pub(super) fn print(mut self, streams: &mut Streams<'_>) -> Result<(), Error> {
        self.entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (_, text) in &self.entries {
            streams.print_message(text);
        }
        match self.problems {
            0 => Ok(()),
            problems => Err(Error::Problems { problems, documents: self.documents.len() }),
        }
    }
}
