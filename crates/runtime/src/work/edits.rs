//! Edits of resources that were not applied completely.
//!
//! The status shows which generation was seen. If a run of that generation failed, its changes are
//! still those of the edit.

use std::collections::HashMap;
use std::sync::Mutex;

use kubewright_core::ObjectKey;

use crate::memory::{Shrink as _, lock};

/// The generations of one controller's resources whose last run did not apply everything.
#[derive(Default)]
pub(crate) struct UnfinishedEdits(Mutex<HashMap<ObjectKey, i64>>);

impl UnfinishedEdits {
    /// Records that the edit of this generation was not applied completely.
    pub(crate) fn record(&self, key: &ObjectKey, generation: i64) {
        lock(&self.0).insert(key.clone(), generation);
    }

    pub(crate) fn contains(&self, key: &ObjectKey, generation: i64) -> bool {
        lock(&self.0).get(key) == Some(&generation)
    }

    pub(crate) fn forget(&self, key: &ObjectKey) {
        let mut edits = lock(&self.0);
        if edits.remove(key).is_some() {
            edits.shrink_if_sparse();
        }
    }
}
