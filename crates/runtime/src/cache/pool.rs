//! Values that many cached objects have in common, kept once.
//!
//! Objects that were made alike have the same `fieldsV1`, and siblings have the same owner: at a
//! start, before anything is compared, the former would otherwise be most of the memory.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use hashbrown::HashTable;

/// Values, held only while somebody else holds them.
#[derive(Debug)]
pub(crate) struct Pool<T: ?Sized>(Mutex<State<T>>);

#[derive(Debug)]
struct State<T: ?Sized> {
    values: HashTable<(u64, Weak<T>)>,
    /// How many values there may be before those that nobody holds any more are dropped.
    limit: usize,
}

/// The pool is not looked through below this size.
const SMALL: usize = 1024;

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::new(State { values: HashTable::new(), limit: SMALL }))
    }
}

impl<T: ?Sized> Pool<T> {
    /// A value that is the `same` as `value`, whose hash this is: the one that others hold, if
    /// anybody does.
    pub(crate) fn shared(&self, hash: u64, value: Arc<T>, same: impl Fn(&T, &T) -> bool) -> Arc<T> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(entry) = state.values.find_entry(hash, |(of, _)| *of == hash) {
            match entry.get().1.upgrade() {
                Some(known) if same(&known, &value) => return known,
                // Two values of one hash: the second is not shared.
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
mod tests {
    use super::*;

    fn get(pool: &Pool<str>, hash: u64, value: &str) -> Arc<str> {
        pool.shared(hash, value.into(), |a, b| a == b)
    }

    #[test]
    fn equal_values_are_one_while_somebody_holds_them() {
        let pool = Pool::default();
        let (one, two) = (get(&pool, 1, "a"), get(&pool, 1, "a"));
        assert!(Arc::ptr_eq(&one, &two));
        drop((one, two));
        let again = get(&pool, 1, "a");
        assert!(Arc::ptr_eq(&again, &get(&pool, 1, "a")));
    }

    #[test]
    fn two_values_of_one_hash_stay_apart() {
        let pool = Pool::default();
        let (one, two) = (get(&pool, 1, "a"), get(&pool, 1, "b"));
        assert_eq!((&*one, &*two), ("a", "b"));
    }

    #[test]
    fn what_nobody_holds_takes_no_room_for_long() {
        let pool = Pool::default();
        let held: Vec<_> = (0..10).map(|hash| get(&pool, hash, "held")).collect();
        for hash in 10..10 * SMALL as u64 {
            get(&pool, hash, "dropped");
        }
        assert!(pool.0.lock().is_ok_and(|state| state.values.len() <= SMALL + 1));
        assert!(Arc::ptr_eq(&held[3], &get(&pool, 3, "held")));
    }
}
