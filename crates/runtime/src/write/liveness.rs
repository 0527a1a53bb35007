//! Whether the API server is still there: a connection can die without a sign.
//!
//! The kernel notices a network that drops packets (see `transport`). It does not notice a proxy or
//! a server that keeps a connection open and sends nothing. A healthy watch is silent for up to a
//! minute. So when the whole process has heard nothing for a while, one watch is opened again; if
//! this is not answered, all connections count as lost.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::memory::lock;

/// The silence of all connections after which one watch is opened again.
pub(crate) const QUIET: Duration = Duration::from_secs(25);
/// The longest time until the API server accepts a watch.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// When the process last heard from the API server.
pub(crate) struct Liveness(Mutex<State>);

struct State {
    heard: Instant,
    /// The value of `heard` for which a watch is opened again.
    probed: Option<Instant>,
}

/// What a watch that receives nothing does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Wait, and look again at this time.
    Wait(Instant),
    /// Open the watch again.
    Probe,
    /// The connection is lost: nothing was heard for this time.
    Lost(Duration),
}

impl Default for Liveness {
    fn default() -> Self {
        Self(Mutex::new(State { heard: Instant::now(), probed: None }))
    }
}

impl Liveness {
    /// Records that the API server sent something.
    pub(crate) fn record(&self) {
        lock(&self.0).heard = Instant::now();
    }

    /// What a watch that receives nothing does now. Of all watches, one is opened again.
    pub(crate) fn check(&self) -> Silence {
        let (now, mut state) = (Instant::now(), lock(&self.0));
        let quiet = state.heard + QUIET;
        let lost = quiet + OPEN_TIMEOUT;
        if now < quiet {
            Silence::Wait(quiet)
        } else if now >= lost {
            Silence::Lost(now - state.heard)
        } else if state.probed == Some(state.heard) {
            Silence::Wait(lost)
        } else {
            state.probed = Some(state.heard);
            Silence::Probe
        }
    }
}
