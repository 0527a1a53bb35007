//! Two helpers for shared collections: locks that survive a panic, and memory that is released
//! after a burst.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a [`Mutex`]. A panic of one holder must not stop all others, so poison is ignored.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A collection may keep this many times more room than it has entries.
const MAX_SPARE: usize = 8;
/// Collections up to this capacity keep their memory.
const SMALL: usize = 64;

/// A collection that can release the memory of a burst.
pub(crate) trait Shrink {
    /// Releases memory if the collection is nearly empty. Amortized, the cost is negligible.
    fn shrink_if_sparse(&mut self);
}

fn is_sparse(len: usize, capacity: usize) -> bool {
    capacity > SMALL && capacity / MAX_SPARE > len
}

impl<K: Eq + Hash, V> Shrink for HashMap<K, V> {
    fn shrink_if_sparse(&mut self) {
        if is_sparse(self.len(), self.capacity()) {
            self.shrink_to(2 * self.len());
        }
    }
}

impl<T> Shrink for VecDeque<T> {
    fn shrink_if_sparse(&mut self) {
        if is_sparse(self.len(), self.capacity()) {
            self.shrink_to(2 * self.len());
        }
    }
}
