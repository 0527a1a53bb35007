//! How often one object may be written again and again: enough for every honest change, too little for a fight; and what was
//! found out about that.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubewright_core::{KindInfo, ObjectKey};
use tokio::time::Instant;

/// Writes of one object in a row.
const BURST: f64 = 30.0;
/// Writes per second afterwards.
const RATE: f64 = 0.5;
/// Objects that are remembered before those that are calm again are forgotten.
const CROWD: usize = 4096;
/// How long a story about a fight is told before it is looked into again: looking is a request.
const STORY: Duration = Duration::from_mins(1);

/// A token bucket for each object that was written lately.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<HashMap<(KindInfo, ObjectKey), Bucket>>);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
    /// Who it is that writes as often, in words.
    story: Option<(Instant, String)>,
}

impl Bucket {
    fn refilled(&self, now: Instant) -> f64 {
        (self.tokens + now.duration_since(self.at).as_secs_f64() * RATE).min(BURST)
    }
}

impl Pace {
    fn buckets(&self) -> MutexGuard<'_, HashMap<(KindInfo, ObjectKey), Bucket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this object may be written now; if so, that counts.
    pub(crate) fn allows(&self, kind: &KindInfo, key: &ObjectKey) -> bool {
        let now = Instant::now();
        let mut buckets = self.buckets();
        if buckets.len() >= CROWD {
            buckets.retain(|_, bucket| bucket.refilled(now) < BURST);
        }
        let fresh = || Bucket { tokens: BURST, at: now, story: None };
        let bucket = buckets.entry((kind.clone(), key.clone())).or_insert_with(fresh);
        let tokens = bucket.refilled(now);
        let allowed = tokens >= 1.0;
        bucket.tokens = if allowed { tokens - 1.0 } else { tokens };
        bucket.at = now;
        allowed
    }

    /// What was found out about an object less than a minute ago.
    pub(crate) fn story(&self, kind: &KindInfo, key: &ObjectKey) -> Option<String> {
        let buckets = self.buckets();
        let (at, story) = buckets.get(&(kind.clone(), key.clone()))?.story.as_ref()?;
        (at.elapsed() < STORY).then(|| story.clone())
    }

    /// Remembers what was found out about an object.
    pub(crate) fn remember(&self, kind: &KindInfo, key: &ObjectKey, story: String) {
        if let Some(bucket) = self.buckets().get_mut(&(kind.clone(), key.clone())) {
            bucket.story = Some((Instant::now(), story));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn kind() -> KindInfo {
        let text = Cow::Borrowed;
        KindInfo { group: text(""), version: text("v1"), kind: text("K"), plural: text("ks"), namespaced: true }
    }

    #[tokio::test(start_paused = true)]
    async fn a_story_is_told_for_a_minute_and_for_its_own_object() {
        let (pace, kind, one, two) = (Pace::default(), kind(), ObjectKey::new("n", "one"), ObjectKey::new("n", "two"));
        for key in [&one, &two] {
            assert!(pace.allows(&kind, key));
        }
        assert_eq!(pace.story(&kind, &one), None);
        pace.remember(&kind, &one, "it was me".to_owned());
        for _ in 0..59 {
            tokio::time::advance(Duration::from_secs(1)).await;
            pace.allows(&kind, &one);
            assert_eq!(pace.story(&kind, &one).as_deref(), Some("it was me"));
        }
        assert_eq!(pace.story(&kind, &two), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(pace.story(&kind, &one), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_calm_again_is_forgotten_when_there_are_many() {
        let (pace, kind) = (Pace::default(), kind());
        for number in 0..3 * CROWD {
            pace.allows(&kind, &ObjectKey::new("n", number.to_string()));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(pace.buckets().len() <= CROWD, "{}", pace.buckets().len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_fight_is_slowed_down_and_a_quiet_object_is_written_at_once_again() {
        let kind = kind();
        let (pace, one, two) = (Pace::default(), ObjectKey::new("n", "one"), ObjectKey::new("n", "two"));
        let written = (0..1000).filter(|_| pace.allows(&kind, &one)).count();
        assert_eq!(written, 30);
        assert!(pace.allows(&kind, &two), "others are not concerned");
        tokio::time::advance(Duration::from_secs(10)).await;
        let written = (0..1000).filter(|_| pace.allows(&kind, &one)).count();
        assert_eq!(written, 5);
        tokio::time::advance(Duration::from_hours(1)).await;
        let written = (0..1000).filter(|_| pace.allows(&kind, &one)).count();
        assert_eq!(written, 30, "however long it was quiet");
    }
}
