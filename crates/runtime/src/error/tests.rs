//! The texts of errors.

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Because(&'static str, #[source] Option<Box<Because>>);

#[test]
fn an_error_tells_its_causes_once_each() {
    let cause = |text, cause: Option<Because>| Because(text, cause.map(Box::new));
    let error = cause(
        "client error",
        Some(cause("connect", Some(cause("tcp: refused", Some(cause("refused", None)))))),
    );
    let said = ApiError::Unreachable(Box::new(error)).to_string();
    assert_eq!(said, "no answer from the API server: client error: connect: tcp: refused");
}
