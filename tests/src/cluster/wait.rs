//! Waits for a condition until a deadline, and checks that a condition holds for a while. No other
//! code of the tests waits.

use std::panic::Location;
use std::time::{Duration, Instant};

/// Deadline for anything that takes a moment on an idle machine. Tests run beside compilers, and
/// the garbage collector discovers new kinds every 30 seconds.
pub const SOON: Duration = Duration::from_mins(1);

/// Deadline for garbage collection and other work that runs every 30 seconds.
pub const LONG: Duration = Duration::from_mins(2);

/// Time between two checks. Short, because some tests measure repairs of less than a second.
const POLL: Duration = Duration::from_millis(20);

/// Calls `check` until it returns a value, for at most `within`. `what` completes "waited until
/// ...".
///
/// # Panics
/// At the deadline, with the error of the last check.
#[track_caller]
pub fn eventually<T>(
    within: Duration,
    what: impl Into<String>,
    mut check: impl AsyncFnMut() -> Result<T, String>,
) -> impl Future<Output = T> {
    let (place, what) = (Location::caller(), what.into());
    async move {
        let deadline = Instant::now() + within;
        loop {
            let error = match check().await {
                Ok(found) => return found,
                Err(error) => error,
            };
            assert!(
                Instant::now() < deadline,
                "{place}: waited {within:?} until {what}, without success; last check:\n{error}"
            );
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Calls `check` for the whole of `window`; `what` completes "all the time, ...".
///
/// # Panics
/// As soon as `check` returns an error.
#[track_caller]
pub fn throughout(
    window: Duration,
    what: impl Into<String>,
    mut check: impl AsyncFnMut() -> Result<(), String>,
) -> impl Future<Output = ()> {
    let (place, what) = (Location::caller(), what.into());
    async move {
        let start = Instant::now();
        while start.elapsed() < window {
            if let Err(error) = check().await {
                let after = start.elapsed();
                panic!("{place}: expected for {window:?} that {what}; after {after:?}:\n{error}");
            }
            tokio::time::sleep(5 * POLL).await;
        }
    }
}
