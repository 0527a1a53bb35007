//! The clock of the API server, as last seen in a `Date` header.

use std::sync::Mutex;
use std::time::Duration;

use kubewright_core::Timestamp;
use tokio::time::Instant;

use crate::memory::lock;

/// An older observation is not used, because a suspended machine does not count the time.
const MAX_AGE: Duration = Duration::from_mins(1);
/// The header has whole seconds, and an answer takes time.
const UNCERTAINTY: Duration = Duration::from_secs(3);

/// The last observation.
#[derive(Default)]
pub(crate) struct ServerClock(Mutex<Option<(Instant, Timestamp)>>);

impl ServerClock {
    pub(crate) fn record(&self, at: Timestamp) {
        *lock(&self.0) = Some((Instant::now(), at));
    }

    /// The latest time that the API server can have now, if it was observed lately.
    pub(crate) fn latest(&self) -> Option<Timestamp> {
        let (seen, at) = (*lock(&self.0))?;
        let age = Some(seen.elapsed()).filter(|age| *age < MAX_AGE)?;
        Some(at + age + UNCERTAINTY)
    }
}
