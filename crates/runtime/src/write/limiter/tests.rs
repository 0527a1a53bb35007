//! The rate limiter, in simulated time.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use kubewright_core::ObjectKey;

use super::*;

fn rate(per_minute: u32) -> Rate {
    Rate { per_minute, burst: 5 }
}

fn key(number: usize) -> WorkKey {
    key_in("n", number)
}

fn key_in(namespace: &str, number: usize) -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new(namespace, number.to_string()) }
}

/// Each resource asks, and asks again after the returned wait, for this number of seconds. Returns
/// the allowed resources and their times.
async fn run(
    limiter: &RateLimiter,
    numbers: impl Iterator<Item = usize>,
    seconds: u64,
) -> Vec<(u64, usize)> {
    let start = Instant::now();
    let mut asks: BTreeSet<(Duration, usize)> =
        numbers.map(|number| (Duration::ZERO, number)).collect();
    let mut allowed = Vec::new();
    while let Some((at, number)) = asks.pop_first() {
        if at > Duration::from_secs(seconds) {
            break;
        }
        tokio::time::sleep_until(start + at).await;
        match limiter.acquire(&key(number)) {
            Ok(()) => allowed.push((start.elapsed().as_secs(), number)),
            Err(wait) => {
                asks.insert((
                    start.elapsed() + wait.duration.max(Duration::from_millis(1)),
                    number,
                ));
            }
        }
    }
    allowed
}

#[tokio::test(start_paused = true)]
async fn the_surplus_waits_and_is_deleted_in_the_order_of_the_questions() {
    let limiter = RateLimiter::running(rate(3));
    let allowed = run(&limiter, 0..10, 200).await;
    let expected: Vec<(u64, usize)> =
        (0..10).map(|number| (20 * (number as u64).saturating_sub(2), number)).collect();
    assert_eq!(allowed, expected);
    assert_eq!(limiter.waiting(), 0);
    assert!(lock(&limiter.state).waiting.capacity() < 64);
}

#[tokio::test(start_paused = true)]
async fn the_deletions_of_the_first_minute_are_spread_over_it() {
    let limiter = RateLimiter::new(rate(3));
    let allowed = run(&limiter, 0..8, 200).await;
    let expected: Vec<(u64, usize)> =
        (0..8).map(|number| (20 * (number as u64 + 1), number)).collect();
    assert_eq!(allowed, expected);
}

#[tokio::test(start_paused = true)]
async fn a_crash_loop_deletes_no_more_than_a_running_process() {
    let mut allowed = 0;
    for _ in 0..60 {
        allowed += run(&RateLimiter::new(rate(30)), 0..100, 9).await.len();
    }
    // All processes together ran for ten minutes.
    assert_eq!(allowed, 60 * 4);
    assert_eq!(
        run(&RateLimiter::new(rate(u32::MAX)), 0..100, 0).await.len(),
        0,
        "no deletion at once, whatever the limit is"
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_limiter_saves_a_few_slots() {
    let limiter = RateLimiter::new(rate(30));
    tokio::time::advance(Duration::from_mins(10)).await;
    let at_once = run(&limiter, 0..100, 0).await.len();
    assert_eq!(at_once, 5);
}

#[tokio::test(start_paused = true)]
async fn namespaces_take_turns() {
    let limiter = RateLimiter::new(rate(30));
    let ask = |namespace: &str, number| limiter.acquire(&key_in(namespace, number)).is_ok();
    for number in 0..75 {
        assert!(!ask("a", number));
    }
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(!ask("b", 0), "the first of `a` came first");
    assert!(ask("a", 0));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(!ask("a", 2));
    assert!(ask("b", 0), "73 of `a` wait longer");
    assert!(!ask("b", 1));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(ask("a", 1), "it waits since the round of the first of `b`");
    assert_eq!(lock(&limiter.state).namespaces.len(), 2);
    (0..75).for_each(|number| limiter.forget(&key_in("a", number)));
    limiter.forget(&key_in("b", 1));
    assert_eq!((limiter.waiting(), lock(&limiter.state).namespaces.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_kept_makes_room_for_the_next() {
    let limiter = RateLimiter::running(rate(1));
    assert_eq!(limiter.acquire(&key(0)), Ok(()));
    for number in 1..=3 {
        assert!(limiter.acquire(&key(number)).is_err());
    }
    limiter.forget(&key(1));
    tokio::time::advance(Duration::from_mins(1)).await;
    assert!(limiter.acquire(&key(3)).is_err(), "another one has the turn");
    assert_eq!(limiter.acquire(&key(2)), Ok(()));
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(limiter.acquire(&key(3)), Ok(()));
    limiter.release();
    assert_eq!(limiter.acquire(&key(4)), Ok(()), "a slot that was given back");
}

#[tokio::test(start_paused = true)]
async fn waiting_resources_are_reported_once_per_minute_and_when_their_number_doubles() {
    let limiter = RateLimiter::new(rate(0));
    let report = |number| limiter.acquire(&key(number)).unwrap_err().report;
    assert_eq!((report(0), report(1), report(0)), (Some(1), Some(2), None));
    assert_eq!((report(2), report(3), report(4), report(3)), (None, Some(4), None, None));
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!((report(1), report(0)), (Some(5), None));
    assert_eq!(limiter.acquire(&key(0)).unwrap_err().duration, WINDOW);
}
