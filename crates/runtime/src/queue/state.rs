//! What the queue knows, and what follows from it. No waiting and no clock: the time is told.

use std::collections::{BTreeSet, HashMap};

use tokio::time::Instant;

use super::lanes::Lanes;
use super::{Given, Priority, WorkKey, fit};

/// One of so many keys that are given out comes from each lower priority, where something waits.
const SHARE: u32 = 8;

/// Where a key waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    priority: Priority,
    ticket: u64,
}

/// What there is to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Work on this.
    Work(Given),
    /// Nothing, until then at least.
    Until(Instant),
    /// Nothing.
    Nothing,
    /// Nothing ever again.
    Closed,
}

/// Everything that the queue knows.
#[derive(Debug, Default)]
pub(super) struct State {
    lanes: [Lanes; Priority::ALL.len()],
    /// How often in a row each priority had something and others went first.
    passed: [u32; Priority::ALL.len()],
    places: HashMap<WorkKey, Place>,
    /// What is worked on; what was added meanwhile, and when.
    running: HashMap<WorkKey, Option<(Priority, Instant)>>,
    due: BTreeSet<(Instant, WorkKey)>,
    due_of: HashMap<WorkKey, Instant>,
    tickets: u64,
    closed: bool,
}

/// Whether a ticket is the last one that its key got.
fn counts(places: &HashMap<WorkKey, Place>) -> impl Fn(&WorkKey, u64) -> bool {
    |key, ticket| places.get(key).is_some_and(|place| place.ticket == ticket)
}

impl State {
    /// Adds a key; one that waits at a lower priority moves up.
    pub(super) fn add(&mut self, key: WorkKey, priority: Priority, now: Instant) {
        if let Some(again) = self.running.get_mut(&key) {
            if again.is_none_or(|(before, _)| priority < before) {
                *again = Some((priority, now));
            }
            return;
        }
        let before = self.places.get(&key).map(|place| place.priority);
        if before.is_some_and(|before| before <= priority) {
            return;
        }
        self.tickets += 1;
        self.lanes[priority as usize].push(&key, self.tickets, now);
        let place = Place { priority, ticket: self.tickets };
        match before {
            Some(before) => {
                if let Some(old) = self.places.get_mut(&key) {
                    *old = place;
                }
                self.lanes[before as usize].leave(&key, counts(&self.places));
            }
            None => drop(self.places.insert(key, place)),
        }
    }

    /// Adds a key at a time to come, unless it is there or due earlier.
    pub(super) fn add_at(&mut self, key: WorkKey, at: Instant) {
        let earlier = self.due_of.get(&key).is_some_and(|due| *due <= at);
        if earlier
            || self.places.contains_key(&key)
            || self.running.get(&key).is_some_and(Option::is_some)
        {
            return;
        }
        self.cancel(&key);
        self.due_of.insert(key.clone(), at);
        self.due.insert((at, key));
    }

    /// What to do now. A key that is given out is running until [`done`](Self::done).
    pub(super) fn next(&mut self, now: Instant) -> Next {
        if self.closed {
            return Next::Closed;
        }
        self.promote(now);
        let Some(priority) = self.turn() else {
            return self.due.first().map_or(Next::Nothing, |(at, _)| Next::Until(*at));
        };
        let Some((key, ticket)) = self.lanes[priority as usize].pop(counts(&self.places)) else {
            return Next::Nothing;
        };
        self.pass(priority);
        self.places.remove(&key);
        fit(self.places.len(), self.places.capacity(), |room| self.places.shrink_to(room));
        // A try that was planned for later is this one.
        self.cancel(&key);
        self.running.insert(key.clone(), None);
        Next::Work(Given { key, priority, lag: now.saturating_duration_since(ticket.since) })
    }

    /// A run ended; gives whether the key waits again, because it was added meanwhile.
    pub(super) fn done(&mut self, key: &WorkKey) -> bool {
        let again = self.running.remove(key).flatten();
        if let Some((priority, since)) = again {
            self.add(key.clone(), priority, since);
        }
        again.is_some()
    }

    /// Forgets when a key is due.
    pub(super) fn cancel(&mut self, key: &WorkKey) {
        if let Some(at) = self.due_of.remove(key) {
            self.due.remove(&(at, key.clone()));
            fit(self.due_of.len(), self.due_of.capacity(), |room| self.due_of.shrink_to(room));
        }
    }

    /// Nothing more is given out.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// How many keys wait, by priority.
    pub(super) fn depths(&self) -> [usize; Priority::ALL.len()] {
        std::array::from_fn(|index| self.lanes[index].waiting())
    }

    /// How many keys are worked on.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Moves what is due to where it waits.
    fn promote(&mut self, now: Instant) {
        while let Some((at, key)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.cancel(&key);
            // A retry never goes before a change: many failing resources must not hold up the
            // healthy ones.
            self.add(key, Priority::Sweep, at);
        }
    }

    /// Which priority goes next: the highest that has something, unless a lower one was passed over
    /// for too long.
    fn turn(&self) -> Option<Priority> {
        let waiting = || {
            Priority::ALL
                .into_iter()
                .filter(|priority| self.lanes[*priority as usize].waiting() > 0)
        };
        let is_overdue = |priority: &Priority| self.passed[*priority as usize] + 1 >= SHARE;
        waiting().find(is_overdue).or_else(|| waiting().next())
    }

    /// One of this priority went; those below that have something were passed over.
    fn pass(&mut self, went: Priority) {
        for (priority, passed) in Priority::ALL.into_iter().zip(&mut self.passed) {
            let waits = self.lanes[priority as usize].waiting() > 0;
            *passed = if waits && priority != went { *passed + 1 } else { 0 };
        }
    }

    /// How much room is held, for tests that look for memory that is kept.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        let lanes: usize = self.lanes.iter().map(Lanes::room).sum();
        lanes + self.places.capacity() + self.due_of.capacity() + self.running.capacity()
    }
}
