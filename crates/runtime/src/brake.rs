//! How many resources may be deleted because they had their time: so many a minute, the rest one
//! after the other, in the order in which they asked. One wrong setting must not wipe a cluster
//! before somebody sees what happens.
//!
//! Nothing is remembered of it elsewhere, so a process does not know what the one before it did. In
//! its first minute it therefore spreads what it may do over that minute: one that is started again
//! and again deletes no more than one that runs.

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
    most: u32,
    /// Since when it counts.
    since: Instant,
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
    /// When somebody was last told that some are held back, and how many.
    told: Option<(Instant, usize)>,
}

/// Not now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// When to ask again.
    pub(crate) wait: Duration,
    /// How many are held back, where in the last window that was not told, or of half as many
    /// only.
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
    /// At most so many in a minute, from now on.
    pub(crate) fn new(most: u32) -> Self {
        Self { most, since: Instant::now(), state: Mutex::default() }
    }

    /// One that has counted for longer than its window.
    #[cfg(test)]
    pub(crate) fn running(most: u32) -> Self {
        Self { since: Instant::now() - WINDOW, ..Self::new(most) }
    }

    /// How many of the last window there may be: in the first one as many as its part that has
    /// passed.
    fn allowance(&self, now: Instant) -> usize {
        let passed = now.duration_since(self.since).min(WINDOW);
        usize::try_from(u128::from(self.most) * passed.as_nanos() / WINDOW.as_nanos())
            .unwrap_or(usize::MAX)
    }

    /// When the first window allows so many; `None` where no window ever does.
    fn allows_at(&self, number: usize) -> Option<Instant> {
        let number = u32::try_from(number).ok().filter(|number| *number <= self.most)?;
        let nanos = (WINDOW.as_nanos() * u128::from(number)).div_ceil(u128::from(self.most));
        Some(self.since + Duration::from_nanos(u64::try_from(nanos).ok()?))
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
        // Those who are so far back that even a whole window does not reach them need not be
        // counted.
        let most = usize::try_from(self.most).unwrap_or(usize::MAX);
        let before = state.held.range(..turn).take(most).count();
        let wanted = state.recent.len() + before + 1;
        if wanted <= self.allowance(now) {
            state.let_go(who);
            state.recent.push_back(now);
            return Ok(());
        }
        if turn == state.next {
            state.next += 1;
            state.held.insert(turn, who.clone());
            state.turns.insert(who.clone(), turn);
        }
        // Its turn comes when so many are allowed, or when as many of the last ones no longer count
        // as are too many.
        let counts_no_more = || Some(*state.recent.get(wanted.checked_sub(most + 1)?)? + WINDOW);
        let until = self.allows_at(wanted).or_else(counts_no_more).map(|at| at.duration_since(now));
        let held = state.held.len();
        let is_news = state
            .told
            .is_none_or(|(at, before)| now.duration_since(at) >= WINDOW || held >= 2 * before);
        if is_news {
            state.told = Some((now, held));
        }
        Err(Held { wait: until.unwrap_or(WINDOW).min(WINDOW), tell: is_news.then_some(held) })
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

    /// All of these ask, and again as soon as they are told to, until `seconds` have passed; gives
    /// who was allowed, and when.
    async fn run(
        brake: &Brake,
        numbers: impl Iterator<Item = usize>,
        seconds: u64,
    ) -> Vec<(u64, usize)> {
        let start = Instant::now();
        let mut asks: BTreeSet<(Duration, usize)> =
            numbers.map(|number| (Duration::ZERO, number)).collect();
        let mut allowed = Vec::new();
        while let Some((at, number)) = asks.pop_first() {
            if at > Duration::from_secs(seconds) {
                break;
            }
            tokio::time::sleep_until(start + at).await;
            match brake.allows(&key(number)) {
                Ok(()) => allowed.push((start.elapsed().as_secs(), number)),
                Err(held) => {
                    asks.insert((
                        start.elapsed() + held.wait.max(Duration::from_millis(1)),
                        number,
                    ));
                }
            }
        }
        allowed
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_go_in_a_minute_and_the_rest_in_the_order_in_which_they_asked() {
        let brake = Brake::running(3);
        let allowed = run(&brake, 0..10, 200).await;
        let expected: Vec<(u64, usize)> =
            (0..10).map(|number| (60 * (number as u64 / 3), number)).collect();
        assert_eq!(allowed, expected);
        assert_eq!(brake.held(), 0);
        assert!(brake.state().turns.capacity() < 64);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_process_may_do_in_its_first_minute_is_spread_over_it() {
        let brake = Brake::new(3);
        let allowed = run(&brake, 0..8, 200).await;
        let expected: Vec<(u64, usize)> =
            (0..8).map(|number| (20 * (number as u64 + 1), number)).collect();
        assert_eq!(allowed, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_is_started_again_and_again_deletes_no_more_than_one_that_runs() {
        let mut allowed = 0;
        for _ in 0..60 {
            allowed += run(&Brake::new(30), 0..100, 9).await.len();
        }
        // They ran for ten minutes.
        assert_eq!(allowed, 60 * 4);
        assert_eq!(
            run(&Brake::new(u32::MAX), 0..100, 0).await.len(),
            0,
            "not even where nearly everything is allowed"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_kept_after_all_makes_room_for_the_next() {
        let brake = Brake::running(1);
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
    async fn that_some_are_held_back_is_told_once_a_minute_and_when_they_are_twice_as_many() {
        let brake = Brake::new(0);
        let tell = |number| brake.allows(&key(number)).unwrap_err().tell;
        assert_eq!((tell(0), tell(1), tell(0)), (Some(1), Some(2), None));
        assert_eq!((tell(2), tell(3), tell(4), tell(3)), (None, Some(4), None, None));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!((tell(1), tell(0)), (Some(5), None));
        assert_eq!(brake.allows(&key(0)).unwrap_err().wait, WINDOW);
    }
}
