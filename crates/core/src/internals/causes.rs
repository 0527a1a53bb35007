//! The text of an error with its causes.

use std::error::Error;

/// An error and its causes in one line, separated by colons. A cause that the text already contains
/// is not repeated: some errors print their source themselves.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot connect")]
    struct Outer(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("port is bad: {0}")]
    struct Middle(#[source] std::num::ParseIntError);

    #[test]
    fn each_cause_is_printed_once() {
        let error = Outer(Middle("x".parse::<u8>().unwrap_err()));
        let expected = "cannot connect: port is bad: invalid digit found in string";
        assert_eq!(with_causes(&error), expected);
    }
}
