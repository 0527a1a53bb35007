//! How often one object may be written again and again: enough for every honest change, too little
//! for a fight; and what was found out about that.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubewright_core::{KindInfo, ObjectKey};
use tokio::time::Instant;

use crate::queue::fit;

/// Writes of one object in a row.
const BURST: f64 = 30.0;
/// Writes per second afterwards.
const RATE: f64 = 0.5;
/// Objects that are remembered before those that are calm again are forgotten.
const CROWD: usize = 1024;
/// How long a story about a fight is told before it is looked into again: looking is a request.
const STORY: Duration = Duration::from_mins(1);

/// A token bucket for each object that was written lately.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    buckets: Mutex<Buckets>,
    /// Objects go by their hash: two that share one would write less often together, which is as
    /// unlikely as harmless.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Buckets {
    of: HashMap<u64, Bucket>,
    /// How many there may be before the calm ones are looked for.
    limit: usize,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
    /// Who it is that writes as often, in words.
    story: Option<Box<(Instant, String)>>,
}

impl Bucket {
    fn refilled(&self, now: Instant) -> f64 {
        (self.tokens + now.duration_since(self.at).as_secs_f64() * RATE).min(BURST)
    }
}

impl Buckets {
    /// Makes room where there are many; each is looked at once for every one that is added.
    fn tidy(&mut self, now: Instant) {
        if self.of.len() >= self.limit.max(CROWD) {
            self.of.retain(|_, bucket| bucket.refilled(now) < BURST);
            self.limit = 2 * self.of.len();
            fit(self.of.len(), self.of.capacity(), |room| self.of.shrink_to(room));
        }
    }
}

impl Pace {
    fn buckets(&self) -> MutexGuard<'_, Buckets> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash(&self, kind: &KindInfo, key: &ObjectKey) -> u64 {
        self.hasher.hash_one((kind, key))
    }

    /// Whether this object may be written now; if so, that counts.
    pub(crate) fn allows(&self, kind: &KindInfo, key: &ObjectKey) -> bool {
        let (hash, now) = (self.hash(kind, key), Instant::now());
        let mut buckets = self.buckets();
        buckets.tidy(now);
        let bucket = buckets.of.entry(hash).or_insert_with(|| Bucket {
            tokens: BURST,
            at: now,
            story: None,
        });
        let tokens = bucket.refilled(now);
        let allowed = tokens >= 1.0;
        bucket.tokens = if allowed { tokens - 1.0 } else { tokens };
        bucket.at = now;
        allowed
    }

    /// A write that was allowed did not change anything: it does not count.
    pub(crate) fn came_to_nothing(&self, kind: &KindInfo, key: &ObjectKey) {
        if let Some(bucket) = self.buckets().of.get_mut(&self.hash(kind, key)) {
            bucket.tokens = (bucket.tokens + 1.0).min(BURST);
        }
    }

    /// What was found out about an object less than a minute ago.
    pub(crate) fn story(&self, kind: &KindInfo, key: &ObjectKey) -> Option<String> {
        let buckets = self.buckets();
        let (at, story) = &**buckets.of.get(&self.hash(kind, key))?.story.as_ref()?;
        (at.elapsed() < STORY).then(|| story.clone())
    }

    /// Remembers what was found out about an object.
    pub(crate) fn remember(&self, kind: &KindInfo, key: &ObjectKey, story: String) {
        if let Some(bucket) = self.buckets().of.get_mut(&self.hash(kind, key)) {
            bucket.story = Some(Box::new((Instant::now(), story)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn kind() -> KindInfo {
        let text = Cow::Borrowed;
        KindInfo {
            group: text(""),
            version: text("v1"),
            kind: text("K"),
            plural: text("ks"),
            namespaced: true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_story_is_told_for_a_minute_and_for_its_own_object() {
        let (pace, kind, one, two) =
            (Pace::default(), kind(), ObjectKey::new("n", "one"), ObjectKey::new("n", "two"));
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
        assert!(pace.buckets().of.len() <= CROWD, "{}", pace.buckets().of.len());
        // All at once, and then never again.
        for number in 0..10 * CROWD {
            pace.allows(&kind, &ObjectKey::new("n", number.to_string()));
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        for number in 0..10 * CROWD {
            pace.allows(&kind, &ObjectKey::new("m", number.to_string()));
            tokio::time::advance(Duration::from_secs(2)).await;
        }
        assert!(
            pace.buckets().of.capacity() < 4 * CROWD,
            "room for {} is kept",
            pace.buckets().of.capacity()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_fight_is_slowed_down_and_a_quiet_object_is_written_at_once_again() {
        let kind = kind();
        let (pace, one, two) =
            (Pace::default(), ObjectKey::new("n", "one"), ObjectKey::new("n", "two"));
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
