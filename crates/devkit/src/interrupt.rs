//! Ctrl-C and its relatives, noticed instead of deadly, so that what was started can be stopped in
//! order.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// What the shell reports for a program that Ctrl-C ended: 128 + SIGINT.
pub(crate) const EXIT_CODE: u8 = 130;

/// Signals cannot be handled.
#[derive(Debug, thiserror::Error)]
#[error("cannot handle Ctrl-C: {0}; nothing was started")]
pub(crate) struct SignalError(io::Error);

/// Says whether the person wants us to stop.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From here on the first signal is noted; the second one ends this process as it would have at
    /// first.
    pub(crate) fn listen() -> Result<Self, SignalError> {
        let flagged = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // This order matters: the conditional action sees the flag as the signal before left
            // it.
            flag::register_conditional_default(signal, Arc::clone(&flagged))
                .and_then(|_| flag::register(signal, Arc::clone(&flagged)))
                .map_err(SignalError)?;
        }
        Ok(Self(flagged))
    }

    /// Whether a signal came.
    pub(crate) fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
