//! The two servers that an `Echo` can run: image, port and arguments.

use super::text;

/// A server, and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server<'a> {
    /// Answers every request with this text: hashicorp/http-echo.
    Text(&'a str),
    /// Answers every request with the request itself: inanimate/echo-server.
    Request,
}

/// The port of the server that answers with a text.
pub(super) const TEXT_PORT: i32 = 5678;

impl Server<'_> {
    /// The image, if the resource has none.
    pub(super) fn image(self) -> &'static str {
        match self {
            Self::Text(_) => "hashicorp/http-echo:1.0.0",
            Self::Request => "inanimate/echo-server:latest",
        }
    }

    /// The default port of the server.
    pub(super) fn port(self) -> i32 {
        match self {
            Self::Text(_) => TEXT_PORT,
            Self::Request => 8080,
        }
    }

    /// The arguments. Name and value are one argument, so that a text with leading dashes is not a
    /// flag.
    pub(super) fn args(self) -> Option<Vec<String>> {
        match self {
            Self::Text(text) => Some(vec![format!("-text={}", text::escape(text))]),
            Self::Request => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_one_argument() {
        for text in ["-listen=:1", "--", "a b", "=", "\"quoted\"", "two\nlines"] {
            assert_eq!(Server::Text(text).args(), Some(vec![format!("-text={text}")]));
        }
    }

    #[test]
    fn a_reference_to_a_variable_is_escaped() {
        assert_eq!(Server::Text("$(HOME)").args(), Some(vec!["-text=$$(HOME)".to_owned()]));
    }
}
