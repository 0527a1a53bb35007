//! What is known about the two servers that an `Echo` can run: image, port, arguments, where they
//! can be asked for their health. How they are deployed is not known here.

use super::text;

/// A server, and what it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server<'a> {
    /// Answers every request with this text: hashicorp/http-echo.
    Text(&'a str),
    /// Answers every request with the request itself: inanimate/echo-server.
    Request,
}

/// Which path tells the health of a server with its own image. Both have it; `/` they write to
/// their log each time.
const HEALTH_PATH: &str = "/health";
/// The same for an image of somebody's choice, which may have nothing at [`HEALTH_PATH`]: an echo
/// server answers at `/`.
const ANY_PATH: &str = "/";

impl Server<'_> {
    /// The image, unless the resource names another one.
    pub(super) fn image(self) -> &'static str {
        match self {
            Self::Text(_) => "hashicorp/http-echo:1.0.0",
            Self::Request => "inanimate/echo-server:latest",
        }
    }

    /// Where it listens when it is not told otherwise.
    pub(super) fn port(self) -> i32 {
        match self {
            Self::Text(_) => TEXT_PORT,
            Self::Request => 8080,
        }
    }

    /// How it is started. Name and value in one argument: a text that begins with dashes is no flag
    /// of its own.
    pub(super) fn args(self) -> Option<Vec<String>> {
        match self {
            Self::Text(text) => Some(vec![format!("-text={}", text::escape(text))]),
            Self::Request => None,
        }
    }

    /// The path to probe.
    pub(super) fn health_path(own_image: bool) -> &'static str {
        if own_image { HEALTH_PATH } else { ANY_PATH }
    }
}

/// Where the server that answers with a text listens.
pub(super) const TEXT_PORT: i32 = 5678;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_argument_whatever_it_contains() {
        for text in ["-listen=:1", "--", "a b", "=", "\"quoted\"", "two\nlines"] {
            assert_eq!(Server::Text(text).args(), Some(vec![format!("-text={text}")]));
        }
    }

    #[test]
    fn a_reference_to_a_variable_is_escaped() {
        assert_eq!(Server::Text("$(HOME)").args(), Some(vec!["-text=$$(HOME)".to_owned()]));
    }
}
