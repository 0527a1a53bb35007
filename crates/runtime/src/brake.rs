//! How many resources may be deleted because they had their time: so many a minute, the rest one after the other, in the order in
//! which they asked. One wrong setting must not wipe a cluster before somebody sees what happens.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::queue::{WorkKey, fit};

/// The time that deletions are counted in; nobody is asked to wait longer without asking again.
const WINDOW: Duration = Duration::from_mins(1);

/// Counts deletions, and holds them back.
#[derive(Debug)]
pub(crate) struct Brake {
    /// In one window.
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When there was one, within the last window.
    recent: VecDeque<Instant>,
    /// Who is held back, in the order in which they asked.
    held: BTreeMap<u64, WorkKey>,
    turns: HashMap<WorkKey, u64>,
    next: u64,
    /// When somebody was last told that some are held back.
    told: Option<Instant>,
}

/// Not now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// When to ask again.
    pub(crate) wait: Duration,
    /// How many are held back, where that was not told in the last window.
    pub(crate) tell: Option<usize>,
}

impl State {
    fn let_go(&mut self, who: &WorkKey) {
        if let Some(turn) = self.turns.remove(who) {
            self.held.remove(&turn);
            fit(self.turns.len(), self.turns.capacity(), |room| self.turns.shrink_to(room));
        }
    }
}

impl Brake {
    /// At most so many in a minute.
    pub(crate) fn new(most: u32) -> Self {
        Self { most: usize::try_from(most).unwrap_or(usize::MAX), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this one may be deleted now; if so, that counts.
    pub(crate) fn allows(&self, who: &WorkKey) -> Result<(), Held> {
        let (now, mut state) = (Instant::now(), self.state());
        while state.recent.front().is_some_and(|at| now.duration_since(*at) >= WINDOW) {
            state.recent.pop_front();
        }
        let turn = state.turns.get(who).copied().unwrap_or(state.next);
        let free = self.most.saturating_sub(state.recent.len());
        // Those who are so far back that even a whole window does not reach them need not be counted.
        let before = state.held.range(..turn).take(self.most).count();
        if before < free {
            state.let_go(who);
            state.recent.push_back(now);
            return Ok(());
        }
        if turn == state.next {
            state.next += 1;
            state.held.insert(turn, who.clone());
            state.turns.insert(who.clone(), turn);
        }
        // Its turn comes when as many of the last ones no longer count as there are before it.
        let until = state.recent.get(before - free).map(|at| (*at + WINDOW).duration_since(now));
        let is_news = state.told.is_none_or(|at| now.duration_since(at) >= WINDOW);
        if is_news {
            state.told = Some(now);
        }
        Err(Held { wait: until.unwrap_or(WINDOW), tell: is_news.then_some(state.held.len()) })
    }

    /// The last one that was allowed came to nothing: it does not count.
    pub(crate) fn came_to_nothing(&self) {
        self.state().recent.pop_back();
    }

    /// This one is not to be deleted any more, or is gone.
    pub(crate) fn forget(&self, who: &WorkKey) {
        self.state().let_go(who);
    }

    /// How many are held back.
    pub(crate) fn held(&self) -> usize {
        self.state().held.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use kubewright_core::ObjectKey;

    use super::*;

    fn key(number: usize) -> WorkKey {
        WorkKey { controller: 0, key: ObjectKey::new("n", number.to_string()) }
    }

    /// All of these ask, and again as soon as they are told to, until `seconds` have passed; gives who was allowed, and when.
    async fn run(brake: &Brake, numbers: impl Iterator<Item = usize>, seconds: u64) -> Vec<(u64, usize)> {
        let start = Instant::now();
        let mut asks: BTreeSet<(Duration, usize)> = numbers.map(|number| (Duration::ZERO, number)).collect();
        let mut allowed = Vec::new();
        while let Some((at, number)) = asks.pop_first() {
            if at > Duration::from_secs(seconds) {
                break;
            }
            tokio::time::sleep_until(start + at).await;
            match brake.allows(&key(number)) {
                Ok(()) => allowed.push((start.elapsed().as_secs(), number)),
                Err(held) => {
                    asks.insert((start.elapsed() + held.wait.max(Duration::from_millis(1)), number));
                }
            }
        }
        allowed
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_go_in_a_minute_and_the_rest_in_the_order_in_which_they_asked() {
        let brake = Brake::new(3);
        let allowed = run(&brake, 0..10, 200).await;
        let expected: Vec<(u64, usize)> = (0..10).map(|number| (60 * (number as u64 / 3), number)).collect();
        assert_eq!(allowed, expected);
        assert_eq!(brake.held(), 0);
        assert!(brake.state().turns.capacity() < 64);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_kept_after_all_makes_room_for_the_next() {
        let brake = Brake::new(1);
        assert_eq!(brake.allows(&key(0)), Ok(()));
        for number in 1..=3 {
            assert!(brake.allows(&key(number)).is_err());
        }
        brake.forget(&key(1));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(brake.allows(&key(3)).is_err(), "it is not its turn");
        assert_eq!(brake.allows(&key(2)), Ok(()));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(brake.allows(&key(3)), Ok(()));
        brake.came_to_nothing();
        assert_eq!(brake.allows(&key(4)), Ok(()), "that one did not count");
    }

    #[tokio::test(start_paused = true)]
    async fn that_some_are_held_back_is_told_once_a_minute() {
        let brake = Brake::new(0);
        let tell = |number| brake.allows(&key(number)).unwrap_err().tell;
        assert_eq!((tell(0), tell(1), tell(0)), (Some(1), None, None));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!((tell(1), tell(0)), (Some(2), None));
        assert_eq!(brake.allows(&key(0)).unwrap_err().wait, WINDOW);
    }
}
