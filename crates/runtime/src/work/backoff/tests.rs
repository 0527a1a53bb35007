//! Delays between retries.

use kubewright_core::ObjectKey;

use super::*;

#[test]
fn an_outage_that_all_failed_in_leaves_no_memory_behind() {
    let (retries, all) = (Retries::default(), 0..10_000);
    let key =
        |number: usize| WorkKey { controller: 0, key: ObjectKey::new("n", &*number.to_string()) };
    all.clone().for_each(|number| assert!(retries.failed(&key(number), None, FIRST) <= FIRST));
    all.for_each(|number| retries.forget(&key(number)));
    assert!(lock(&retries.0).capacity() < 200, "room for {} is kept", lock(&retries.0).capacity());
}

const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_mins(5);

#[test]
fn failures_that_events_bring_on_do_not_push_the_retry_away() {
    let (mut retry, start) = (Retry::new(FIRST), Instant::now());
    let due = start + retry.failed(start, Some(1), FIRST);
    for millis in [100, 200, 400, 700] {
        let now = start + Duration::from_millis(millis);
        assert_eq!(now + retry.failed(now, Some(1), FIRST), due);
    }
    assert!(
        retry.failed(due, Some(1), FIRST) > Duration::from_secs(1),
        "the second retry is later"
    );
}

#[test]
fn an_api_server_that_asks_to_be_left_alone_is_left_alone_for_that_long_and_no_longer_than_for_anything()
 {
    let (mut retry, start) = (Retry::new(FIRST), Instant::now());
    retry.hold(start, Duration::from_secs(30));
    assert_eq!(retry.failed(start, Some(1), FIRST), Duration::from_secs(30));
    let later = start + Duration::from_secs(10);
    retry.hold(later, Duration::from_secs(5));
    assert_eq!(
        retry.failed(later, Some(2), FIRST),
        Duration::from_secs(20),
        "an edit is no reason to come earlier"
    );
    let later = start + Duration::from_secs(30);
    assert!(retry.failed(later, Some(3), FIRST) <= FIRST, "that is over");
    retry.hold(later, Duration::from_hours(9));
    assert_eq!(retry.failed(later, Some(3), FIRST), MOST);
}

#[test]
fn an_edit_of_the_resource_begins_anew() {
    let (mut retry, mut now) = (Retry::new(FIRST), Instant::now());
    for _ in 0..6 {
        now += retry.failed(now, Some(1), FIRST);
    }
    assert!(retry.failed(now, Some(1), FIRST) > Duration::from_secs(30));
    assert!(retry.failed(now, Some(2), FIRST) <= FIRST);
}

#[test]
fn a_failure_that_passes_sooner_does_not_wait_as_long_as_the_one_before() {
    let (mut retry, now) = (Retry::new(MOST), Instant::now());
    assert!(retry.failed(now, Some(1), MOST) > Duration::from_mins(3));
    assert!(retry.failed(now, Some(1), FIRST) <= FIRST);
    assert!(retry.failed(now, Some(1), MOST) > Duration::from_mins(3));
}

#[test]
fn it_doubles_up_to_the_most_and_begins_again_after_a_success() {
    let (first, most) = (Duration::from_secs(1), Duration::from_mins(5));
    let mut backoff = Backoff::new(first, most);
    for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
        let expected = Duration::from_secs(expected);
        let delay = backoff.next();
        assert!(
            delay <= expected && delay >= expected.mul_f64(1.0 - JITTER),
            "{delay:?} for {expected:?}"
        );
    }
    backoff.reset();
    assert!(backoff.next() <= first);
}

#[test]
fn many_failures_do_not_overflow() {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_mins(5));
    for _ in 0..100 {
        assert!(backoff.next() <= Duration::from_mins(5));
    }
}
