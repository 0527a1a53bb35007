//! The state of the queue and its rules, without waiting and without a clock: callers pass the
//! time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::lanes::Lanes;
use crate::agenda::Agenda;
use crate::key::WorkKey;
use crate::memory::Shrink as _;

/// Of this many keys, one is taken from each lower priority, if the priority has any.
const SHARE: u32 = 8;
/// A run that lasts longer is slow: it waits for something, such as an admission webhook.
const SLOW: Duration = Duration::from_secs(1);

/// Which keys go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Something changed.
    Change,
    /// The first pass over all resources at the start, any delayed run, or an optional kind that
    /// appeared or disappeared.
    Sweep,
    /// A periodic pass over all resources.
    Resync,
}

impl Priority {
    /// All priorities, the highest first.
    pub(crate) const ALL: [Self; 3] = [Self::Change, Self::Sweep, Self::Resync];

    /// The metric label.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Sweep => "sweep",
            Self::Resync => "resync",
        }
    }
}

/// A key to reconcile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkItem {
    pub(crate) key: WorkKey,
    pub(crate) priority: Priority,
    /// How long the key waited at this priority.
    pub(crate) waited: Duration,
}

/// What a worker does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Work(WorkItem),
    /// Wait, at most until this time.
    Until(Instant),
    /// Wait for a key.
    Nothing,
    Closed,
}

/// Where a key waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    priority: Priority,
    ticket: u64,
}

/// A run in progress.
struct Run {
    since: Instant,
    /// If the key was added again meanwhile, at this priority and time, it runs once more.
    again: Option<(Priority, Instant)>,
}

/// The state of the queue.
///
/// At most `workers` runs are in progress that are not slow. A slow run makes room for another run,
/// but one namespace never has more than `workers` runs. So what is slow in one namespace does not
/// delay another namespace for longer than [`SLOW`], and a single namespace can use all workers.
pub(super) struct Schedule {
    workers: usize,
    lanes: [Lanes; Priority::ALL.len()],
    /// How often in a row each priority was passed over while it had waiting keys.
    passed_over: [u32; Priority::ALL.len()],
    places: HashMap<WorkKey, Place>,
    running: HashMap<WorkKey, Run>,
    /// Keys that are added at a later time.
    due: Agenda<Instant>,
    tickets: u64,
    closed: bool,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            workers: usize::MAX,
            lanes: <[Lanes; Priority::ALL.len()]>::default(),
            passed_over: <[u32; Priority::ALL.len()]>::default(),
            places: HashMap::new(),
            running: HashMap::new(),
            due: Agenda::default(),
            tickets: 0,
            closed: false,
        }
    }
}

impl Schedule {
    /// Sets the number of workers. Without it, there is no limit.
    pub(super) fn set_workers(&mut self, workers: usize) {
        self.workers = workers;
    }

    /// Adds a key. A key that waits at a lower priority moves up.
    pub(super) fn add(&mut self, key: WorkKey, priority: Priority, now: Instant) {
        if let Some(run) = self.running.get_mut(&key) {
            if run.again.is_none_or(|(before, _)| priority < before) {
                run.again = Some((priority, now));
            }
            return;
        }
        let before = self.places.get(&key).copied();
        if before.is_some_and(|before| before.priority <= priority) {
            return;
        }
        self.tickets += 1;
        self.lanes[priority as usize].push(&key, self.tickets, now);
        if let Some(Place { priority, ticket }) = before {
            self.lanes[priority as usize].remove(&key, ticket);
        }
        self.places.insert(key, Place { priority, ticket: self.tickets });
    }

    /// Adds a key at a future time, unless it waits already or is due earlier.
    pub(super) fn add_at(&mut self, key: WorkKey, at: Instant) {
        let is_due_earlier = self.due.get(&key).is_some_and(|due| due <= at);
        let runs_again = self.running.get(&key).is_some_and(|run| run.again.is_some());
        if !is_due_earlier && !runs_again && !self.places.contains_key(&key) {
            self.due.insert(key, at);
        }
    }

