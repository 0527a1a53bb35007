//! Waiting for a condition until a deadline, and watching that one holds; the only place where a
//! test waits.

use std::panic::Location;
use std::time::{Duration, Instant};

/// How long anything may take that takes a moment on an idle machine: tests run beside compilers,
/// and the garbage collector learns of new kinds every half a minute.
pub const SOON: Duration = Duration::from_mins(1);

/// How long garbage collection and whatever else looks around every half a minute may take.
pub const LONG: Duration = Duration::from_mins(2);

/// Time between two looks. Short: what is measured with it is a repair within a second.
const POLL: Duration = Duration::from_millis(20);

/// Looks again and again until `look` gives something, for at most `within`. `what` completes
/// "waiting until ...".
///
/// # Panics
/// At the deadline, with what was last seen: the error of the last look.
#[track_caller]
pub fn eventually<T>(
    within: Duration,
    what: impl Into<String>,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> impl Future<Output = T> {
    let (place, what) = (Location::caller(), what.into());
    async move {
        let deadline = Instant::now() + within;
        loop {
            let seen = match look().await {
                Ok(found) => return found,
                Err(seen) => seen,
            };
            assert!(
                Instant::now() < deadline,
                "{place}: waited {within:?} in vain until {what}; last seen:\n{seen}"
            );
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Looks again and again for the whole of `window`; `what` completes "all the time, ...".
///
/// # Panics
/// As soon as `look` gives an error.
#[track_caller]
pub fn throughout(
    window: Duration,
    what: impl Into<String>,
    mut look: impl AsyncFnMut() -> Result<(), String>,
) -> impl Future<Output = ()> {
    let (place, what) = (Location::caller(), what.into());
    async move {
        let start = Instant::now();
        while start.elapsed() < window {
            if let Err(seen) = look().await {
                panic!(
                    "{place}: after {:?} it was no longer so that {what}:\n{seen}",
                    start.elapsed()
                );
            }
            tokio::time::sleep(5 * POLL).await;
        }
    }
}
