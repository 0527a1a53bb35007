//! Limits how many resources something is done to per minute. The others wait: one wrong setting
//! must not harm everything before a person can react.
//!
//! Namespaces take turns, so that one with many waiting resources does not delay another. Within a
//! namespace, the first that asks is the first that gets a slot.
//!
//! A process does not know what the process before it did. So it starts without saved slots, and a
//! crash loop never multiplies the rate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::agenda::Agenda;
use crate::key::WorkKey;
use crate::memory::lock;

/// The longest wait before the next question.
const WINDOW: Duration = Duration::from_mins(1);
/// How many resources before a waiting one are counted; more take longer than anybody waits.
const MAX_AHEAD: usize = 500;

/// How much a limiter allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// The maximum per minute, evenly spread; zero for none.
    pub(crate) per_minute: u32,
    /// How many slots an idle limiter saves, at least 1.
    pub(crate) burst: u32,
}

/// Gives each resource a slot, and makes the surplus wait.
pub(crate) struct RateLimiter {
    rate: Rate,
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
    /// The round of the last slot.
    round: u64,
    /// The number of turns so far.
    turns: u64,
    /// When the number of waiting resources was last reported, and that number.
    reported: Option<(Instant, usize)>,
}

/// A resource must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// When to ask again.
    pub(crate) duration: Duration,
    /// How many resources have their turn before this one, counted up to 500.
    pub(crate) ahead: usize,
    /// How many resources wait, if it is time to report that: once per minute, and when the number
    /// has doubled.
    pub(crate) report: Option<usize>,
}

impl RateLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        let state = State {
            next: Instant::now() + rate.interval(),
            waiting: Agenda::default(),
            namespaces: HashMap::new(),
            round: 0,
            turns: 0,
            reported: None,
        };
        Self { rate, state: Mutex::new(state) }
    }

    /// A limiter that was idle.
    #[cfg(test)]
    pub(crate) fn running(rate: Rate) -> Self {
        let limiter = Self::new(rate);
        lock(&limiter.state).next = Instant::now() - rate.saved();
        limiter
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// Takes a slot for this resource if there is one now.
    ///
    /// # Errors
    /// How long to wait, if there is none.
    pub(crate) fn acquire(&self, key: &WorkKey) -> Result<(), Wait> {
        self.ask(key, true)
    }

    /// Gives this resource its turn without a slot, because something else must happen first.
    pub(crate) fn wait(&self, key: &WorkKey) -> Option<Wait> {
        self.ask(key, false).err()
    }

    fn ask(&self, key: &WorkKey, is_free: bool) -> Result<(), Wait> {
        let (now, mut state) = (Instant::now(), lock(&self.state));
        if let Some(earliest) = now.checked_sub(self.rate.saved()) {
            state.next = state.next.max(earliest);
        }
        let turn = state.turn(key);
        let ahead = state.waiting.count_before(turn, MAX_AHEAD);
        let slot = state.next + self.rate.interval() * u32::try_from(ahead).unwrap_or(u32::MAX);
        let is_limited = self.rate.per_minute > 0;
        if is_free && is_limited && slot <= now {
            state.next += self.rate.interval();
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
        let until_slot = if is_limited { slot.duration_since(now) } else { WINDOW };
        // A slot that cannot be taken yet does not come with time.
        let shortest = if is_free { Duration::ZERO } else { self.rate.interval() };
        Err(Wait {
            duration: until_slot.max(shortest).min(WINDOW),
            ahead,
            report: is_due.then_some(waiting),
        })
    }

    /// Gives a slot back that was not used.
    pub(crate) fn release(&self) {
        lock(&self.state).next -= self.rate.interval();
    }

    /// Removes a resource that no longer waits.
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

impl Rate {
    /// The time between two slots.
    fn interval(self) -> Duration {
        WINDOW.checked_div(self.per_minute).unwrap_or(WINDOW)
    }

    /// How far in the past the next slot of an idle limiter can be.
    fn saved(self) -> Duration {
        self.interval() * (self.burst.min(self.per_minute).saturating_sub(1))
    }
}

#[cfg(test)]
mod tests;
