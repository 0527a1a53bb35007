//! Collects problems and notes, and prints them in the order of files and lines.

use std::collections::BTreeSet;

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
        let (place, name) = (object.place(&problem.path), object.name());
        if problem.severity == Severity::Unchecked {
            return self.add(place, "note", &format!("{name}: {problem}"));
        }
        let help = problem.help.as_ref().map(|help| format!("\n       {help}")).unwrap_or_default();
        self.add(place, "error", &format!("{name}: {problem}{help}"));
        self.count(object.origin() + &name);
    }

    /// Adds a problem of a whole object.
    pub(super) fn add_error(&mut self, object: &Object, message: impl Into<String>) {
        self.add_problem(object, &Problem::error(&FieldPath::root(), message));
    }

    /// Adds a syntax error of a document.
    pub(super) fn add_syntax_error(&mut self, place: Place, message: &str) {
        self.count(format!("{place}"));
        self.add(place, "error", message);
    }

    /// Adds information about an object.
    pub(super) fn add_note(&mut self, object: &Object, message: &str) {
        let place = object.place(&FieldPath::root());
        self.add(place, "note", &format!("{}: {message}", object.name()));
    }

    fn add(&mut self, place: Place, severity: &str, message: &str) {
        let text = format!("{severity}: {place}: {message}");
        self.entries.push((place, text));
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
