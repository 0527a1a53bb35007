//! The class of an error. Only the class decides how the engine retries.

/// The class of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// It may pass by itself (a timeout, a conflict, an overloaded server): retry with back-off.
    Transient,
    /// The resource asks for something that cannot work: wait for an edit.
    Invalid,
    /// An object of that name belongs to another owner: leave it alone, look again with back-off.
    Refused,
    /// A defect of the operator (a panic, a child that is not JSON): count it, retry with back-off.
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
