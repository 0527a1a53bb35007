//! Handles Ctrl-C, SIGTERM and SIGHUP, so that everything that was started can be stopped in order.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// The exit code of a program that Ctrl-C ended: 128 + SIGINT.
pub(crate) const EXIT_CODE: u8 = 130;

/// Signals cannot be handled.
#[derive(Debug, thiserror::Error)]
#[error("cannot handle Ctrl-C: {0}; nothing was started")]
pub(crate) struct SignalError(io::Error);

/// Whether the user wants to stop.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on the first signal sets the flag, and the second signal ends this process.
    pub(crate) fn listen() -> Result<Self, SignalError> {
        let flagged = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // The order matters: the conditional action must read the flag before it is set.
            flag::register_conditional_default(signal, Arc::clone(&flagged))
                .and_then(|_| flag::register(signal, Arc::clone(&flagged)))
                .map_err(SignalError)?;
        }
        Ok(Self(flagged))
    }

    /// Whether a signal was received.
    pub(crate) fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
