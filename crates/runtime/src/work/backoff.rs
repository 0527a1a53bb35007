//! Delays that grow with each failure, with jitter so that retries do not come all at once.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::key::WorkKey;
use crate::memory::{Shrink as _, lock};

/// The longest delay between two tries of one resource.
const MAX_DELAY: Duration = Duration::from_mins(5);

/// The delays between tries of one resource: from the first one, doubling up to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delays {
    first: Duration,
    max: Duration,
}

impl Delays {
    /// For what may pass by itself.
    pub(crate) const USUAL: Self = Self { first: Duration::from_secs(1), max: MAX_DELAY };
    /// For what an administrator changes without an event: a policy, a webhook, a quota.
    pub(crate) const DENIED: Self =
        Self { first: Duration::from_secs(1), max: Duration::from_mins(1) };
    /// For what needs an edit.
    pub(crate) const REJECTED: Self = Self { first: MAX_DELAY, max: MAX_DELAY };
}

/// The random part of a delay: up to this share of the delay is taken away.
const JITTER: f64 = 0.2;

/// A delay that doubles from `first` up to `max`.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, failures: 0 }
    }

    /// The next delay. The delay doubles each time, up to `max`; then a random part, up to 20 %, is
    /// taken away.
    pub(crate) fn next(&mut self) -> Duration {
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(self.failures.min(30)).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        doubled.min(self.max).mul_f64(1.0 - JITTER * fastrand::f64())
    }

    /// Starts again with the first delay, after a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// When a resource that failed is tried again.
#[derive(Clone, Debug)]
struct Retry {
    backoff: Backoff,
    /// The generation of the resource that failed.
    generation: Option<i64>,
    due: Option<Instant>,
    /// The end of the wait that the API server asked for (`Retry-After`).
    not_before: Option<Instant>,
}

impl Retry {
    fn new(delays: Delays) -> Self {
        let backoff = Backoff::new(delays.first, delays.max);
        Self { backoff, generation: None, due: None, not_before: None }
    }

    fn record_retry_after(&mut self, now: Instant, wait: Duration) {
        self.not_before = self.not_before.max(Some(now + wait.min(MAX_DELAY)));
    }

    /// Records a failure and returns how long to wait.
    ///
    /// If the run fails again before the planned retry (an event started the run), the plan stays.
    /// Otherwise a child that changes often would postpone the retry for ever. After an edit of the
    /// resource, the delays start again with the first one. The same holds for another first
    /// delay.
    fn failed(&mut self, now: Instant, generation: Option<i64>, delays: Delays) -> Duration {
        if self.generation != generation || self.backoff.first != delays.first {
            *self = Self { generation, not_before: self.not_before, ..Self::new(delays) };
        }
        self.backoff.max = delays.max;
        let retry_after =
            self.not_before.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let planned = self.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
        if !planned.is_zero() {
            return planned.max(retry_after);
        }
        let delay = self.backoff.next().max(retry_after);
        self.due = Some(now + delay);
        delay
    }
}

/// The resources that failed.
#[derive(Default)]
pub(crate) struct Retries(Mutex<HashMap<WorkKey, Retry>>);

impl Retries {
    fn with<T>(&self, key: &WorkKey, use_retry: impl FnOnce(&mut Retry) -> T) -> T {
        let mut retries = lock(&self.0);
        use_retry(retries.entry(key.clone()).or_insert_with(|| Retry::new(Delays::USUAL)))
    }

    /// Records a failure and returns how long to wait.
    pub(crate) fn failed(
        &self,
        key: &WorkKey,
        generation: Option<i64>,
        delays: Delays,
    ) -> Duration {
        self.with(key, |retry| retry.failed(Instant::now(), generation, delays))
    }

    /// Records that the API server sent `Retry-After` for this resource: wait at least this long,
    /// but at most [`MAX_DELAY`].
    pub(crate) fn record_retry_after(&self, key: &WorkKey, wait: Duration) {
        self.with(key, |retry| retry.record_retry_after(Instant::now(), wait));
    }

    /// The number of resources that failed.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        lock(&self.0).len()
    }

    /// Forgets a resource that succeeded or is gone: the next failure starts again.
    pub(crate) fn forget(&self, key: &WorkKey) {
        let mut retries = lock(&self.0);
        retries.remove(key);
        retries.shrink_if_sparse();
    }
}

#[cfg(test)]
mod tests;
