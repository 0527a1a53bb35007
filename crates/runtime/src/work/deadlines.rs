//! When each resource must run again because a moment comes that its last `build` asked about.
//!
//! The moments are wall-clock times, and a wall clock may be set: no sleep is longer than a minute.
//! A resource that wakes too early only asks again.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use kubewright_core::Timestamp;
use tokio::sync::Notify;

use crate::key::WorkKey;
use crate::memory::{Shrink as _, lock};

/// The longest sleep between two looks at the clock.
const MAX_SLEEP: Duration = Duration::from_mins(1);
/// The shortest sleep: a timer may end slightly before the moment.
const MIN_SLEEP: Duration = Duration::from_millis(1);

/// The awaited moments, the earliest first.
pub(crate) struct Deadlines {
    state: Mutex<State>,
    /// Notified when the earliest moment becomes earlier.
    wake: Notify,
    clock: fn() -> Timestamp,
}

#[derive(Debug, Default)]
struct State {
    due: BTreeSet<(Timestamp, WorkKey)>,
    by_key: HashMap<WorkKey, Timestamp>,
}

impl fmt::Debug for Deadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadlines").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::with_clock(Timestamp::now)
    }
}

impl State {
    fn remove(&mut self, key: &WorkKey) {
        if let Some(at) = self.by_key.remove(key) {
            self.due.remove(&(at, key.clone()));
            self.by_key.shrink_if_sparse();
        }
    }

    fn earliest(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }
}

impl Deadlines {
    fn with_clock(clock: fn() -> Timestamp) -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), clock }
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Records the earliest future moment that the last build of this resource asked about, or
    /// `None` if there is no such moment.
    pub(crate) fn record(&self, key: &WorkKey, next: Option<Timestamp>) {
        let mut state = lock(&self.state);
        if state.by_key.get(key).copied() == next {
            return;
        }
        let before = state.earliest();
        state.remove(key);
        if let Some(at) = next {
            state.by_key.insert(key.clone(), at);
            state.due.insert((at, key.clone()));
        }
        let is_earlier = state.earliest().is_some_and(|at| before.is_none_or(|before| at < before));
        drop(state);
        if is_earlier {
            self.wake.notify_one();
        }
    }

    /// Waits until moments come, and returns their keys. Each key is returned once.
    pub(crate) async fn next(&self) -> Vec<WorkKey> {
        loop {
            // Registered before the look: an earlier moment that is recorded later wakes this task.
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

    /// The keys that are due now, and how long to sleep for the next one.
    fn take_due(&self) -> (Vec<WorkKey>, Option<Duration>) {
        let now = self.now();
        let (mut state, mut due) = (lock(&self.state), Vec::new());
        while let Some((_, key)) = state.due.first().filter(|(at, _)| *at <= now).cloned() {
            state.remove(&key);
            due.push(key);
        }
        let sleep = |at: Timestamp| {
            let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
            left.clamp(MIN_SLEEP, MAX_SLEEP)
        };
        (due, state.earliest().map(sleep))
    }
}

#[cfg(test)]
mod tests;
