//! How the outcomes of a run decide what follows it.

use kubewright_core::observed::Holder;

use super::*;

fn applied(outcomes: Vec<Outcome>) -> Applied {
    Applied { outcomes, failures: Vec::new() }
}

fn failed(class: Class) -> Outcome {
    Outcome::Failed { class, message: String::new() }
}

#[test]
fn invalid_decides_about_the_retry_only_if_every_failure_is_invalid() {
    use RunOutcome::{Done, Failed, Repeat};
    let not_owned = || Outcome::NotOwned(Holder::NoController);
    for (outcomes, expected) in [
        (vec![Outcome::InSync, Outcome::NotServed], Done),
        (vec![Outcome::InSync, Outcome::Terminating], Repeat),
        (vec![failed(Class::Invalid)], Failed(Class::Invalid)),
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
    let applied = Applied { outcomes: Vec::new(), failures: vec![failure] };
    assert_eq!(outcome_of(&applied), RunOutcome::Failed(Class::Transient));
}
