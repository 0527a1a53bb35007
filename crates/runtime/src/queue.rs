//! Which resource is worked on next: each key once, never two runs of one key at a time, nothing lost.
//!
//! A key that is added while it is worked on runs once more afterwards. Delayed keys become due exactly; an addition without
//! delay overtakes a delayed one.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubewright_core::ObjectKey;
use tokio::sync::Notify;
use tokio::time::Instant;

/// One resource of one controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WorkKey {
    /// Index of the controller in the registry.
    pub(crate) controller: usize,
    /// The resource.
    pub(crate) key: ObjectKey,
}

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Priority {
    /// Something changed.
    Change,
    /// A sweep over everything at the start; a try after a failure.
    Sweep,
    /// A sweep over everything for no reason but that time passed.
    Resync,
}

#[derive(Debug, Default)]
struct State {
    changes: VecDeque<WorkKey>,
    sweep: VecDeque<WorkKey>,
    /// Keys in `changes` or `sweep`.
    queued: HashSet<WorkKey>,
    running: HashSet<WorkKey>,
    /// Running keys that must run once more.
    again: HashSet<WorkKey>,
    due: BTreeSet<(Instant, WorkKey)>,
    due_of: HashMap<WorkKey, Instant>,
    closed: bool,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
}

impl State {
    fn push(&mut self, key: WorkKey, priority: Priority) {
        if let Some(at) = self.due_of.remove(&key) {
            self.due.remove(&(at, key.clone()));
        }
        if self.running.contains(&key) {
            self.again.insert(key);
        } else if self.queued.insert(key.clone()) {
            match priority {
                Priority::Change => self.changes.push_back(key),
                Priority::Sweep | Priority::Resync => self.sweep.push_back(key),
            }
        } else if priority == Priority::Change && !self.sweep.is_empty() {
            // It waits in the sweep, perhaps; let it run now. Its place in the sweep is skipped later.
            self.changes.push_back(key);
        }
    }

    fn pop(&mut self) -> Option<WorkKey> {
        while let Some(key) = self.changes.pop_front().or_else(|| self.sweep.pop_front()) {
            if self.queued.remove(&key) {
                self.running.insert(key.clone());
                return Some(key);
            }
        }
        None
    }

    /// Moves what is due to the queue; gives when the next one is.
    fn promote(&mut self, now: Instant) -> Option<Instant> {
        while let Some((at, key)) = self.due.first().cloned() {
            if at > now {
                return Some(at);
            }
            // A retry never goes before a change: many failing resources must not starve the healthy ones.
            self.push(key, Priority::Sweep);
        }
        None
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a key, unless it is there.
    pub(crate) fn add(&self, key: WorkKey, priority: Priority) {
        self.state().push(key, priority);
        self.wake.notify_one();
    }

    /// Adds a key after a delay, unless it is there or due earlier.
    pub(crate) fn add_after(&self, key: WorkKey, delay: Duration) {
        let at = Instant::now() + delay;
        let mut state = self.state();
        let later = state.due_of.get(&key).is_some_and(|due| *due <= at);
        if later || state.queued.contains(&key) || state.again.contains(&key) {
            return;
        }
        if let Some(old) = state.due_of.insert(key.clone(), at) {
            state.due.remove(&(old, key.clone()));
        }
        state.due.insert((at, key));
        drop(state);
        self.wake.notify_one();
    }

    /// The next key; it is running until [`done`](Self::done). `None` once the queue is closed.
    pub(crate) async fn next(&self) -> Option<WorkKey> {
        loop {
            let woken = self.wake.notified();
            let next_due = {
                let mut state = self.state();
                if state.closed {
                    // Pass it on: every worker must see it.
                    self.wake.notify_one();
                    return None;
                }
                let next_due = state.promote(Instant::now());
                if let Some(key) = state.pop() {
                    if !state.changes.is_empty() || !state.sweep.is_empty() || next_due.is_some() {
                        self.wake.notify_one();
                    }
                    return Some(key);
                }
                next_due
            };
            match next_due {
                Some(at) => {
                    let _ = tokio::time::timeout_at(at, woken).await;
                }
                None => woken.await,
            }
        }
    }

    /// A run ended. What was added meanwhile is queued now.
    pub(crate) fn done(&self, key: &WorkKey) {
        let mut state = self.state();
        state.running.remove(key);
        if state.again.remove(key) {
            state.push(key.clone(), Priority::Change);
            drop(state);
            self.wake.notify_one();
        }
    }

    /// The resource is gone: forget what is scheduled for it.
    pub(crate) fn forget(&self, key: &WorkKey) {
        let mut state = self.state();
        if let Some(at) = state.due_of.remove(key) {
            state.due.remove(&(at, key.clone()));
        }
    }

    /// No more keys are given out.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_one();
    }

    /// How many keys wait to be worked on now.
    pub(crate) fn depth(&self) -> usize {
        self.state().queued.len()
    }

    /// How many keys are worked on now.
    pub(crate) fn running(&self) -> usize {
        self.state().running.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(name: &str) -> WorkKey {
        WorkKey { controller: 0, key: ObjectKey::new("ns", name) }
    }

    async fn now(queue: &Queue) -> Option<WorkKey> {
        tokio::time::timeout(Duration::from_millis(1), queue.next()).await.ok().flatten()
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_given_out_once_however_often_it_is_added() {
        let queue = Queue::default();
        (0..3).for_each(|_| queue.add(key("a"), Priority::Change));
        assert_eq!(now(&queue).await, Some(key("a")));
        assert_eq!(now(&queue).await, None);
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
    async fn a_change_goes_before_a_sweep_and_is_not_done_twice() {
        let queue = Queue::default();
        for name in ["a", "b", "c"] {
            queue.add(key(name), Priority::Sweep);
        }
        queue.add(key("c"), Priority::Change);
        let mut order = Vec::new();
        while let Some(next) = now(&queue).await {
            queue.done(&next);
            order.push(next);
        }
        assert_eq!(order, [key("c"), key("a"), key("b")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_key_is_due_exactly_then() {
        let queue = Queue::default();
        let start = Instant::now();
        queue.add_after(key("a"), Duration::from_secs(5));
        assert_eq!(now(&queue).await, None);
        assert_eq!(queue.next().await, Some(key("a")));
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_two_delays_counts_and_an_addition_without_delay_overtakes() {
        let queue = Queue::default();
        let start = Instant::now();
        queue.add_after(key("a"), Duration::from_secs(9));
        queue.add_after(key("a"), Duration::from_secs(3));
        queue.add_after(key("a"), Duration::from_secs(6));
        assert_eq!(queue.next().await, Some(key("a")));
        assert_eq!(start.elapsed(), Duration::from_secs(3));
        queue.done(&key("a"));
        queue.add_after(key("a"), Duration::from_secs(9));
        queue.add(key("a"), Priority::Change);
        assert_eq!(now(&queue).await, Some(key("a")));
        queue.done(&key("a"));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(now(&queue).await, None, "the delayed one was replaced");
    }

    #[tokio::test(start_paused = true)]
    async fn every_worker_sees_that_the_queue_is_closed() {
        let queue = std::sync::Arc::new(Queue::default());
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let queue = queue.clone();
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
