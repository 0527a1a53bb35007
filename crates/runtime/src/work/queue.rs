//! Which resource is reconciled next. Each key waits once, never runs twice at a time, and is never
//! lost.
//!
//! `schedule` has the rules: a key that is added during its run runs again; changes go before
//! sweeps, and sweeps before resyncs, but each gets a share. `lanes` shares fairly between
//! controllers and namespaces. This file lets workers wait.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::schedule::{Next, Priority, Schedule, WorkItem};
use crate::key::WorkKey;
use crate::memory::lock;

/// The queue.
#[derive(Default)]
pub(crate) struct Queue {
    schedule: Mutex<Schedule>,
    wake: Notify,
}

impl Queue {
    /// Sets the number of runs in progress that are not slow.
    pub(crate) fn set_workers(&self, workers: usize) {
        lock(&self.schedule).set_workers(workers);
    }

    /// Adds a key, unless it waits at this priority or a higher one.
    pub(crate) fn add(&self, key: WorkKey, priority: Priority) {
        lock(&self.schedule).add(key, priority, Instant::now());
        self.wake.notify_one();
    }

    /// Adds a key after a delay, unless it waits already or is due earlier.
    pub(crate) fn add_after(&self, key: WorkKey, delay: Duration) {
        lock(&self.schedule).add_at(key, Instant::now() + delay);
        self.wake.notify_one();
    }

    /// Waits for the next key, which is running until [`done`](Self::done). `None` once the queue
    /// is closed.
    pub(crate) async fn next(&self) -> Option<WorkItem> {
        loop {
            // Register first, then look for work. Otherwise a notification between both is lost.
            let mut woken = std::pin::pin!(self.wake.notified());
            woken.as_mut().enable();
            let next = lock(&self.schedule).next(Instant::now());
            match next {
                // If this worker was notified, dropping `woken` notifies another waiting worker.
                Next::Work(item) => return Some(item),
                Next::Until(at) => drop(tokio::time::timeout_at(at, woken).await),
                Next::Nothing => woken.await,
                Next::Closed => {
                    // Pass the notification on, so that every worker stops.
                    self.wake.notify_one();
                    return None;
                }
            }
        }
    }

    /// Ends the run of a key. A key that was added during the run waits again.
    pub(crate) fn done(&self, key: &WorkKey) {
        if lock(&self.schedule).done(key) {
            self.wake.notify_one();
        }
    }

    /// Removes the planned time of a key whose resource is gone.
    pub(crate) fn cancel(&self, key: &WorkKey) {
        lock(&self.schedule).cancel(key);
    }

    /// Stops the queue: it returns no more keys.
    pub(crate) fn close(&self) {
        lock(&self.schedule).close();
        self.wake.notify_one();
    }

    /// The number of waiting keys of each priority.
    pub(crate) fn depths(&self) -> [usize; Priority::ALL.len()] {
        lock(&self.schedule).depths()
    }

    /// The number of keys that wait, run or are due.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        lock(&self.schedule).remembered()
    }

    /// The number of runs in progress.
    pub(crate) fn running(&self) -> usize {
        lock(&self.schedule).running()
    }
}

#[cfg(test)]
mod tests;
