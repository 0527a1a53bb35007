//! When each resource must run again because its last `build` asked about a future time.
//!
//! A user can set the clock. So the timer looks at the clock at least once per minute. If a
//! resource runs too early, its `build` asks about the time again.

use std::sync::Mutex;
use std::time::Duration;

use kubewright_core::Timestamp;
use tokio::sync::Notify;

use crate::agenda::Agenda;
use crate::key::WorkKey;
use crate::memory::lock;

/// The longest sleep between two looks at the clock.
const MAX_SLEEP: Duration = Duration::from_mins(1);
/// The shortest sleep: a timer may end slightly before its time.
const MIN_SLEEP: Duration = Duration::from_millis(1);

/// The times at which resources must run again, the earliest first.
pub(crate) struct Deadlines {
    due: Mutex<Agenda<Timestamp>>,
    /// Notified when the earliest time becomes earlier.
    wake: Notify,
    clock: fn() -> Timestamp,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::with_clock(Timestamp::now)
    }
}

impl Deadlines {
    fn with_clock(clock: fn() -> Timestamp) -> Self {
        Self { due: Mutex::default(), wake: Notify::new(), clock }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Records the earliest future time that the last build of this resource asked about, or `None`
    /// if there is no such time.
    pub(crate) fn record(&self, key: &WorkKey, next: Option<Timestamp>) {
        let mut due = lock(&self.due);
        if due.get(key) == next {
            return;
        }
        let before = due.first();
        match next {
            Some(at) => due.insert(key.clone(), at),
            None => due.remove(key),
        }
        let is_earlier = due.first().is_some_and(|at| before.is_none_or(|before| at < before));
        drop(due);
        if is_earlier {
            self.wake.notify_one();
        }
    }

    /// Waits until keys are due, and returns them. Each key is returned once.
    pub(crate) async fn next(&self) -> Vec<WorkKey> {
        loop {
            // Register first, then look. Otherwise a notification between both is lost.
            let mut woken = std::pin::pin!(self.wake.notified());
            woken.as_mut().enable();
            let (due, sleep) = self.take_due();
            if !due.is_empty() {
                return due;
            }
            match sleep {
                Some(sleep) => drop(tokio::time::timeout(sleep, woken).await),
                None => woken.await,
            }
        }
    }

    /// The number of resources that wait for a time.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        lock(&self.due).len()
    }

    /// The keys that are due now, and how long to sleep for the next one.
    fn take_due(&self) -> (Vec<WorkKey>, Option<Duration>) {
        let now = self.now();
        let mut due = lock(&self.due);
        let keys = std::iter::from_fn(|| due.pop_until(now)).map(|(_, key)| key).collect();
        let sleep = |at: Timestamp| {
            let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
            left.clamp(MIN_SLEEP, MAX_SLEEP)
        };
        (keys, due.first().map(sleep))
    }
}

#[cfg(test)]
mod tests;
