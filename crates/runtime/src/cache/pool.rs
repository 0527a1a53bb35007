//! Values that many cached objects share, kept once. Similar objects have the same `fieldsV1`, and
//! siblings have the same owner.

use std::sync::{Arc, Mutex, Weak};

use hashbrown::HashTable;

use crate::memory::lock;

/// Pools below this size are not searched for dropped values.
const SMALL: usize = 1024;

/// Shared values, held only while a user holds them.
pub(crate) struct Pool<T: ?Sized>(Mutex<State<T>>);

struct State<T: ?Sized> {
    values: HashTable<(u64, Weak<T>)>,
    /// The number of values at which dropped ones are removed.
    limit: usize,
}

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(State { values: HashTable::new(), limit: SMALL }))
    }
}

impl<T: ?Sized> Pool<T> {
    /// Returns the held value that equals `value`, or `value` itself. `hash` is its hash.
    pub(crate) fn share(&self, hash: u64, value: Arc<T>, equal: impl Fn(&T, &T) -> bool) -> Arc<T> {
        let mut state = lock(&self.0);
        if let Ok(entry) = state.values.find_entry(hash, |(of, _)| *of == hash) {
            match entry.get().1.upgrade() {
                Some(known) if equal(&known, &value) => return known,
                // A hash collision: the second value is not shared.
                Some(_) => return value,
                None => drop(entry.remove()),
            }
        }
        if state.values.len() >= state.limit {
            state.values.retain(|(_, value)| value.strong_count() > 0);
            state.values.shrink_to_fit(|(hash, _)| *hash);
            state.limit = (2 * state.values.len()).max(SMALL);
        }
        state.values.insert_unique(hash, (hash, Arc::downgrade(&value)), |(hash, _)| *hash);
        value
    }
}

#[cfg(test)]
mod tests;
