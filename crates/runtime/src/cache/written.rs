//! The statuses that we wrote and that the watch has not shown yet.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kubewright_core::ObjectKey;
use serde_json::Value;

/// The status that we wrote last for a resource, and the version that it gave.
///
/// A cached resource may be older than that; then this is what counts. It is dropped as soon as the cache has caught up.
#[derive(Debug, Default)]
pub(crate) struct Written(Mutex<HashMap<ObjectKey, (u64, Value)>>);

impl Written {
    /// The status as of our last write, if the cached version is older than that.
    pub(crate) fn newer_than(&self, key: &ObjectKey, version: u64) -> Option<Value> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match written.get(key) {
            Some((at, status)) if *at > version => Some(status.clone()),
            Some(_) => {
                written.remove(key);
                None
            }
            None => None,
        }
    }

    pub(crate) fn remember(&self, key: ObjectKey, version: u64, status: Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, (version, status));
    }

    /// The resource is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
