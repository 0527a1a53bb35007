//! The texts and classes of errors.
#![allow(clippy::unwrap_used)]

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

/// The class of an answer with this code and message.
fn class(code: u16, message: &str) -> Class {
    let message = message.to_owned();
    ApiError::Status(Box::new(Failure { code, message, ..Failure::default() })).class()
}

#[test]
fn what_admission_denies_is_not_the_fault_of_the_resource() {
    for (code, message) in [
        (400, "admission webhook \"w.example.com\" denied the request: not today"),
        (403, "admission webhook \"w.example.com\" denied the request without explanation"),
        (422, "admission webhook \"w.example.com\" denied the request: spec is invalid"),
        (
            422,
            "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' \
             denied request: failed expression: false",
        ),
        (
            401,
            "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' \
             denied request: no",
        ),
        (
            403,
            "services \"web\" is forbidden: exceeded quota: q, requested: services=1, used: \
             services=0, limited: services=0",
        ),
        (403, "pods \"web\" is forbidden: maximum cpu usage per Container is 1, but limit is 2"),
        (403, "pods \"web\" is forbidden: violates PodSecurity \"restricted:latest\": runAsUser=0"),
    ] {
        assert_eq!(class(code, message), Class::Denied, "{code} {message}");
    }
}

#[test]
fn an_error_of_the_validation_or_of_the_rights_is_not_denied() {
    for (code, message, expected) in [
        (
            422,
            "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1",
            Class::Invalid,
        ),
        (
            422,
            "Deployment.apps \"web\" is invalid: spec.a: Invalid value: \"x is forbidden: \
             ValidatingAdmissionPolicy 'p' denied request\"",
            Class::Invalid,
        ),
        (
            422,
            "Deployment.apps \"web\" is invalid: spec.a: Invalid value: \"admission webhook \
             \\\"w\\\" denied the request\"",
            Class::Invalid,
        ),
        (
            403,
            "deployments.apps \"web\" is forbidden: User \"operator\" cannot patch resource \
             \"deployments\" in API group \"apps\" in the namespace \"ns\"",
            Class::Transient,
        ),
        (
            403,
            "deployments.apps is forbidden: User \"operator\" cannot list resource \"deployments\"",
            Class::Transient,
        ),
        (403, "a proxy says no", Class::Transient),
        (500, "failed calling webhook \"w\": connection refused", Class::Transient),
        (400, "strict decoding error: unknown field \"spec.a\"", Class::Invalid),
    ] {
        assert_eq!(class(code, message), expected, "{code} {message}");
    }
}

#[test]
fn a_terminating_namespace_denies_nothing() {
    let failure = serde_json::json!({
        "code": 403,
        "message": "configmaps \"web\" is forbidden: unable to create new content in namespace ns",
        "details": { "causes": [{ "reason": "NamespaceTerminating" }] },
    });
    let failure: Failure = serde_json::from_value(failure).unwrap();
    assert_eq!(ApiError::Status(Box::new(failure)).class(), Class::Transient);
}
