//! Who is to be woken when: the moments that builds asked about and that had not come.
//!
//! They are of the wall clock, which may be set: no sleep is longer than a minute, and then the
//! clock is looked at again. Nothing is built for that. Who is woken too early only asks again.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubewright_core::Timestamp;
use tokio::sync::Notify;

use crate::queue::{WorkKey, fit};

/// The longest sleep without a look at the clock.
const LOOK: Duration = Duration::from_mins(1);
/// The shortest: a timer may end a moment before the clock says so.
const MOMENT: Duration = Duration::from_millis(1);

type Clock = fn() -> Timestamp;

/// The moments that are waited for, the earliest first.
pub(crate) struct Deadlines {
    state: Mutex<State>,
    /// The earliest is another one.
    wake: Notify,
    clock: Clock,
}

#[derive(Debug, Default)]
struct State {
    due: BTreeSet<(Timestamp, WorkKey)>,
    of: HashMap<WorkKey, Timestamp>,
}

impl fmt::Debug for Deadlines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadlines").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::by(Timestamp::now)
    }
}

impl State {
    fn remove(&mut self, who: &WorkKey) {
        if let Some(at) = self.of.remove(who) {
            self.due.remove(&(at, who.clone()));
            fit(self.of.len(), self.of.capacity(), |room| self.of.shrink_to(room));
        }
    }

    fn earliest(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }
}

