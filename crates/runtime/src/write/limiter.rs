//! Limits how many expired resources are deleted per minute. The others wait, first come, first
//! served: one wrong setting must not delete everything before a person can react.
//!
//! A process does not know what the process before it deleted. During its first minute it therefore
//! spreads the allowed number over that minute, so that a crash loop never multiplies the rate.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::agenda::Agenda;
use crate::key::WorkKey;
use crate::memory::lock;

/// The period in which deletions are counted, and the longest wait before the next question.
const WINDOW: Duration = Duration::from_mins(1);

/// Counts deletions, and makes the surplus wait.
pub(crate) struct DeletionLimiter {
    /// The maximum in one window.
    max: u32,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The deletions of the last window.
    recent: VecDeque<Instant>,
    /// The resources that wait, in the order of their first question.
    waiting: Agenda<u64>,
    next_turn: u64,
    /// When the number of waiting resources was last reported, and that number.
    reported: Option<(Instant, usize)>,
}

/// A deletion that must wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// When to ask again.
    pub(crate) duration: Duration,
    /// How many resources wait, if it is time to report that: once per window, and when the number
    /// has doubled.
    pub(crate) report: Option<usize>,
}

impl DeletionLimiter {
    /// Allows `max` deletions per minute.
    pub(crate) fn new(max: u32) -> Self {
        Self { max, started: Instant::now(), state: Mutex::default() }
    }

    /// A limiter whose first window is over.
    #[cfg(test)]
    pub(crate) fn running(max: u32) -> Self {
        Self { started: Instant::now() - WINDOW, ..Self::new(max) }
    }

    /// The number of deletions allowed by now. It grows during the first window.
    fn allowance(&self, now: Instant) -> usize {
        let passed = now.duration_since(self.started).min(WINDOW);
        usize::try_from(u128::from(self.max) * passed.as_nanos() / WINDOW.as_nanos())
            .unwrap_or(usize::MAX)
    }

    /// When the first window allows `number` deletions; `None` if no window does.
    fn allows_at(&self, number: usize) -> Option<Instant> {
        let number = u32::try_from(number).ok().filter(|number| *number <= self.max)?;
        let nanos = (WINDOW.as_nanos() * u128::from(number)).div_ceil(u128::from(self.max));
        Some(self.started + Duration::from_nanos(u64::try_from(nanos).ok()?))
    }

    /// Counts a deletion of this resource if it is allowed now.
    pub(crate) fn acquire(&self, key: &WorkKey) -> Result<(), Wait> {
        let (now, mut state) = (Instant::now(), lock(&self.state));
        while state.recent.front().is_some_and(|at| now.duration_since(*at) >= WINDOW) {
            state.recent.pop_front();
        }
        let turn = state.waiting.get(key).unwrap_or(state.next_turn);
        let max = usize::try_from(self.max).unwrap_or(usize::MAX);
        // More than one window need not be counted.
        let ahead = state.waiting.count_before(turn, max);
        let needed = state.recent.len() + ahead + 1;
        if needed <= self.allowance(now) {
            state.waiting.remove(key);
            state.recent.push_back(now);
            return Ok(());
        }
        if turn == state.next_turn {
            state.next_turn += 1;
            state.waiting.insert(key.clone(), turn);
        }
        // The turn comes when the first window allows it, or enough deletions leave the window.
        let leaves = || Some(*state.recent.get(needed.checked_sub(max + 1)?)? + WINDOW);
        let turn_at = self.allows_at(needed).or_else(leaves);
        let duration = turn_at.map_or(WINDOW, |at| at.duration_since(now).min(WINDOW));
        let waiting = state.waiting.len();
        let is_due = state
            .reported
            .is_none_or(|(at, before)| now.duration_since(at) >= WINDOW || waiting >= 2 * before);
        if is_due {
            state.reported = Some((now, waiting));
        }
        Err(Wait { duration, report: is_due.then_some(waiting) })
    }

    /// Gives the last deletion back, because it did not happen.
    pub(crate) fn release(&self) {
        lock(&self.state).recent.pop_back();
    }

    /// Removes a resource that is gone or no longer expired.
    pub(crate) fn forget(&self, key: &WorkKey) {
        lock(&self.state).waiting.remove(key);
    }

    /// The number of waiting resources.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.state).waiting.len()
    }
}

#[cfg(test)]
mod tests;
