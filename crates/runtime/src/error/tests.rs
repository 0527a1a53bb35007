//! The texts of errors.

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct TestError(&'static str, #[source] Option<Box<TestError>>);

#[test]
fn an_error_contains_each_cause_once() {
    let cause = |text, cause: Option<TestError>| TestError(text, cause.map(Box::new));
    let error = cause(
        "client error",
        Some(cause("connect", Some(cause("tcp: refused", Some(cause("refused", None)))))),
    );
    let text = ApiError::Unreachable(Box::new(error)).to_string();
    assert_eq!(text, "no answer from the API server: client error: connect: tcp: refused");
}

#[test]
fn only_missing_rights_are_forbidden() {
    let status = |code| ApiError::Status(Box::new(Failure { code, ..Failure::default() }));
    assert!(status(403).is_forbidden());
    assert!(!status(401).is_forbidden(), "RBAC does not help a wrong token");
}
