//! Delays between retries.

use kubewright_core::ObjectKey;

use super::*;

#[test]
fn an_outage_leaves_no_memory_behind() {
    let (retries, all) = (Retries::default(), 0..10_000);
    let key =
        |number: usize| WorkKey { controller: 0, key: ObjectKey::new("n", &*number.to_string()) };
    all.clone()
        .for_each(|number| assert!(retries.failed(&key(number), None, Delays::USUAL) <= FIRST));
    all.for_each(|number| retries.forget(&key(number)));
    assert!(lock(&retries.0).capacity() < 200, "room for {} is kept", lock(&retries.0).capacity());
}

const FIRST: Duration = Duration::from_secs(1);
const MAX: Duration = Duration::from_mins(5);

#[test]
fn failures_caused_by_events_do_not_postpone_the_retry() {
    let (mut retry, start) = (Retry::new(Delays::USUAL), Instant::now());
    let due = start + retry.failed(start, Some(1), Delays::USUAL);
    for millis in [100, 200, 400, 700] {
        let now = start + Duration::from_millis(millis);
        assert_eq!(now + retry.failed(now, Some(1), Delays::USUAL), due);
    }
    assert!(
        retry.failed(due, Some(1), Delays::USUAL) > Duration::from_secs(1),
        "the second retry is later"
    );
}

#[test]
fn a_retry_delay_of_the_api_server_is_respected_up_to_the_maximum() {
    let (mut retry, start) = (Retry::new(Delays::USUAL), Instant::now());
    retry.record_retry_after(start, Duration::from_secs(30));
    assert_eq!(retry.failed(start, Some(1), Delays::USUAL), Duration::from_secs(30));
    let later = start + Duration::from_secs(10);
    retry.record_retry_after(later, Duration::from_secs(5));
    assert_eq!(
        retry.failed(later, Some(2), Delays::USUAL),
        Duration::from_secs(20),
        "an edit does not shorten the delay"
    );
    let later = start + Duration::from_secs(30);
    assert!(retry.failed(later, Some(3), Delays::USUAL) <= FIRST, "the delay is over");
    retry.record_retry_after(later, Duration::from_hours(9));
    assert_eq!(retry.failed(later, Some(3), Delays::USUAL), MAX);
}

#[test]
fn an_edit_of_the_resource_resets_the_delay() {
    let (mut retry, mut now) = (Retry::new(Delays::USUAL), Instant::now());
    for _ in 0..6 {
        now += retry.failed(now, Some(1), Delays::USUAL);
    }
    assert!(retry.failed(now, Some(1), Delays::USUAL) > Duration::from_secs(30));
    assert!(retry.failed(now, Some(2), Delays::USUAL) <= FIRST);
}

#[test]
fn a_failure_of_another_class_resets_the_delay() {
    let (mut retry, now) = (Retry::new(Delays::REJECTED), Instant::now());
    assert!(retry.failed(now, Some(1), Delays::REJECTED) > Duration::from_mins(3));
    assert!(retry.failed(now, Some(1), Delays::USUAL) <= FIRST);
    assert!(retry.failed(now, Some(1), Delays::REJECTED) > Duration::from_mins(3));
}

#[test]
fn what_an_administrator_denies_is_tried_again_at_least_once_a_minute() {
    let (mut retry, mut now) = (Retry::new(Delays::USUAL), Instant::now());
    let mut delays = Vec::new();
    for _ in 0..10 {
        let delay = retry.failed(now, Some(1), Delays::DENIED);
        now += delay;
        delays.push(delay);
    }
    assert!(delays[0] <= FIRST && delays[1] <= 2 * FIRST, "{delays:?}");
    assert!(delays[9] > Duration::from_secs(40), "the delay grows: {delays:?}");
    assert!(delays.iter().all(|delay| *delay <= Duration::from_mins(1)), "{delays:?}");
}

#[test]
fn another_class_with_the_same_first_delay_does_not_start_again() {
    let (mut retry, mut now) = (Retry::new(Delays::USUAL), Instant::now());
    for _ in 0..4 {
        now += retry.failed(now, Some(1), Delays::DENIED);
        now += retry.failed(now, Some(1), Delays::USUAL);
    }
    assert!(retry.failed(now, Some(1), Delays::USUAL) > Duration::from_mins(1));
    now += MAX;
    assert!(retry.failed(now, Some(1), Delays::DENIED) <= Duration::from_mins(1));
}

#[test]
fn the_delay_doubles_up_to_the_maximum_and_a_success_resets_it() {
    let (first, max) = (Duration::from_secs(1), Duration::from_mins(5));
    let mut backoff = Backoff::new(first, max);
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
