//! The class of an error. Only the class decides how the engine retries.

/// The class of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// It may pass by itself (a timeout, a conflict, an overloaded server): retry with back-off.
    Transient,
    /// An admission policy, an admission webhook or a quota denied a child. Another person changes
    /// that, and no event shows the change: retry with back-off, at least once a minute.
    Denied,
    /// A person must edit the resource. If the resource is invalid or withdrawn
    /// ([`Invalid`](crate::Invalid)), the engine waits for a change. If the API server rejected a
    /// child because its content is invalid, the engine retries every 4 to 5 minutes.
    Invalid,
    /// An object that the resource does not own has the name of a child: leave it alone, look again
    /// with back-off.
    NotOwned,
    /// A defect of the operator (a panic, a child that is not JSON): count it, retry with back-off.
    Bug,
}

impl Class {
    /// The class as a metric label and a log field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::NotOwned => "not_owned",
            Self::Bug => "bug",
        }
    }
}
