//! What is remembered of the statuses that we write: those that the watch has not shown yet, and
//! how often only words change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubewright_core::ObjectKey;
use serde_json::Value;
use tokio::time::Instant;

use crate::backoff::Backoff;

/// The longest and the shortest time between two statuses of a resource that differ in messages
/// alone.
const WORDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// What is remembered, by resource.
#[derive(Debug, Default)]
pub(crate) struct Written {
    ahead: Mutex<HashMap<ObjectKey, Ahead>>,
    words: Mutex<HashMap<ObjectKey, Words>>,
}

/// A status that the watch has not shown yet.
#[derive(Debug)]
struct Ahead {
    version: u64,
    status: Arc<Value>,
    /// Hash of the report that it tells, where the write made this version.
    report: Option<u64>,
}

/// When a message may change again.
#[derive(Debug)]
struct Words {
    backoff: Backoff,
    next: Instant,
}

impl Written {
    fn ahead(&self) -> MutexGuard<'_, HashMap<ObjectKey, Ahead>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn words(&self) -> MutexGuard<'_, HashMap<ObjectKey, Words>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The status as of our last write, and the version up to which it counts.
    pub(crate) fn last(&self, key: &ObjectKey) -> Option<(u64, Arc<Value>)> {
        self.ahead().get(key).map(|ahead| (ahead.version, Arc::clone(&ahead.status)))
    }

    /// We wrote `status`, which counts until the watch shows this version. `report` is what it
    /// tells, where the write made exactly this version.
    pub(crate) fn remember(
        &self,
        key: ObjectKey,
        version: u64,
        status: Value,
        report: Option<u64>,
    ) {
        self.ahead().insert(key, Ahead { version, status: status.into(), report });
    }

    /// What we wrote with exactly this version: the hash of the report that it tells, and the
    /// status.
    pub(crate) fn told(&self, key: &ObjectKey, version: u64) -> Option<(u64, Arc<Value>)> {
        let ahead = self.ahead();
        let ahead = ahead.get(key).filter(|ahead| ahead.version == version)?;
        Some((ahead.report?, Arc::clone(&ahead.status)))
    }

    /// The cache has what the watch showed, of this version: a write up to that counts no more.
    pub(crate) fn caught_up(&self, key: &ObjectKey, version: u64) {
        let mut ahead = self.ahead();
        if ahead.get(key).is_some_and(|ahead| ahead.version <= version) {
            ahead.remove(key);
        }
    }

    /// Whether a status may be written that differs from `current`; if not, when.
    ///
    /// A write is an event, and an event is a run: an error text that is another one each time (a
    /// port, a UID) would be written for ever. So a status that says the same in other words
    /// waits, longer each time.
    pub(crate) fn may_differ(
        &self,
        key: &ObjectKey,
        current: &Value,
        next: &Value,
    ) -> Result<(), Duration> {
        let mut words = self.words();
        if without_messages(current) != without_messages(next) {
            words.remove(key);
            return Ok(());
        }
        let now = Instant::now();
        let fresh = || Words { backoff: Backoff::new(WORDS.0, WORDS.1), next: now };
        let words = words.entry(key.clone()).or_insert_with(fresh);
        if now < words.next {
            return Err(words.next - now);
        }
        words.next = now + words.backoff.next();
        Ok(())
    }

    /// The cluster was restored from a backup: the statuses that we wrote may be none of its own.
    pub(crate) fn set_back(&self) {
        self.ahead().clear();
    }

    /// The resource is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.ahead().remove(key);
        self.words().remove(key);
    }
}

fn without_messages(status: &Value) -> Value {
    let mut status = status.clone();
    let conditions = status.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten().filter_map(Value::as_object_mut) {
        condition.remove("message");
    }
    status
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(ready: &str, message: &str) -> Value {
        json!({ "ready": ready, "conditions": [{ "type": "Ready", "message": message }] })
    }

    #[tokio::test(start_paused = true)]
    async fn other_words_for_the_same_are_written_less_and_less_often() {
        let (written, key) = (Written::default(), ObjectKey::new("n", "a"));
        let mut writes = 0;
        for round in 0..600 {
            let next = status("0/1", &round.to_string());
            writes += u32::from(written.may_differ(&key, &status("0/1", "before"), &next).is_ok());
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert!((3..=8).contains(&writes), "{writes} writes in a minute");
    }

    #[tokio::test(start_paused = true)]
    async fn what_says_something_new_is_written_at_once() {
        let (written, key) = (Written::default(), ObjectKey::new("n", "a"));
        for _ in 0..5 {
            let _ = written.may_differ(&key, &status("0/1", "a"), &status("0/1", "b"));
        }
        assert!(written.may_differ(&key, &status("0/1", "a"), &status("0/1", "b")).is_err());
        assert!(written.may_differ(&key, &status("0/1", "a"), &status("1/1", "b")).is_ok());
        assert!(
            written.may_differ(&key, &status("1/1", "a"), &status("1/1", "b")).is_ok(),
            "it began anew"
        );
    }

    #[test]
    fn our_last_write_counts_until_the_cache_has_caught_up() {
        let (written, key) = (Written::default(), ObjectKey::new("n", "a"));
        let ours = || Arc::new(status("1/1", "ours"));
        let remember = |report| written.remember(key.clone(), 7, status("1/1", "ours"), report);
        remember(Some(5));
        assert_eq!(written.told(&key, 6), None, "that was somebody else's");
        written.caught_up(&key, 6);
        assert_eq!(written.last(&key), Some((7, ours())));
        assert_eq!(written.told(&key, 7), Some((5, ours())), "that is ours");
        written.caught_up(&key, 7);
        assert_eq!(written.last(&key), None, "and is dropped then");
        remember(Some(5));
        assert_eq!(written.told(&key, 8), None, "somebody else's came after ours");
        written.caught_up(&key, 8);
        assert_eq!(written.last(&key), None);
        remember(None);
        assert_eq!(
            written.told(&key, 7),
            None,
            "the write changed nothing, so that version is somebody else's"
        );
    }
}
