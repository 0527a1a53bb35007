//! How often one object may be written again and again: enough for every honest change, too little for a fight.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kubewright_core::{KindInfo, ObjectKey};
use tokio::time::Instant;

/// Writes of one object in a row.
const BURST: f64 = 30.0;
/// Writes per second afterwards.
const RATE: f64 = 0.5;
/// Objects that are remembered before those that are calm again are forgotten.
const CROWD: usize = 4096;

/// A token bucket for each object that was written lately.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<HashMap<(KindInfo, ObjectKey), Bucket>>);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn refilled(self, now: Instant) -> f64 {
        (self.tokens + now.duration_since(self.at).as_secs_f64() * RATE).min(BURST)
    }
}

impl Pace {
    /// Whether this object may be written now; if so, that counts.
    pub(crate) fn allows(&self, kind: &KindInfo, key: &ObjectKey) -> bool {
        let now = Instant::now();
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= CROWD {
            buckets.retain(|_, bucket| bucket.refilled(now) < BURST);
        }
        let bucket = buckets.entry((kind.clone(), key.clone())).or_insert(Bucket { tokens: BURST, at: now });
        let tokens = bucket.refilled(now);
        let allowed = tokens >= 1.0;
        *bucket = Bucket { tokens: if allowed { tokens - 1.0 } else { tokens }, at: now };
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fight_is_slowed_down_and_a_quiet_object_is_written_at_once_again() {
        let text = Cow::Borrowed;
        let kind = KindInfo { group: text(""), version: text("v1"), kind: text("K"), plural: text("ks"), namespaced: true };
        let (pace, one, two) = (Pace::default(), ObjectKey::new("n", "one"), ObjectKey::new("n", "two"));
        let written = (0..1000).filter(|_| pace.allows(&kind, &one)).count();
        assert_eq!(written, 30);
        assert!(pace.allows(&kind, &two), "others are not concerned");
        tokio::time::advance(Duration::from_secs(10)).await;
        let written = (0..1000).filter(|_| pace.allows(&kind, &one)).count();
        assert_eq!(written, 5);
    }
}
