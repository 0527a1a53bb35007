//! The rollout limiter, in simulated time.
#![allow(clippy::unwrap_used)]

use kubewright_core::ObjectKey;

use super::*;

const RATE: Rate = Rate { per_minute: 10, burst: 5 };

fn key(number: usize) -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("ns", number.to_string()) }
}

/// The resources of a range that pass now. All of them are Ready before.
fn passing(limiter: &RolloutLimiter, numbers: std::ops::Range<usize>) -> Vec<usize> {
    numbers.filter(|number| limiter.acquire(&key(*number), true).is_ok()).collect()
}

async fn seconds(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_limiter_lets_five_pass_and_then_ten_per_minute() {
    let limiter = RolloutLimiter::running(RATE);
    let mut passed = passing(&limiter, 0..50);
    assert_eq!(passed, [0, 1, 2, 3, 4]);
    for _ in 0..10 {
        for number in &passed {
            limiter.recovered(&key(*number));
        }
        seconds(6).await;
        let next = passing(&limiter, 5..50).into_iter().filter(|n| !passed.contains(n));
        let next: Vec<_> = next.collect();
        assert_eq!(next, [passed.len()]);
        passed.extend(next);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_process_has_no_burst() {
    let limiter = RolloutLimiter::new(RATE);
    assert!(passing(&limiter, 0..50).is_empty());
    seconds(6).await;
    assert_eq!(passing(&limiter, 0..50), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_rollout_stops_while_more_than_a_fifth_is_not_ready_again() {
    let limiter = RolloutLimiter::running(RATE);
    assert_eq!(passing(&limiter, 0..10).len(), 5);
    seconds(60).await;
    let pending = limiter.acquire(&key(5), true).unwrap_err();
    assert_eq!(pending.cause, Cause::NotReady(5));
    assert!(pending.wait.duration >= Duration::from_secs(6), "{pending:?}");
    for number in 0..3 {
        limiter.recovered(&key(number));
    }
    assert_eq!(limiter.acquire(&key(5), true).unwrap_err().cause, Cause::NotReady(2));
    limiter.recovered(&key(3));
    assert_eq!(limiter.acquire(&key(5), true), Ok(()), "one of five is not ready");
    assert_eq!(limiter.acquire(&key(6), true).unwrap_err().cause, Cause::NotReady(2));
    limiter.forget(&key(4));
    assert_eq!(limiter.acquire(&key(6), true), Ok(()), "an edited resource no longer counts");
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_the_rollout_broke_may_always_go_on() {
    let limiter = RolloutLimiter::running(RATE);
    assert_eq!(passing(&limiter, 0..5).len(), 5);
    seconds(60).await;
    assert!(limiter.acquire(&key(9), true).is_err());
    assert_eq!(limiter.acquire(&key(3), false), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn resources_that_did_not_work_before_do_not_stop_a_rollout() {
    let limiter = RolloutLimiter::running(RATE);
    for number in 0..5 {
        limiter.acquire(&key(number), false).unwrap();
    }
    seconds(6).await;
    assert_eq!(limiter.acquire(&key(5), true), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_old_rollout_does_not_stop_the_next_one() {
    let limiter = RolloutLimiter::running(RATE);
    assert_eq!(passing(&limiter, 0..5).len(), 5);
    seconds(11 * 60).await;
    assert_eq!(passing(&limiter, 5..20).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn with_a_rate_of_zero_all_wait() {
    let limiter = RolloutLimiter::running(Rate { per_minute: 0, burst: 5 });
    seconds(3600).await;
    let pending = limiter.acquire(&key(0), true).unwrap_err();
    assert_eq!((pending.cause, pending.wait.duration), (Cause::Off, Duration::from_mins(1)));
    limiter.passed(&key(0));
    assert_eq!(limiter.waiting(), 0);
}
