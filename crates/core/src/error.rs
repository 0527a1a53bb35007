//! How an error is answered: the class decides about retries, nothing else does.

/// What kind of trouble an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// It may be gone in a moment (a timeout, a conflict, an overloaded server): try again with
    /// backoff.
    Transient,
    /// The resource asks for something that cannot work: wait for an edit, do not try again.
    Invalid,
    /// An object of that name belongs to somebody else: it is left alone; look again with backoff.
    Refused,
    /// A defect in the operator (a panic, a child that cannot be serialised): counted, retried with
    /// backoff.
    Bug,
}

impl Class {
    /// The class as a metric label and a log field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Bug => "bug",
        }
    }
}
