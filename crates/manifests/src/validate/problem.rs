//! A problem of one field of a resource.

use std::fmt;

use crate::path::FieldPath;

/// A problem of one field of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field.
    pub path: FieldPath,
    /// What is wrong with the field.
    pub message: String,
    /// What to write instead, if known.
    pub help: Option<String>,
    /// Severity of the problem.
    pub severity: Severity,
}

/// Severity of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The API server rejects the resource.
    Error,
    /// Only the API server can check the field.
    Unchecked,
}

impl Problem {
    /// A problem for which the API server rejects the resource.
    pub fn error(path: &FieldPath, message: impl Into<String>) -> Self {
        Self { path: path.clone(), message: message.into(), help: None, severity: Severity::Error }
    }

    /// A field that only the API server can check.
    pub fn unchecked(path: &FieldPath, message: impl Into<String>) -> Self {
        Self { severity: Severity::Unchecked, ..Self::error(path, message) }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.path.is_root() { "" } else { ": " };
        write!(f, "{}{separator}{}", self.path, self.message)
    }
}
