//! Waiting longer after each failure, with jitter so that many do not come back at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::queue::{WorkKey, fit};

/// Doubles from `first` to `most`.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

/// The part of a delay that is random: a delay is this much shorter at most.
const JITTER: f64 = 0.2;

impl Backoff {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// The next delay: at most 20 % shorter than the doubled one before, never longer than `most`.
    pub(crate) fn next(&mut self) -> Duration {
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(self.failures.min(30)).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        doubled.min(self.most).mul_f64(1.0 - JITTER * fastrand::f64())
    }

    /// It worked: begin again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// When one resource that failed is tried again.
#[derive(Clone, Debug)]
pub(crate) struct Retry {
    backoff: Backoff,
    /// Which edit of the resource failed.
    generation: Option<i64>,
    due: Option<Instant>,
    /// The API server asked not to come back earlier.
    not_before: Option<Instant>,
}

impl Retry {
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self { backoff: Backoff::new(first, most), generation: None, due: None, not_before: None }
    }

    /// At `now`, the API server asked to be left alone for so long; longer than the longest delay
    /// is not waited.
    pub(crate) fn hold(&mut self, now: Instant, wait: Duration) {
        self.not_before = self.not_before.max(Some(now + wait.min(self.backoff.most)));
    }

    /// It failed at `now`: how long to wait. `first` is the shortest delay for a failure of this
    /// sort.
    ///
    /// A failure before the planned retry was brought on by an event, and leaves the plan as it is:
    /// a child that changes often would push the retry away otherwise. An edit of the resource
    /// begins anew, and so does a failure of another sort.
    pub(crate) fn failed(
        &mut self,
        now: Instant,
        generation: Option<i64>,
        first: Duration,
    ) -> Duration {
        if self.generation != generation || self.backoff.first != first {
            *self = Self {
                generation,
                not_before: self.not_before,
                ..Self::new(first, self.backoff.most)
            };
        }
        let held =
            self.not_before.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if let Some(left) =
            self.due.and_then(|due| due.checked_duration_since(now)).filter(|left| !left.is_zero())
        {
            return left.max(held);
        }
        let delay = self.backoff.next().max(held);
        self.due = Some(now + delay);
        delay
    }
}

/// Resources that failed.
#[derive(Debug, Default)]
pub(crate) struct Retries(Mutex<HashMap<WorkKey, Retry>>);

impl Retries {
    fn lock(&self) -> MutexGuard<'_, HashMap<WorkKey, Retry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One failed: how long to wait, see [`Retry::failed`].
    pub(crate) fn failed(
        &self,
        key: &WorkKey,
        generation: Option<i64>,
        first: Duration,
        most: Duration,
    ) -> Duration {
        let fresh = || Retry::new(first, most);
        self.lock().entry(key.clone()).or_insert_with(fresh).failed(
            Instant::now(),
            generation,
            first,
        )
    }

    /// The API server asked not to come back with this one for so long, should it have failed.
    pub(crate) fn hold(&self, key: &WorkKey, wait: Duration, first: Duration, most: Duration) {
        let fresh = || Retry::new(first, most);
        self.lock().entry(key.clone()).or_insert_with(fresh).hold(Instant::now(), wait);
    }

    /// It is well, or gone: another failure begins anew.
    pub(crate) fn forget(&self, key: &WorkKey) {
        let mut retries = self.lock();
        retries.remove(key);
        fit(retries.len(), retries.capacity(), |room| retries.shrink_to(room));
    }
}

#[cfg(test)]
mod tests {
    use kubewright_core::ObjectKey;

    use super::*;

    #[test]
    fn an_outage_that_all_failed_in_leaves_no_memory_behind() {
        let (retries, all) = (Retries::default(), 0..10_000);
        let key = |number: usize| WorkKey {
            controller: 0,
            key: ObjectKey::new("n", &*number.to_string()),
        };
        all.clone()
            .for_each(|number| assert!(retries.failed(&key(number), None, FIRST, MOST) <= FIRST));
        all.for_each(|number| retries.forget(&key(number)));
        assert!(retries.lock().capacity() < 200, "room for {} is kept", retries.lock().capacity());
    }

    const FIRST: Duration = Duration::from_secs(1);
    const MOST: Duration = Duration::from_mins(5);

    #[test]
    fn failures_that_events_bring_on_do_not_push_the_retry_away() {
        let (mut retry, start) = (Retry::new(FIRST, MOST), Instant::now());
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
        let (mut retry, start) = (Retry::new(FIRST, MOST), Instant::now());
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
        let (mut retry, mut now) = (Retry::new(FIRST, MOST), Instant::now());
        for _ in 0..6 {
            now += retry.failed(now, Some(1), FIRST);
        }
        assert!(retry.failed(now, Some(1), FIRST) > Duration::from_secs(30));
        assert!(retry.failed(now, Some(2), FIRST) <= FIRST);
    }

    #[test]
    fn a_failure_that_passes_sooner_does_not_wait_as_long_as_the_one_before() {
        let (mut retry, now) = (Retry::new(MOST, MOST), Instant::now());
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
}
