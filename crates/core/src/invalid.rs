//! [`Invalid`]: why a resource cannot work.

use std::error::Error;
use std::fmt::{self, Display};

use crate::internals::causes::with_causes;
use crate::reason;

/// A resource asks for something that cannot work.
///
/// In `build`, `?` turns any error into an `Invalid` with the reason `InvalidSpec` and the error's
/// text, its sources included. [`OrInvalid::or_invalid`] gives the error a reason of its own.
///
/// ```
/// use kubewright_core::{Invalid, OrInvalid as _};
/// fn port(text: &str) -> Result<u16, Invalid> {
///     if text.is_empty() {
///         return Err(Invalid::new("NoPort", "spec.port is empty; write a port, such as 8080"));
///     }
///     Ok(text.parse()?)
/// }
/// fn address(text: &str) -> Result<std::net::IpAddr, Invalid> {
///     text.parse().or_invalid("BadAddress")
/// }
/// assert_eq!(port("x").unwrap_err().reason(), "InvalidSpec");
/// assert_eq!(port("x").unwrap_err().message(), "invalid digit found in string");
/// assert_eq!(address("x").unwrap_err().reason(), "BadAddress");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    reason: &'static str,
    message: String,
}

impl Invalid {
    /// An error with a `reason` in CamelCase, such as `HostNotAllowed`, and a `message`: the field
    /// and its value, why it cannot work, and what to write instead.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }

    /// The `reason` of the condition, in CamelCase.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The `message` of the condition.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

// `Invalid` itself is no `Error`, as this conversion would then overlap with that of the standard
// library.
impl<E: Error> From<E> for Invalid {
    fn from(error: E) -> Self {
        Self::new(reason::INVALID_SPEC, with_causes(&error))
    }
}

/// Turns the error of a result into an [`Invalid`] with a reason.
pub trait OrInvalid<T> {
    /// Changes the error into an [`Invalid`] with this reason.
    ///
    /// # Errors
    /// [`Invalid`] with the text of the original error as its message.
    fn or_invalid(self, reason: &'static str) -> Result<T, Invalid>;
}

impl<T, E: Into<Invalid>> OrInvalid<T> for Result<T, E> {
    fn or_invalid(self, reason: &'static str) -> Result<T, Invalid> {
        self.map_err(|error| Invalid { reason, ..error.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("spec.hosts[1] is no host")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn an_error_becomes_invalid_with_all_its_sources() {
        let parse = || "x".parse::<u8>().map_err(Outer);
        let by_question_mark = || -> Result<u8, Invalid> { Ok(parse()?) };
        let expected = "spec.hosts[1] is no host: invalid digit found in string";
        assert_eq!(by_question_mark(), Err(Invalid::new("InvalidSpec", expected)));
        assert_eq!(parse().or_invalid("BadHost"), Err(Invalid::new("BadHost", expected)));
    }
}
