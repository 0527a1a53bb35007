//! Keys in an order, such as times or turns: each key has one place.

use std::collections::{BTreeSet, HashMap};

use crate::key::WorkKey;
use crate::memory::Shrink as _;

/// Keys by their place.
pub(crate) struct Agenda<P> {
    ordered: BTreeSet<(P, WorkKey)>,
    places: HashMap<WorkKey, P>,
}

impl<P> Default for Agenda<P> {
    fn default() -> Self {
        Self { ordered: BTreeSet::new(), places: HashMap::new() }
    }
}

impl<P: Copy + Ord> Agenda<P> {
    /// The place of a key: its time or its turn.
    pub(crate) fn get(&self, key: &WorkKey) -> Option<P> {
        self.places.get(key).copied()
    }

    /// Gives a key a place, instead of the one that it had.
    pub(crate) fn insert(&mut self, key: WorkKey, place: P) {
        self.remove(&key);
        self.ordered.insert((place, key.clone()));
        self.places.insert(key, place);
    }

    pub(crate) fn remove(&mut self, key: &WorkKey) {
        if let Some(place) = self.places.remove(key) {
            self.ordered.remove(&(place, key.clone()));
            self.places.shrink_if_sparse();
        }
    }

    /// The first place.
    pub(crate) fn first(&self) -> Option<P> {
        self.ordered.first().map(|(place, _)| *place)
    }

    /// Removes and returns the first key if its place is not after `until`.
    pub(crate) fn pop_until(&mut self, until: P) -> Option<(P, WorkKey)> {
        let (place, key) = self.ordered.first().filter(|(place, _)| *place <= until).cloned()?;
        self.remove(&key);
        Some((place, key))
    }

    /// The number of keys before a place, counted up to `max`.
    pub(crate) fn count_before(&self, place: P, max: usize) -> usize {
        self.ordered.iter().take(max).take_while(|(other, _)| *other < place).count()
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The allocated capacity, for tests of memory that is kept.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.places.capacity()
    }
}