    /// What to do now. A returned key counts as running until [`done`](Self::done).
    pub(super) fn next(&mut self, now: Instant) -> Next {
        if self.closed {
            return Next::Closed;
        }
        self.promote(now);
        if let Some(at) = self.full_until(now) {
            return Next::Until(at);
        }
        let Some((priority, key, since)) = self.take() else {
            // A key of a full namespace waits for the end of a run, whose worker asks again.
            return self.due.first().map_or(Next::Nothing, Next::Until);
        };
        self.count_passed_over(priority);
        self.places.remove(&key);
        self.places.shrink_if_sparse();
        // This run replaces a retry that is planned for later.
        self.cancel(&key);
        self.running.insert(key.clone(), Run { since: now, again: None });
        let waited = now.saturating_duration_since(since);
        Next::Work(WorkItem { key, priority, waited })
    }

    /// Ends a run. Returns whether the key waits again because it was added during the run.
    pub(super) fn done(&mut self, key: &WorkKey) -> bool {
        let again = self.running.remove(key).and_then(|run| run.again);
        if let Some((priority, since)) = again {
            self.add(key.clone(), priority, since);
        }
        again.is_some()
    }

    /// Removes the planned time of a key.
    pub(super) fn cancel(&mut self, key: &WorkKey) {
        self.due.remove(key);
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// The number of waiting keys of each priority.
    pub(super) fn depths(&self) -> [usize; Priority::ALL.len()] {
        std::array::from_fn(|index| self.lanes[index].waiting())
    }

    /// The number of runs in progress.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Moves due keys into their lanes.
    fn promote(&mut self, now: Instant) {
        while let Some((at, key)) = self.due.pop_until(now) {
            // A retry never goes before a change: failing resources must not delay healthy ones.
            self.add(key, Priority::Sweep, at);
        }
    }

    /// If keys wait and all workers have runs that are not slow: when the first of these runs is
    /// slow.
    fn full_until(&self, now: Instant) -> Option<Instant> {
        if self.running.len() < self.workers || self.depths() == [0; Priority::ALL.len()] {
            return None;
        }
        let slow_at =
            || self.running.values().map(|run| run.since + SLOW).filter(move |at| *at > now);
        if slow_at().count() < self.workers { None } else { slow_at().min() }
    }

    /// Takes the next key of a namespace that is not full.
    fn take(&mut self) -> Option<(Priority, WorkKey, Instant)> {
        let full = self.full_namespaces();
        let first = self.next_priority()?;
        let others = Priority::ALL.into_iter().filter(|priority| *priority != first);
        std::iter::once(first).chain(others).find_map(|priority| {
            let is_full = |namespace: &Arc<str>| full.contains(namespace);
            let (key, since) = self.lanes[priority as usize].pop(is_full)?;
            Some((priority, key, since))
        })
    }

    /// The namespaces that have as many runs as there are workers: few, because there are at most
    /// twice as many runs.
    fn full_namespaces(&self) -> Vec<Arc<str>> {
        if self.running.len() < self.workers {
            return Vec::new();
        }
        let mut counts: HashMap<&Arc<str>, usize> = HashMap::new();
        for key in self.running.keys() {
            *counts.entry(&key.key.namespace).or_default() += 1;
        }
        let full = counts.into_iter().filter(|(_, runs)| *runs >= self.workers);
        full.map(|(namespace, _)| Arc::clone(namespace)).collect()
    }

    /// The highest priority with waiting keys, unless a lower one was passed over for too long.
    fn next_priority(&self) -> Option<Priority> {
        let is_waiting = |priority: &Priority| self.lanes[*priority as usize].waiting() > 0;
        let is_overdue = |priority: &Priority| self.passed_over[*priority as usize] + 1 >= SHARE;
        let waiting = || Priority::ALL.into_iter().filter(is_waiting);
        waiting().find(is_overdue).or_else(|| waiting().next())
    }

    fn count_passed_over(&mut self, taken: Priority) {
        for (priority, passed_over) in Priority::ALL.into_iter().zip(&mut self.passed_over) {
            let waits = self.lanes[priority as usize].waiting() > 0;
            *passed_over = if waits && priority != taken { *passed_over + 1 } else { 0 };
        }
    }

    /// The number of keys that wait, run or are due.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.places.len() + self.running.len() + self.due.len()
    }

    /// The allocated capacity, for tests of memory that is kept.
    #[cfg(test)]
    fn capacity(&self) -> usize {
        let lanes: usize = self.lanes.iter().map(Lanes::capacity).sum();
        lanes + self.places.capacity() + self.due.capacity() + self.running.capacity()
    }
}

#[cfg(test)]
mod tests;
