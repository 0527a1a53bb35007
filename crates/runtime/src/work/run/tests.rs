//! How the outcomes of a run decide what follows it.

use kubewright_core::observed::Holder;

use super::*;

fn applied(outcomes: Vec<Outcome>) -> Applied {
    Applied { outcomes, ..Applied::default() }
}

fn failed(class: Class) -> Outcome {
    Outcome::Failed { class, message: String::new() }
}

#[test]
fn invalid_decides_about_the_retry_only_if_every_failure_is_invalid() {
    use RunOutcome::{Done, Failed, Repeat};
    let not_owned = || Outcome::NotOwned(Holder::NoController);
    for (outcomes, expected) in [
        (vec![Outcome::InSync, Outcome::NotServed, Outcome::Held], Done),
        (vec![Outcome::InSync, Outcome::Terminating], Repeat),
        (vec![failed(Class::Invalid)], Failed(Class::Invalid)),
        (vec![failed(Class::Invalid), failed(Class::Denied)], Failed(Class::Denied)),
        (vec![failed(Class::Denied), failed(Class::Transient)], Failed(Class::Transient)),
        (vec![failed(Class::Invalid), not_owned()], Failed(Class::NotOwned)),
        (vec![not_owned(), failed(Class::Transient)], Failed(Class::Transient)),
    ] {
        assert_eq!(outcome_of(&applied(outcomes)), expected);
    }
}

#[test]
fn a_failed_deletion_is_reported_and_retried_even_if_nothing_else_is_wanted() {
    let message = "could not delete ConfigMap old".to_owned();
    let failure = DeleteFailure { class: Class::Transient, message: message.clone() };
    let ready = Readiness::Ready("all objects exist".into());
    assert_eq!(
        with_failures(ready, std::slice::from_ref(&failure)),
        Readiness::Progressing(reason::DELETE_FAILED, message)
    );
    let applied = Applied { failures: vec![failure], ..Applied::default() };
    assert_eq!(outcome_of(&applied), RunOutcome::Failed(Class::Transient));
}

#[test]
fn the_failure_that_decides_about_the_retry_decides_about_the_readiness() {
    let failure = |class, message: &str| DeleteFailure { class, message: message.to_owned() };
    let failures = [failure(Class::Invalid, "rejected"), failure(Class::Transient, "timeout")];
    let readiness = with_failures(Readiness::Ready(String::new()), &failures);
    assert_eq!(readiness, Readiness::Progressing(reason::DELETE_FAILED, "timeout".to_owned()));
    let denied = [failure(Class::Denied, "a webhook denies it")];
    let readiness = with_failures(Readiness::Ready(String::new()), &denied);
    let expected = Readiness::Progressing(reason::DELETE_FAILED, "a webhook denies it".to_owned());
    assert_eq!(readiness, expected);
    let readiness = with_failures(Readiness::Ready(String::new()), &failures[..1]);
    assert_eq!(readiness, Readiness::Stalled(reason::DELETE_FAILED, "rejected".to_owned()));
}

#[test]
fn a_failed_child_decides_about_the_retry_and_not_a_conflict_of_the_status() {
    use RunOutcome::{Done, Failed, Repeat, Stalled};
    let invalid = Failed(Class::Invalid);
    for (outcome, written, expected) in [
        (invalid, Ok(()), invalid),
        (invalid, Err(Repeat), invalid),
        (Done, Err(Repeat), Repeat),
        (Stalled, Err(Repeat), Repeat),
        (Done, Err(Failed(Class::Transient)), Failed(Class::Transient)),
    ] {
        assert_eq!(with_status(outcome, written), expected, "{outcome:?}, {written:?}");
    }
}
