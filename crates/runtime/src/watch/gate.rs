//! Watches whose requests are rejected for missing rights take turns: one tries, with back-off, and
//! the others wait. When one of them succeeds, all others try at once.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard, watch};

use crate::work::backoff::Backoff;

/// The first and the longest delay between two tries of all watches together.
const DELAYS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));

/// Lets one watch at a time try again.
pub(super) struct Gate {
    backoff: Mutex<Backoff>,
    opened: watch::Sender<()>,
}

/// The right to try. The next watch gets it when this value is dropped.
pub(super) struct Turn<'a> {
    backoff: MutexGuard<'a, Backoff>,
    opened: &'a watch::Sender<()>,
}

impl Default for Gate {
    fn default() -> Self {
        let (first, max) = DELAYS;
        Self { backoff: Mutex::new(Backoff::new(first, max)), opened: watch::Sender::new(()) }
    }
}

impl Gate {
    /// Waits for a turn. `None` if another watch succeeded meanwhile, so that all may try.
    pub(super) async fn wait(&self) -> Option<Turn<'_>> {
        let mut opened = self.opened.subscribe();
        let turn = async {
            let mut backoff = self.backoff.lock().await;
            tokio::time::sleep(backoff.next()).await;
            Turn { backoff, opened: &self.opened }
        };
        tokio::select! {
            turn = turn => Some(turn),
            _ = opened.changed() => None,
        }
    }
}

impl Turn<'_> {
    /// Reports that the watch is open: the rights exist.
    pub(super) fn succeeded(self) {
        let Self { mut backoff, opened } = self;
        backoff.reset();
        drop(backoff);
        opened.send_replace(());
    }
}
