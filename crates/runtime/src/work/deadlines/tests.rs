//! Deadlines, with a simulated wall clock.
#![allow(clippy::unwrap_used)]

use std::cell::Cell;

use kubewright_core::ObjectKey;
use tokio::time::Instant;

use super::*;

thread_local! {
    /// The start of tokio's clock, and the wall-clock time then.
    static WALL: Cell<Option<(Instant, Timestamp)>> = const { Cell::new(None) };
}

fn wall() -> Timestamp {
    let now = Instant::now();
    let (start, at) = WALL.get().unwrap_or((now, Timestamp::UNIX_EPOCH));
    WALL.set(Some((start, at)));
    at + now.duration_since(start)
}

/// Sets the wall clock forward.
fn forward(seconds: u64) {
    WALL.set(Some((Instant::now(), wall() + Duration::from_secs(seconds))));
}

fn back(seconds: u64) {
    WALL.set(Some((Instant::now(), wall() - Duration::from_secs(seconds))));
}

fn key(number: usize) -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("n", number.to_string()) }
}

fn wait(deadlines: &Deadlines, number: usize, millis: u64) {
    deadlines.record(&key(number), Some(wall() + Duration::from_millis(millis)));
}

#[tokio::test(start_paused = true)]
async fn each_resource_wakes_once_at_its_own_moment() {
    let deadlines = Deadlines::with_clock(wall);
    let start = Instant::now();
    for (number, millis) in [90_500, 12, 4_000].into_iter().enumerate() {
        wait(&deadlines, number, millis);
    }
    for (number, millis) in [(1, 12), (2, 4_000), (0, 90_500)] {
        assert_eq!(deadlines.next().await, [key(number)]);
        let late = start.elapsed().checked_sub(Duration::from_millis(millis)).unwrap();
        assert!(late < Duration::from_millis(10), "{late:?} after {millis} ms");
    }
    let more = tokio::time::timeout(Duration::from_hours(1), deadlines.next()).await;
    assert!(more.is_err(), "there are no more times: {more:?}");
}

#[tokio::test(start_paused = true)]
async fn only_the_moments_of_the_last_build_count() {
    let deadlines = Deadlines::with_clock(wall);
    wait(&deadlines, 1, 1_000);
    wait(&deadlines, 2, 2_000);
    wait(&deadlines, 1, 3_000);
    deadlines.record(&key(2), None);
    let start = Instant::now();
    assert_eq!(deadlines.next().await, [key(1)]);
    assert_eq!(start.elapsed().as_secs(), 3);
    assert!(lock(&deadlines.due).len() == 0);
}

#[tokio::test(start_paused = true)]
async fn an_earlier_moment_interrupts_the_sleep_for_a_later_one() {
    let deadlines = std::sync::Arc::new(Deadlines::with_clock(wall));
    wait(&deadlines, 1, 50_000);
    let start = Instant::now();
    let sleeper = tokio::task::LocalSet::new();
    let asleep = std::sync::Arc::clone(&deadlines);
    let woken = sleeper.spawn_local(async move { asleep.next().await });
    sleeper
        .run_until(async {
            tokio::task::yield_now().await;
            wait(&deadlines, 2, 5_000);
            assert_eq!(woken.await.unwrap(), [key(2)]);
        })
        .await;
    assert_eq!(start.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_forward_is_noticed_within_a_minute() {
    let deadlines = Deadlines::with_clock(wall);
    wait(&deadlines, 1, 10 * 3_600_000);
    let start = Instant::now();
    let woken = async {
        let mut next = std::pin::pin!(deadlines.next());
        assert!(tokio::time::timeout(Duration::from_secs(90), &mut next).await.is_err());
        forward(11 * 3600);
        next.await
    };
    assert_eq!(woken.await, [key(1)]);
    assert!(start.elapsed() <= Duration::from_secs(90 + 60), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_wakes_no_resource_early() {
    let deadlines = Deadlines::with_clock(wall);
    wait(&deadlines, 1, 30_000);
    back(3600);
    let start = Instant::now();
    assert_eq!(deadlines.next().await, [key(1)]);
    assert_eq!(start.elapsed().as_secs(), 3630);
}

#[tokio::test(start_paused = true)]
async fn many_deadlines_are_cheap_and_leave_no_memory_behind() {
    let deadlines = Deadlines::with_clock(wall);
    let started = std::time::Instant::now();
    for number in 0..100_000 {
        wait(&deadlines, number, 1_000 + (number as u64 * 7_919) % 60_000);
    }
    let mut woken = 0;
    while woken < 100_000 {
        woken += deadlines.next().await.len();
    }
    // A release build needs 0.1 s. This limit only finds another order of magnitude.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(
        lock(&deadlines.due).capacity() < 200,
        "room for {} is kept",
        lock(&deadlines.due).capacity()
    );
}
