//! Custom resources that exist and that this version of the operator cannot decode.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use kubewright_core::ObjectKey;
use serde_json::Value;

use crate::memory::{Shrink as _, lock};

/// What is known about a resource that cannot be decoded.
pub(crate) struct UnreadableResource {
    pub(crate) uid: String,
    pub(crate) generation: Option<i64>,
    /// The status as the API server sent it.
    pub(crate) status: Value,
    /// Why, and what to do.
    pub(crate) message: String,
}

/// The resources of one controller that cannot be decoded.
#[derive(Default)]
pub(crate) struct UnreadableResources(Mutex<HashMap<ObjectKey, Arc<UnreadableResource>>>);

impl UnreadableResources {
    pub(crate) fn insert(&self, key: ObjectKey, resource: UnreadableResource) {
        lock(&self.0).insert(key, Arc::new(resource));
    }

    /// Forgets a resource that can be decoded again, or is gone.
    pub(crate) fn remove(&self, key: &ObjectKey) {
        let mut resources = lock(&self.0);
        resources.remove(key);
        resources.shrink_if_sparse();
    }

    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Arc<UnreadableResource>> {
        lock(&self.0).get(key).cloned()
    }

    pub(crate) fn keys(&self) -> Vec<ObjectKey> {
        lock(&self.0).keys().cloned().collect()
    }

    /// The number of resources.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.0).len()
    }
}
