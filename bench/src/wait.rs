//! Waiting with a deadline: until a state is reached, and until processes are at rest.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::proc::{Cpu, millis_since};

/// A process at rest uses less than this share of one core, all given processes together.
const AT_REST: f64 = 0.08;
const WINDOW: Duration = Duration::from_millis(400);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What one look found.
pub(crate) enum Look<T> {
    Found(T),
    /// The state is not reached: what it is instead, for the error.
    Seen(String),
}

/// Calls `look` every `poll` until it finds something. `what` completes "waiting until ...".
///
/// # Errors
/// [`Error::Late`], or an error of `look`.
pub(crate) async fn until<T>(
    what: impl Into<String>,
    within: Duration,
    poll: Duration,
    mut look: impl AsyncFnMut() -> Result<Look<T>, Error>,
) -> Result<T, Error> {
    let deadline = Instant::now() + within;
    loop {
        match look().await? {
            Look::Found(found) => return Ok(found),
            Look::Seen(seen) if Instant::now() > deadline => {
                return Err(Error::Late { what: what.into(), within, seen });
            }
            Look::Seen(_) => sleep(poll).await,
        }
    }
}

/// Waits until these processes use almost no CPU time.
pub(crate) async fn at_rest(processes: &[u32]) -> Result<(), Error> {
    let what = "the control plane and its client are at rest";
    until(what, LONGEST_WAIT, Duration::ZERO, async || {
        let before = Cpu::read_all(processes)?;
        sleep(WINDOW).await;
        let share = millis_since(processes, &before)? / 1000.0 / WINDOW.as_secs_f64();
        Ok(if share < AT_REST {
            Look::Found(())
        } else {
            Look::Seen(format!("{:.0} % of a core", share * 100.0))
        })
    })
    .await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::process::Process;

    #[tokio::test]
    async fn a_busy_process_is_not_at_rest() {
        let script = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; exec sleep 600";
        let process = Process::start("shell", Command::new("sh").args(["-c", script])).unwrap();
        at_rest(&[process.pid()]).await.unwrap();
        let name = std::fs::read_to_string(format!("/proc/{}/comm", process.pid())).unwrap();
        assert_eq!(name.trim(), "sleep", "its loop has ended");
    }

    #[tokio::test]
    async fn a_late_state_is_an_error_with_what_was_seen() {
        let looked = until("it rains", Duration::ZERO, Duration::from_millis(1), async || {
            Ok(Look::<()>::Seen("sun".into()))
        });
        let error = looked.await.unwrap_err().to_string();
        assert_eq!(error, "timed out after 0 s, waiting until it rains; last seen: sun");
    }
}