impl Deadlines {
    /// By this clock.
    pub(crate) fn by(clock: Clock) -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), clock }
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who asked in its last build, and what the earliest moment is that had not come; `None` for
    /// nothing to wait for.
    pub(crate) fn record(&self, who: &WorkKey, next: Option<Timestamp>) {
        let mut state = self.state();
        if state.of.get(who).copied() == next {
            return;
        }
        let before = state.earliest();
        state.remove(who);
        if let Some(at) = next {
            state.of.insert(who.clone(), at);
            state.due.insert((at, who.clone()));
        }
        // Later than what is slept for does no harm.
        let is_earlier = state.earliest().is_some_and(|at| before.is_none_or(|before| at < before));
        drop(state);
        if is_earlier {
            self.wake.notify_one();
        }
    }

    /// Those whose moment has come, once there are any; each is given once.
    pub(crate) async fn next(&self) -> Vec<WorkKey> {
        loop {
            // Who sleeps is known before the look: an earlier moment that comes afterwards wakes.
            let mut woken = std::pin::pin!(self.wake.notified());
            woken.as_mut().enable();
            let (due, sleep) = self.due();
            if !due.is_empty() {
                return due;
            }
            match sleep {
                Some(sleep) => drop(tokio::time::timeout(sleep, woken).await),
                None => woken.await,
            }
        }
    }

    /// Those whose moment has come, and how long to sleep for the next.
    fn due(&self) -> (Vec<WorkKey>, Option<Duration>) {
        let now = self.now();
        let (mut state, mut due) = (self.state(), Vec::new());
        while let Some((_, who)) = state.due.first().filter(|(at, _)| *at <= now).cloned() {
            state.remove(&who);
            due.push(who);
        }
        let until = |at: Timestamp| {
            Duration::try_from(at.duration_since(now)).unwrap_or_default().clamp(MOMENT, LOOK)
        };
        (due, state.earliest().map(until))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::Cell;

    use kubewright_core::ObjectKey;
    use tokio::time::Instant;

    use super::*;

    thread_local! {
        /// When tokio's clock began, and what the wall clock said then.
        static WALL: Cell<Option<(Instant, Timestamp)>> = const { Cell::new(None) };
    }

    fn wall() -> Timestamp {
        let now = Instant::now();
        let (start, at) = WALL.get().unwrap_or((now, Timestamp::UNIX_EPOCH));
        WALL.set(Some((start, at)));
        at + now.duration_since(start)
    }

    /// Somebody sets the wall clock.
    fn forward(seconds: u64) {
        WALL.set(Some((Instant::now(), wall() + Duration::from_secs(seconds))));
    }

    fn back(seconds: u64) {
        WALL.set(Some((Instant::now(), wall() - Duration::from_secs(seconds))));
    }

    fn key(number: usize) -> WorkKey {
        WorkKey { controller: 0, key: ObjectKey::new("n", number.to_string()) }
    }

    fn wait(deadlines: &Deadlines, number: usize, millis: u64) {
        deadlines.record(&key(number), Some(wall() + Duration::from_millis(millis)));
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_woken_at_its_own_moment_once() {
        let deadlines = Deadlines::by(wall);
        let start = Instant::now();
        for (number, millis) in [90_500, 12, 4_000].into_iter().enumerate() {
            wait(&deadlines, number, millis);
        }
        for (number, millis) in [(1, 12), (2, 4_000), (0, 90_500)] {
            assert_eq!(deadlines.next().await, [key(number)]);
            let late = start.elapsed().checked_sub(Duration::from_millis(millis)).unwrap();
            assert!(late < Duration::from_millis(10), "{late:?} after {millis} ms");
        }
        let more = tokio::time::timeout(Duration::from_hours(1), deadlines.next()).await;
        assert!(more.is_err(), "nobody asked for more: {more:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_build_counts() {
        let deadlines = Deadlines::by(wall);
        wait(&deadlines, 1, 1_000);
        wait(&deadlines, 2, 2_000);
        wait(&deadlines, 1, 3_000);
        deadlines.record(&key(2), None);
        let start = Instant::now();
        assert_eq!(deadlines.next().await, [key(1)]);
        assert_eq!(start.elapsed().as_secs(), 3);
        assert!(deadlines.state().of.is_empty() && deadlines.state().due.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_earlier_moment_wakes_who_sleeps_for_a_later_one() {
        let deadlines = std::sync::Arc::new(Deadlines::by(wall));
        wait(&deadlines, 1, 50_000);
        let start = Instant::now();
        let sleeper = tokio::task::LocalSet::new();
        let asleep = std::sync::Arc::clone(&deadlines);
        let woken = sleeper.spawn_local(async move { asleep.next().await });
        sleeper
            .run_until(async {
                tokio::task::yield_now().await;
                wait(&deadlines, 2, 5_000);
                assert_eq!(woken.await.unwrap(), [key(2)]);
            })
            .await;
        assert_eq!(start.elapsed().as_secs(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_forward_is_seen_within_a_minute() {
        let deadlines = Deadlines::by(wall);
        wait(&deadlines, 1, 10 * 3_600_000);
        let start = Instant::now();
        let woken = async {
            let mut next = std::pin::pin!(deadlines.next());
            assert!(tokio::time::timeout(Duration::from_secs(90), &mut next).await.is_err());
            forward(11 * 3600);
            next.await
        };
        assert_eq!(woken.await, [key(1)]);
        assert!(start.elapsed() <= Duration::from_secs(90 + 60), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_wakes_nobody_early() {
        let deadlines = Deadlines::by(wall);
        wait(&deadlines, 1, 30_000);
        back(3600);
        let start = Instant::now();
        assert_eq!(deadlines.next().await, [key(1)]);
        assert_eq!(start.elapsed().as_secs(), 3630);
    }

    #[tokio::test(start_paused = true)]
    async fn many_are_cheap_and_leave_no_memory_behind() {
        let deadlines = Deadlines::by(wall);
        let started = std::time::Instant::now();
        for number in 0..100_000 {
            wait(&deadlines, number, 1_000 + (number as u64 * 7_919) % 60_000);
        }
        let mut woken = 0;
        while woken < 100_000 {
            woken += deadlines.next().await.len();
        }
        // Some 0.1 s when it is built for speed; what is compared here is another order of
        // magnitude.
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert!(
            deadlines.state().of.capacity() < 200,
            "room for {} is kept",
            deadlines.state().of.capacity()
        );
    }
}
