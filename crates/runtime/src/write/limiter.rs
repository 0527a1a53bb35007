//! Limits how many expired resources are deleted per minute. The others wait: one wrong setting
//! must not delete everything before a person can react.
//!
//! Namespaces take turns, so that one with many expired resources does not delay another. Within a
//! namespace, the first that asks is the first that is deleted.
//!
//! A process does not know what the process before it deleted. So it starts without saved slots,
//! and a crash loop never multiplies the rate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::agenda::Agenda;
use crate::key::WorkKey;
use crate::memory::lock;

/// The longest wait before the next question.
const WINDOW: Duration = Duration::from_mins(1);
/// How many deletions an idle limiter saves.
const BURST: u32 = 5;

/// Gives each deletion a slot, and makes the surplus wait.
pub(crate) struct DeletionLimiter {
    /// The maximum per minute.
    max: u32,
    state: Mutex<State>,
}

/// The round in which a resource has its turn, and its place in this round. A namespace has one
/// turn in each round.
type Turn = (u64, u64);

struct State {
    /// The next slot. Slots are `interval` apart.
    next: Instant,
    waiting: Agenda<Turn>,
    /// The number of waiting resources of a namespace, and the round of the last one.
    namespaces: HashMap<Arc<str>, (usize, u64)>,
    /// The round of the last deletion.
    round: u64,
    /// The number of turns so far.
    turns: u64,
    /// When the number of waiting resources was last reported, and that number.
    reported: Option<(Instant, usize)>,
}

/// A deletion that must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// When to ask again.
    pub(crate) duration: Duration,
    /// How many resources wait, if it is time to report that: once per minute, and when the number
    /// has doubled.
    pub(crate) report: Option<usize>,
}

impl DeletionLimiter {
    /// Allows `max` deletions per minute.
    pub(crate) fn new(max: u32) -> Self {
        let next = Instant::now() + interval(max);
        let state = State {
            next,
            waiting: Agenda::default(),
            namespaces: HashMap::new(),
            round: 0,
            turns: 0,
            reported: None,
        };
        Self { max, state: Mutex::new(state) }
    }

    /// A limiter that was idle.
    #[cfg(test)]
    pub(crate) fn running(max: u32) -> Self {
        let limiter = Self::new(max);
        lock(&limiter.state).next = Instant::now() - saved(max);
        limiter
    }

    /// Takes a slot for this resource if there is one now.
    pub(crate) fn acquire(&self, key: &WorkKey) -> Result<(), Wait> {
        let (now, mut state) = (Instant::now(), lock(&self.state));
        if let Some(earliest) = now.checked_sub(saved(self.max)) {
            state.next = state.next.max(earliest);
        }
        let turn = state.turn(key);
        // Slots after one minute need not be counted.
        let ahead = state.waiting.count_before(turn, usize::try_from(self.max).unwrap_or(0));
        let slot = state.next + interval(self.max) * u32::try_from(ahead).unwrap_or(u32::MAX);
        if self.max > 0 && slot <= now {
            state.next += interval(self.max);
            state.round = state.round.max(turn.0);
            state.forget(key);
            return Ok(());
        }
        let waiting = state.waiting.len();
        let is_due = state
            .reported
            .is_none_or(|(at, before)| now.duration_since(at) >= WINDOW || waiting >= 2 * before);
        if is_due {
            state.reported = Some((now, waiting));
        }
        let duration = if self.max > 0 { slot.duration_since(now).min(WINDOW) } else { WINDOW };
        Err(Wait { duration, report: is_due.then_some(waiting) })
    }

    /// Gives a slot back, because the deletion did not happen.
    pub(crate) fn release(&self) {
        lock(&self.state).next -= interval(self.max);
    }

    /// Removes a resource that is gone or no longer expired.
    pub(crate) fn forget(&self, key: &WorkKey) {
        lock(&self.state).forget(key);
    }

    /// The number of waiting resources.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.state).waiting.len()
    }
}

impl State {
    /// The turn of a resource, which waits from now on.
    fn turn(&mut self, key: &WorkKey) -> Turn {
        if let Some(turn) = self.waiting.get(key) {
            return turn;
        }
        let namespace = Arc::clone(&key.key.namespace);
        let (waiting, last) = self.namespaces.entry(namespace).or_insert((0, self.round));
        *waiting += 1;
        *last += 1;
        let turn = (*last, self.turns);
        self.turns += 1;
        self.waiting.insert(key.clone(), turn);
        turn
    }

    fn forget(&mut self, key: &WorkKey) {
        if self.waiting.get(key).is_none() {
            return;
        }
        self.waiting.remove(key);
        if let Some((waiting, _)) = self.namespaces.get_mut(&key.key.namespace) {
            *waiting -= 1;
            if *waiting == 0 {
                self.namespaces.remove(&key.key.namespace);
            }
        }
    }
}

/// The time between two slots.
fn interval(max: u32) -> Duration {
    WINDOW.checked_div(max).unwrap_or(WINDOW)
}

/// How far in the past the next slot of an idle limiter can be.
fn saved(max: u32) -> Duration {
    interval(max) * (BURST.min(max).saturating_sub(1))
}

#[cfg(test)]
mod tests;
