//! Limits how often one object is written: enough for every legitimate change, too rare for a fight
//! over a field to become a hot loop.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::time::Duration;

use kubewright_core::{KindInfo, ObjectKey};
use tokio::time::Instant;

use crate::memory::{Shrink as _, lock};

/// Writes of one object in a row.
const BURST: f64 = 30.0;
/// Writes per second after a burst.
const RATE: f64 = 0.5;
/// With more objects than this, those with a full bucket are forgotten.
const MAX_OBJECTS: usize = 1024;
/// The time between two removals of full buckets.
const CLEAN: Duration = Duration::from_mins(1);
/// How long an explanation of a conflict is kept: a new one costs a request.
const EXPLANATION_AGE: Duration = Duration::from_mins(1);

/// One token bucket for each object that was written lately.
#[derive(Default)]
pub(crate) struct WriteThrottle {
    buckets: Mutex<Buckets>,
    /// Objects are keyed by hash. A collision only makes two objects share a bucket.
    hasher: RandomState,
}

#[derive(Default)]
struct Buckets {
    by_hash: HashMap<u64, Bucket>,
    /// The number of buckets at which full ones are removed.
    limit: usize,
    /// When full buckets were last removed.
    cleaned: Option<Instant>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
    /// Why the object is written so often.
    explanation: Option<Box<(Instant, String)>>,
}

impl Bucket {
    fn refilled(&self, now: Instant) -> f64 {
        (self.tokens + now.duration_since(self.at).as_secs_f64() * RATE).min(BURST)
    }
}

impl Buckets {
    /// Removes full buckets. Amortized, each insertion pays for one look. After a burst, the memory
    /// of objects that are gone is released within two minutes of other writes.
    fn remove_full(&mut self, now: Instant) {
        let cleaned = *self.cleaned.get_or_insert(now);
        let is_due = now.duration_since(cleaned) >= CLEAN;
        if self.by_hash.len() >= self.limit.max(MAX_OBJECTS) || is_due {
            self.cleaned = Some(now);
            self.by_hash.retain(|_, bucket| bucket.refilled(now) < BURST);
            self.limit = 2 * self.by_hash.len();
            self.by_hash.shrink_if_sparse();
        }
    }
}

impl WriteThrottle {
    fn hash(&self, kind: &KindInfo, key: &ObjectKey) -> u64 {
        self.hasher.hash_one((kind, key))
    }

    /// Counts a write of this object if it is allowed now.
    pub(crate) fn acquire(&self, kind: &KindInfo, key: &ObjectKey) -> bool {
        let (hash, now) = (self.hash(kind, key), Instant::now());
        let mut buckets = lock(&self.buckets);
        buckets.remove_full(now);
        let full = || Bucket { tokens: BURST, at: now, explanation: None };
        let bucket = buckets.by_hash.entry(hash).or_insert_with(full);
        let tokens = bucket.refilled(now);
        let is_allowed = tokens >= 1.0;
        bucket.tokens = if is_allowed { tokens - 1.0 } else { tokens };
        bucket.at = now;
        is_allowed
    }

    /// The number of objects that are remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        lock(&self.buckets).by_hash.len()
    }

    /// Gives a write back, because it changed nothing.
    pub(crate) fn release(&self, kind: &KindInfo, key: &ObjectKey) {
        if let Some(bucket) = lock(&self.buckets).by_hash.get_mut(&self.hash(kind, key)) {
            bucket.tokens = (bucket.tokens + 1.0).min(BURST);
        }
    }

    /// The explanation for this object, if it is recent.
    pub(crate) fn explanation(&self, kind: &KindInfo, key: &ObjectKey) -> Option<String> {
        let buckets = lock(&self.buckets);
        let bucket = buckets.by_hash.get(&self.hash(kind, key))?;
        let (at, explanation) = &**bucket.explanation.as_ref()?;
        (at.elapsed() < EXPLANATION_AGE).then(|| explanation.clone())
    }

    /// Remembers why this object is written so often.
    pub(crate) fn explain(&self, kind: &KindInfo, key: &ObjectKey, explanation: String) {
        if let Some(bucket) = lock(&self.buckets).by_hash.get_mut(&self.hash(kind, key)) {
            bucket.explanation = Some(Box::new((Instant::now(), explanation)));
        }
    }
}

#[cfg(test)]
mod tests;
