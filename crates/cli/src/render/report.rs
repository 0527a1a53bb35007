//! Problems and notes: each with its place, its object, its field, and what to write instead.

use std::collections::BTreeSet;

use kubewright_manifests::path::FieldPath;
use kubewright_manifests::validate::{Problem, Severity};

use super::input::{Object, Place};
use crate::error::Error;
use crate::streams::Streams;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    entries: Vec<(Place, String)>,
    problems: usize,
    documents: BTreeSet<String>,
}

impl Report {
    /// Something that keeps anything from being printed, unless only the API server can tell.
    pub(super) fn problem(&mut self, object: &Object, problem: &Problem) {
        let (place, name) = (object.place(&problem.path), object.name());
        if problem.severity == Severity::Unchecked {
            return self.add(place, "note", &format!("{name}: {problem}"));
        }
        let help = problem.help.as_ref().map(|help| format!("\n       {help}")).unwrap_or_default();
        self.add(place, "error", &format!("{name}: {problem}{help}"));
        self.count(object.origin() + &name);
    }

    /// A document that is no YAML.
    pub(super) fn unreadable(&mut self, place: Place, message: &str) {
        self.count(format!("{place}"));
        self.add(place, "error", message);
    }

    /// Something to know about an object.
    pub(super) fn note(&mut self, object: &Object, message: impl AsRef<str>) {
        self.add(
            object.place(&FieldPath::root()),
            "note",
            &format!("{}: {}", object.name(), message.as_ref()),
        );
    }

    fn add(&mut self, place: Place, word: &str, message: &str) {
        let text = format!("{word}: {place}: {message}");
        self.entries.push((place, text));
    }

    fn count(&mut self, document: String) {
        self.problems += 1;
        self.documents.insert(document);
    }

    /// Says everything, file by file and line by line; an error when there was a problem.
    pub(super) fn tell(mut self, streams: &mut Streams<'_>) -> Result<(), Error> {
        self.entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (_, text) in &self.entries {
            streams.say(text);
        }
        match self.problems {
            0 => Ok(()),
            problems => Err(Error::Problems { problems, documents: self.documents.len() }),
        }
    }
}
