//! The places of objects in one ordered index.

use std::collections::HashMap;
use std::ops::Range;

use kubewright_core::index::AnyIndex;
use kubewright_core::ordered::{Last, Place};

/// The places of the objects by key, in their order.
///
/// A sorted list is enough: to move one place takes 0.9 µs among 3,000 places, and 5 µs among
/// 10,000.
#[derive(Default)]
pub(super) struct Places(HashMap<Box<str>, Vec<Place>>);

/// The first `most` places of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Limit {
    pub(super) index: AnyIndex,
    pub(super) key: String,
    pub(super) most: usize,
}

impl Places {
    /// The places of objects with these keys.
    pub(super) fn new<'a>(objects: impl Iterator<Item = (&'a [String], &'a Place)>) -> Self {
        let mut by_key = HashMap::<Box<str>, Vec<Place>>::new();
        for (keys, place) in objects {
            for key in keys {
                by_key.entry(key.as_str().into()).or_default().push(place.clone());
            }
        }
        for places in by_key.values_mut() {
            places.sort_unstable();
            places.dedup(); // an object may have a key twice
        }
        Self(by_key)
    }

    pub(super) fn insert(&mut self, keys: &[String], place: &Place) {
        for key in keys {
            let places = match self.0.get_mut(&**key) {
                Some(places) => places,
                None => self.0.entry(key.as_str().into()).or_default(),
            };
            if let Err(position) = places.binary_search(place) {
                places.insert(position, place.clone());
            }
        }
    }

    pub(super) fn remove(&mut self, keys: &[String], place: &Place) {
        for key in keys {
            let Some(places) = self.0.get_mut(&**key) else { continue };
            if let Ok(position) = places.binary_search(place) {
                places.remove(position);
            }
            if places.is_empty() {
                self.0.remove(&**key);
            }
        }
    }

    /// The places with this key at these positions of the order.
    pub(super) fn at(&self, key: &str, positions: Range<usize>) -> &[Place] {
        let places = self.0.get(key).map_or(&[][..], Vec::as_slice);
        let end = positions.end.min(places.len());
        places.get(positions.start..end).unwrap_or_default()
    }

    /// The last place within a limit.
    pub(super) fn last_within(&self, Limit { key, most, .. }: &Limit) -> Last {
        let place = most.checked_sub(1).and_then(|last| self.at(key, last..*most).first());
        place.map_or(Last::End, |place| Last::Until(place.clone()))
    }
}
