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
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    requested: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on the first signal sets the flag, and the second signal ends this process.
    pub(crate) fn listen() -> Result<Self, SignalError> {
        let listening = Self::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // The order matters: the conditional action must read the flag before it is set.
            flag::register_conditional_default(signal, Arc::clone(&listening.requested))
                .and_then(|_| flag::register(signal, Arc::clone(&listening.requested)))
                .map_err(SignalError)?;
        }
        flag::register(SIGTERM, Arc::clone(&listening.terminated)).map_err(SignalError)?;
        Ok(listening)
    }

    /// Whether a signal was received.
    pub(crate) fn requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Whether SIGTERM was received. Only this process receives it, whereas a terminal sends Ctrl-C
    /// to the programs that this process runs, too.
    pub(crate) fn is_terminated(&self) -> bool {
        self.terminated.load(Ordering::Relaxed)
    }

    /// A signal that was received.
    #[cfg(test)]
    pub(crate) fn terminated_for_test() -> Self {
        let received = || Arc::new(AtomicBool::new(true));
        Self { requested: received(), terminated: received() }
    }
}
