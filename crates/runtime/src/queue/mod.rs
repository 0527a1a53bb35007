//! Which resource is worked on next: each key once, never two runs of one key at a time, nothing
//! lost.
//!
//! - A key that is added while it is worked on runs once more afterwards; one that waits and is
//!   added again for a better reason moves up. Delayed keys become due exactly; a run before that
//!   is the one that was planned.
//! - What changed goes before what is swept, and that before what is looked at because time passed;
//!   of eight keys at least one comes from each of those that have something (`state`).
//! - Controllers take turns, and within a controller namespaces: nobody's flood holds up the others
//!   (`lanes`).
//!
//! What is known and what follows from it is in [`State`], which is told the time; here is who
//! waits for it.

mod lanes;
#[cfg(test)]
mod model;
mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubewright_core::ObjectKey;
use tokio::sync::Notify;
use tokio::time::Instant;

use state::{Next, State};

/// One resource of one controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WorkKey {
    /// Index of the controller in the registry.
    pub(crate) controller: usize,
    /// The resource.
    pub(crate) key: ObjectKey,
}

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Something changed.
    Change,
    /// A sweep over everything at the start; a try after a failure.
    Sweep,
    /// A sweep over everything for no reason but that time passed.
    Resync,
}

impl Priority {
    /// The first goes first.
    pub(crate) const ALL: [Self; 3] = [Self::Change, Self::Sweep, Self::Resync];

    /// As a metric label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Sweep => "sweep",
            Self::Resync => "resync",
        }
    }
}

/// A key to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) key: WorkKey,
    /// Why.
    pub(crate) priority: Priority,
    /// How long it waited for that reason.
    pub(crate) lag: Duration,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a key, unless it is there for as good a reason.
    pub(crate) fn add(&self, key: WorkKey, priority: Priority) {
        self.state().add(key, priority, Instant::now());
        self.wake.notify_one();
    }

    /// Adds a key after a delay, unless it is there or due earlier.
    pub(crate) fn add_after(&self, key: WorkKey, delay: Duration) {
        self.state().add_at(key, Instant::now() + delay);
        self.wake.notify_one();
    }

    /// The next key; it is running until [`done`](Self::done). `None` once the queue is closed.
    pub(crate) async fn next(&self) -> Option<Given> {
        loop {
            // Who waits is known before the look: an addition afterwards wakes somebody, one before
            // is seen.
            let mut woken = std::pin::pin!(self.wake.notified());
            woken.as_mut().enable();
            let next = self.state().next(Instant::now());
            match next {
                // If this one was woken meanwhile, that passes to the next who waits.
                Next::Work(given) => return Some(given),
                Next::Until(at) => {
                    let _ = tokio::time::timeout_at(at, woken).await;
                }
                Next::Nothing => woken.await,
                Next::Closed => {
                    // Every worker must see it.
                    self.wake.notify_one();
                    return None;
                }
            }
        }
    }

    /// A run ended. What was added meanwhile is queued now.
    pub(crate) fn done(&self, key: &WorkKey) {
        if self.state().done(key) {
            self.wake.notify_one();
        }
    }

    /// The resource is gone: forget what is scheduled for it.
    pub(crate) fn forget(&self, key: &WorkKey) {
        self.state().cancel(key);
    }

    /// No more keys are given out.
    pub(crate) fn close(&self) {
        self.state().close();
        self.wake.notify_one();
    }

    /// How many keys wait to be worked on now, by priority.
    pub(crate) fn depths(&self) -> [usize; Priority::ALL.len()] {
        self.state().depths()
    }

    /// How many keys are worked on now.
    pub(crate) fn running(&self) -> usize {
        self.state().running()
    }
}

/// What a flood leaves behind: room for this many times more than there is, beyond a little.
const TOO_MUCH: usize = 8;
const LITTLE: usize = 64;

