//! Statuses that were written and that the watch has not shown yet, and a throttle for statuses
//! that differ only in messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kubewright_core::ObjectKey;
use serde_json::Value;
use tokio::time::Instant;

use crate::memory::lock;
use crate::work::backoff::Backoff;

/// The shortest and the longest time between two statuses that differ only in messages.
const MESSAGE_DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));

/// The written statuses of one controller.
#[derive(Default)]
pub(crate) struct WrittenStatuses {
    pending: Mutex<HashMap<ObjectKey, Pending>>,
    messages: Mutex<HashMap<ObjectKey, MessageDelay>>,
}

/// A status that the watch has not shown yet.
struct Pending {
    version: u64,
    status: Arc<Value>,
    /// The hash of its inputs, if the write created exactly this version.
    inputs: Option<u64>,
}

/// When a message may change again.
struct MessageDelay {
    backoff: Backoff,
    next: Instant,
}

impl WrittenStatuses {
    /// The last written status, and the version up to which it counts.
    pub(crate) fn last(&self, key: &ObjectKey) -> Option<(u64, Arc<Value>)> {
        let pending = lock(&self.pending);
        pending.get(key).map(|pending| (pending.version, Arc::clone(&pending.status)))
    }

    /// Remembers a written status until the watch shows this version.
    pub(crate) fn remember(
        &self,
        key: ObjectKey,
        version: u64,
        status: Value,
        inputs: Option<u64>,
    ) {
        lock(&self.pending).insert(key, Pending { version, status: status.into(), inputs });
    }

    /// The status of the write that created exactly this version, and the hash of its inputs.
    pub(crate) fn at(&self, key: &ObjectKey, version: u64) -> Option<(u64, Arc<Value>)> {
        let pending = lock(&self.pending);
        let pending = pending.get(key).filter(|pending| pending.version == version)?;
        Some((pending.inputs?, Arc::clone(&pending.status)))
    }

    /// Forgets a write that the cache has caught up with.
    pub(crate) fn caught_up(&self, key: &ObjectKey, version: u64) {
        let mut pending = lock(&self.pending);
        if pending.get(key).is_some_and(|pending| pending.version <= version) {
            pending.remove(key);
        }
    }

    /// Checks whether a status may be written now.
    ///
    /// Each write causes an event, and each event a run: a message that is new each time (a port, a
    /// UID) would be written for ever. A status that differs only in messages therefore waits,
    /// longer each time.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn allows(
        &self,
        key: &ObjectKey,
        current: &Value,
        next: &Value,
    ) -> Result<(), Duration> {
        let mut messages = lock(&self.messages);
        if !differ_only_in_messages(current, next) {
            messages.remove(key);
            return Ok(());
        }
        let now = Instant::now();
        let (first, max) = MESSAGE_DELAYS;
        let new = || MessageDelay { backoff: Backoff::new(first, max), next: now };
        let delay = messages.entry(key.clone()).or_insert_with(new);
        if now < delay.next {
            return Err(delay.next - now);
        }
        delay.next = now + delay.backoff.next();
        Ok(())
    }

    /// The number of statuses and messages that are remembered.
    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        lock(&self.pending).len() + lock(&self.messages).len()
    }

    /// Forgets all writes, because the cluster was restored from a backup.
    pub(crate) fn clear(&self) {
        lock(&self.pending).clear();
    }

    /// Forgets a resource that is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        lock(&self.pending).remove(key);
        lock(&self.messages).remove(key);
    }
}

/// Whether the statuses are equal except for the messages of their conditions.
fn differ_only_in_messages(one: &Value, other: &Value) -> bool {
    equal_except(one, other, "conditions", |one, other| match (one.as_array(), other.as_array()) {
        (Some(one), Some(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(a, b)| equal_except(a, b, "message", |_, _| true))
        }
        _ => one == other,
    })
}

/// Whether the values are equal, where `equal` compares one field if both have it.
fn equal_except(
    one: &Value,
    other: &Value,
    name: &str,
    equal: impl Fn(&Value, &Value) -> bool,
) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else {
        return one == other;
    };
    one.len() == other.len()
        && one.iter().all(|(field, value)| {
            other.get(field).is_some_and(
                |o| {
                    if field == name { equal(value, o) } else { value == o }
                },
            )
        })
}

#[cfg(test)]
mod tests;
