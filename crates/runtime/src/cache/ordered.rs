//! Which resources made ordered look-ups: finds those whose answer a changed object changes.

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound::{Excluded, Included};

use kubewright_core::index::AnyIndex;
use kubewright_core::ordered::{Last, Place};
use kubewright_core::view::Query;

use super::objects::Cached;
use super::places::Limit;
use crate::key::WorkKey;

/// The readers of all ordered look-ups, by index and key.
#[derive(Debug, Default)]
pub(super) struct OrderedReaders(HashMap<(TypeId, AnyIndex), HashMap<String, OfKey>>);

type ByLast = BTreeMap<Last, HashSet<WorkKey>>;

/// The readers of one key.
#[derive(Debug, Default)]
struct OfKey {
    /// Those of the first objects, by the last object that they looked at.
    first: ByLast,
    /// Those that asked whether an object is among the first, by the number of first objects and by
    /// the place of the object.
    among_first: BTreeMap<usize, ByLast>,
}

/// The last objects within a limit, before and after a change; `None` without a complete index.
pub(super) type Shift = (Limit, Option<(Last, Last)>);

impl OfKey {
    /// Where the readers of a look-up of this key are filed.
    fn filed(&mut self, query: &Query) -> Option<(&mut ByLast, Last)> {
        match query {
            Query::First { last, .. } => Some((&mut self.first, last.clone())),
            Query::AmongFirst { most, own, .. } => {
                Some((self.among_first.entry(*most).or_default(), Last::Until(own.clone())))
            }
            Query::Get(_) | Query::List { .. } | Query::Index { .. } | Query::Served => None,
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.among_first.is_empty()
    }

    /// The readers whose answer depends on an object at this place.
    fn of_first(&self, place: &Place) -> impl Iterator<Item = &WorkKey> {
        self.first.range(Last::Until(place.clone())..).flat_map(|(_, readers)| readers)
    }

    /// The readers whose answer changes when the last object within a limit is another one: the
    /// answer is yes for all places up to this object. Without a complete index, the readers with a
    /// later place than the changed object.
    fn of_shift(
        &self,
        most: usize,
        shift: Option<&(Last, Last)>,
        changed: &Place,
    ) -> impl Iterator<Item = WorkKey> {
        let range = match shift {
            Some((before, after)) if before == after => None,
            Some((before, after)) => {
                let (low, high) = if before < after { (before, after) } else { (after, before) };
                Some((Excluded(low.clone()), Included(high.clone())))
            }
            None => Some((Excluded(Last::Until(changed.clone())), Included(Last::End))),
        };
        let by_place = range.zip(self.among_first.get(&most)).into_iter();
        by_place.flat_map(|(range, by_place)| by_place.range(range)).flat_map(|(_, r)| r).cloned()
    }

    fn all(&self) -> impl Iterator<Item = &WorkKey> {
        let among_first = self.among_first.values().flat_map(BTreeMap::values);
        self.first.values().chain(among_first).flatten()
    }
}

impl OrderedReaders {
    /// Records a look-up.
    pub(super) fn record(&mut self, type_id: TypeId, query: &Query, reader: &WorkKey) {
        let (Query::First { index, key, .. } | Query::AmongFirst { index, key, .. }) = query else {
            return;
        };
        let by_key = self.0.entry((type_id, *index)).or_default();
        let of_key = by_key.entry(key.clone()).or_default();
        if let Some((by_last, last)) = of_key.filed(query) {
            by_last.entry(last).or_default().insert(reader.clone());
        }
    }

    /// Forgets a look-up.
    pub(super) fn forget(&mut self, type_id: TypeId, query: &Query, reader: &WorkKey) {
        let (Query::First { index, key, .. } | Query::AmongFirst { index, key, .. }) = query else {
            return;
        };
        let Some(by_key) = self.0.get_mut(&(type_id, *index)) else { return };
        let Some(of_key) = by_key.get_mut(key) else { return };
        if let Some((by_last, last)) = of_key.filed(query)
            && let Some(readers) = by_last.get_mut(&last)
        {
            readers.remove(reader);
            if readers.is_empty() {
                by_last.remove(&last);
            }
        }
        of_key.among_first.retain(|_, by_place| !by_place.is_empty());
        if of_key.is_empty() {
            by_key.remove(key);
        }
        if by_key.is_empty() {
            self.0.remove(&(type_id, *index));
        }
    }

    fn of_type(
        &self,
        type_id: TypeId,
    ) -> impl Iterator<Item = (AnyIndex, &HashMap<String, OfKey>)> {
        let of_type = self.0.iter().filter(move |((of, _), _)| *of == type_id);
        of_type.map(|((_, index), by_key)| (*index, by_key))
    }

    /// The limits that an object can shift when it has one of these states.
    pub(super) fn limits(&self, type_id: TypeId, states: &[Cached]) -> HashSet<Limit> {
        let mut limits = HashSet::new();
        for (index, by_key) in self.of_type(type_id) {
            for key in states.iter().filter_map(|cached| cached.keys.of(index)).flatten() {
                let of_key = by_key.get(key).into_iter();
                let numbers = of_key.flat_map(|of_key| of_key.among_first.keys());
                limits.extend(numbers.map(|most| Limit { index, key: key.clone(), most: *most }));
            }
        }
        limits
    }

    /// Adds the readers whose answer may change with an object that has these states before and
    /// after the change.
    pub(super) fn add_concerned(
        &self,
        type_id: TypeId,
        states: &[Cached],
        shifts: &[Shift],
        concerned: &mut HashSet<WorkKey>,
    ) {
        for (index, by_key) in self.of_type(type_id) {
            for cached in states {
                let (Some(keys), Some(place)) = (cached.keys.of(index), cached.keys.place(index))
                else {
                    // Its keys are not computed yet.
                    concerned.extend(by_key.values().flat_map(OfKey::all).cloned());
                    continue;
                };
                for (key, of_key) in keys.iter().filter_map(|key| by_key.get_key_value(key)) {
                    concerned.extend(of_key.of_first(place).cloned());
                    let is_limit = |limit: &Limit| limit.index == index && limit.key == *key;
                    for (limit, shift) in shifts.iter().filter(|(limit, _)| is_limit(limit)) {
                        concerned.extend(of_key.of_shift(limit.most, shift.as_ref(), place));
                    }
                }
            }
        }
    }
}