/// Gives back room that was needed once. Seldom enough that it costs nothing on the average.
pub(crate) fn fit(len: usize, capacity: usize, shrink_to: impl FnOnce(usize)) {
    if capacity > LITTLE && capacity / TOO_MUCH > len {
        shrink_to(2 * len);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn key(name: &str) -> WorkKey {
        WorkKey { controller: 0, key: ObjectKey::new("ns", name) }
    }

    async fn now(queue: &Queue) -> Option<WorkKey> {
        tokio::time::timeout(Duration::from_millis(1), queue.next())
            .await
            .ok()
            .flatten()
            .map(|given| given.key)
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_added_while_it_runs_runs_once_more_afterwards() {
        let queue = Queue::default();
        queue.add(key("a"), Priority::Change);
        let running = now(&queue).await.unwrap();
        queue.add(key("a"), Priority::Change);
        assert_eq!(now(&queue).await, None, "never two at a time");
        queue.done(&running);
        assert_eq!(now(&queue).await, Some(key("a")));
        queue.done(&running);
        assert_eq!(now(&queue).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_must_run_once_more_wakes_somebody_who_sleeps() {
        let queue = Arc::new(Queue::default());
        queue.add(key("a"), Priority::Change);
        let running = now(&queue).await.unwrap();
        let sleeper = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.next().await }
        });
        tokio::task::yield_now().await;
        queue.add(key("a"), Priority::Change);
        tokio::task::yield_now().await;
        queue.done(&running);
        let given =
            tokio::time::timeout(Duration::from_secs(1), sleeper).await.unwrap().unwrap().unwrap();
        assert_eq!(given.key, key("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn workers_that_sleep_wake_exactly_when_each_of_several_delays_is_over() {
        let queue = Arc::new(Queue::default());
        let start = Instant::now();
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let queue = Arc::clone(&queue);
            workers
                .spawn(async move { queue.next().await.map(|given| (start.elapsed(), given.lag)) });
        }
        tokio::task::yield_now().await;
        let millis = [7_001, 12, 350, 90, 40_000].map(Duration::from_millis);
        for (number, delay) in millis.into_iter().enumerate() {
            queue.add_after(key(&number.to_string()), delay);
            tokio::task::yield_now().await;
        }
        let mut woken: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
        woken.sort();
        for ((at, lag), delay) in
            woken.into_iter().zip([12, 90, 350, 7_001, 40_000].map(Duration::from_millis))
        {
            let late = at.checked_sub(delay).unwrap();
            assert!(
                late < Duration::from_millis(10) && late == lag,
                "{late:?} after {delay:?}, and it says {lag:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_that_ends_while_all_work_is_seen_by_the_first_who_is_done() {
        let queue = Queue::default();
        queue.add(key("a"), Priority::Change);
        queue.add_after(key("b"), Duration::from_secs(1));
        let running = now(&queue).await.unwrap();
        tokio::time::advance(Duration::from_secs(3)).await;
        queue.done(&running);
        let given = queue.next().await.unwrap();
        assert_eq!((given.key, given.priority), (key("b"), Priority::Sweep));
        assert!(given.lag >= Duration::from_secs(2), "{:?} since it was due", given.lag);
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_two_delays_counts_and_a_run_before_it_is_the_one_that_was_planned() {
        let queue = Queue::default();
        let start = Instant::now();
        queue.add_after(key("a"), Duration::from_secs(9));
        queue.add_after(key("a"), Duration::from_secs(3));
        queue.add_after(key("a"), Duration::from_secs(6));
        assert_eq!(queue.next().await.map(|given| given.key), Some(key("a")));
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        queue.done(&key("a"));
        queue.add_after(key("a"), Duration::from_secs(9));
        queue.add(key("a"), Priority::Change);
        assert_eq!(now(&queue).await, Some(key("a")));
        queue.done(&key("a"));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(now(&queue).await, None, "the delayed one was replaced");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_key_lies_about_while_a_worker_sleeps() {
        let (queue, together) =
            (Arc::new(Queue::default()), Arc::new(tokio::sync::Barrier::new(3)));
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let (queue, together) = (Arc::clone(&queue), Arc::clone(&together));
            workers.spawn(async move {
                while let Some(given) = queue.next().await {
                    // Only both together get any further: each must have one of the two keys.
                    together.wait().await;
                    queue.done(&given.key);
                }
            });
        }
        for round in 0..1_000 {
            queue.add(key("a"), Priority::Change);
            queue.add(key("b"), Priority::Change);
            let both = tokio::time::timeout(Duration::from_secs(30), together.wait()).await;
            assert!(both.is_ok(), "a worker sleeps beside a key, in round {round}");
        }
        queue.close();
        workers.join_all().await;
    }

    #[tokio::test(start_paused = true)]
    async fn every_worker_sees_that_the_queue_is_closed() {
        let queue = Arc::new(Queue::default());
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let queue = Arc::clone(&queue);
                tokio::spawn(async move { queue.next().await })
            })
            .collect();
        tokio::task::yield_now().await;
        queue.close();
        for worker in workers {
            assert_eq!(worker.await.unwrap(), None);
        }
    }
}
