//! The deletion limiter, in simulated time.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use kubewright_core::ObjectKey;

use super::*;

fn key(number: usize) -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("n", number.to_string()) }
}

/// All of these ask, and again as soon as they are told to, until `seconds` have passed; gives
/// who was allowed, and when.
async fn run(
    limiter: &DeletionLimiter,
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
async fn so_many_go_in_a_minute_and_the_rest_in_the_order_in_which_they_asked() {
    let limiter = DeletionLimiter::running(3);
    let allowed = run(&limiter, 0..10, 200).await;
    let expected: Vec<(u64, usize)> =
        (0..10).map(|number| (60 * (number as u64 / 3), number)).collect();
    assert_eq!(allowed, expected);
    assert_eq!(limiter.waiting(), 0);
    assert!(lock(&limiter.state).turns.capacity() < 64);
}

#[tokio::test(start_paused = true)]
async fn what_a_process_may_do_in_its_first_minute_is_spread_over_it() {
    let limiter = DeletionLimiter::new(3);
    let allowed = run(&limiter, 0..8, 200).await;
    let expected: Vec<(u64, usize)> =
        (0..8).map(|number| (20 * (number as u64 + 1), number)).collect();
    assert_eq!(allowed, expected);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_started_again_and_again_deletes_no_more_than_one_that_runs() {
    let mut allowed = 0;
    for _ in 0..60 {
        allowed += run(&DeletionLimiter::new(30), 0..100, 9).await.len();
    }
    // They ran for ten minutes.
    assert_eq!(allowed, 60 * 4);
    assert_eq!(
        run(&DeletionLimiter::new(u32::MAX), 0..100, 0).await.len(),
        0,
        "not even where nearly everything is allowed"
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_is_kept_after_all_makes_room_for_the_next() {
    let limiter = DeletionLimiter::running(1);
    assert_eq!(limiter.acquire(&key(0)), Ok(()));
    for number in 1..=3 {
        assert!(limiter.acquire(&key(number)).is_err());
    }
    limiter.forget(&key(1));
    tokio::time::advance(Duration::from_mins(1)).await;
    assert!(limiter.acquire(&key(3)).is_err(), "it is not its turn");
    assert_eq!(limiter.acquire(&key(2)), Ok(()));
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!(limiter.acquire(&key(3)), Ok(()));
    limiter.release();
    assert_eq!(limiter.acquire(&key(4)), Ok(()), "that one did not count");
}

#[tokio::test(start_paused = true)]
async fn that_some_are_held_back_is_told_once_a_minute_and_when_they_are_twice_as_many() {
    let limiter = DeletionLimiter::new(0);
    let tell = |number| limiter.acquire(&key(number)).unwrap_err().report;
    assert_eq!((tell(0), tell(1), tell(0)), (Some(1), Some(2), None));
    assert_eq!((tell(2), tell(3), tell(4), tell(3)), (None, Some(4), None, None));
    tokio::time::advance(Duration::from_mins(1)).await;
    assert_eq!((tell(1), tell(0)), (Some(5), None));
    assert_eq!(limiter.acquire(&key(0)).unwrap_err().duration, WINDOW);
}
