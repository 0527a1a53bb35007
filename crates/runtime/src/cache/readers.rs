//! Which resources looked up what: finds those that a changed object concerns without asking all.

use std::any::TypeId;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use kubewright_core::index::AnyIndex;
use kubewright_core::view::{Lookup, Query};
use kubewright_core::{KindInfo, ObjectKey};

use super::objects::{Cached, Selector};
use super::ordered::{OrderedReaders, Shift};
use super::places::Limit;
use crate::key::WorkKey;

/// The look-ups of the last build of each resource.
#[derive(Default)]
pub(super) struct Readers {
    gets: HashMap<(TypeId, ObjectKey), HashSet<WorkKey>>,
    /// Readers that asked whether a kind is served, or have a child of an optional kind.
    served: HashMap<KindInfo, HashSet<WorkKey>>,
    /// Readers of lists and index keys.
    lists: HashMap<Slot, HashMap<(TypeId, Query), HashSet<WorkKey>>>,
    ordered: OrderedReaders,
    by_reader: HashMap<WorkKey, Vec<Lookup>>,
    /// How many look-ups use each selector.
    selectors: HashMap<(TypeId, Selector), usize>,
    hashes: RandomState,
}

/// The hash of a type with a namespace (or all) and one label (or none), or with a key in an index.
///
/// A list is filed under one slot; an event looks at the slots that its object has. After a hash
/// collision the query itself decides.
type Slot = u64;

/// Selectors that are used now and were not before, or the other way round.
pub(super) type ChangedSelectors = HashSet<(TypeId, Selector)>;

fn selectors(query: &Query) -> Vec<Selector> {
    match query {
        Query::List { labels, .. } => {
            labels.iter().map(|(label, _)| Selector::Label(label.clone())).collect()
        }
        Query::Index { index, .. }
        | Query::First { index, .. }
        | Query::AmongFirst { index, .. } => vec![Selector::Index(*index)],
        Query::Get(_) | Query::Served => Vec::new(),
    }
}

impl Readers {
    /// The number of readers and of their look-ups.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.gets.len()
            + self.served.len()
            + self.lists.len()
            + self.by_reader.len()
            + self.selectors.len()
    }

    fn slot(&self, type_id: TypeId, namespace: Option<&str>, label: Option<(&str, &str)>) -> Slot {
        self.hashes.hash_one((type_id, namespace, label))
    }

    fn index_slot(&self, type_id: TypeId, index: AnyIndex, key: &str) -> Slot {
        self.hashes.hash_one((type_id, index, key))
    }

    /// The slots under which a query may be filed: one for each label.
    fn slots(&self, type_id: TypeId, query: &Query) -> Vec<Slot> {
        match query {
            Query::List { namespace, labels } if labels.is_empty() => {
                vec![self.slot(type_id, namespace.as_deref(), None)]
            }
            Query::List { namespace, labels } => {
                let slot = |(label, value): &(String, String)| {
                    self.slot(type_id, namespace.as_deref(), Some((label, value)))
                };
                labels.iter().map(slot).collect()
            }
            Query::Index { index, key } => vec![self.index_slot(type_id, *index, key)],
            Query::Get(_) | Query::First { .. } | Query::AmongFirst { .. } | Query::Served => {
                Vec::new()
            }
        }
    }

    /// Whether a reader looked up anything.
    pub(super) fn has(&self, reader: &WorkKey) -> bool {
        self.by_reader.contains_key(reader)
    }

    /// Whether any look-up uses this selector.
    pub(super) fn uses(&self, selector: &(TypeId, Selector)) -> bool {
        self.selectors.contains_key(selector)
    }

    /// The readers that depend on whether this kind is served.
    pub(super) fn of_served(&self, kind: &KindInfo) -> HashSet<WorkKey> {
        self.served.get(kind).cloned().unwrap_or_default()
    }

    /// Records the look-ups of the last build of a reader.
    pub(super) fn record(&mut self, reader: &WorkKey, lookups: Vec<Lookup>) -> ChangedSelectors {
        if self.by_reader.get(reader) == Some(&lookups) {
            return ChangedSelectors::new();
        }
        let mut changed = self.forget(reader);
        for Lookup { type_id, kind, query } in &lookups {
            self.file(*type_id, kind, query, reader);
            for selector in selectors(query) {
                let selector = (*type_id, selector);
                let count = self.selectors.entry(selector.clone()).or_default();
                *count += 1;
                if *count == 1 {
                    changed.insert(selector);
                }
            }
        }
        if !lookups.is_empty() {
            self.by_reader.insert(reader.clone(), lookups);
        }
        changed
    }

    /// Files a look-up where a change finds it.
    fn file(&mut self, type_id: TypeId, kind: &KindInfo, query: &Query, reader: &WorkKey) {
        let readers = match query {
            Query::Get(key) => self.gets.entry((type_id, key.clone())).or_default(),
            Query::Served => self.served.entry(kind.clone()).or_default(),
            Query::List { .. } | Query::Index { .. } => {
                let list = (type_id, query.clone());
                let slot = self.best_slot(&self.slots(type_id, query), &list);
                self.lists.entry(slot).or_default().entry(list).or_default()
            }
            Query::First { .. } | Query::AmongFirst { .. } => {
                return self.ordered.record(type_id, query, reader);
            }
        };
        readers.insert(reader.clone());
    }

    /// The slot that already has this list, or the one with the fewest lists: a label that all
    /// lists have in common does not distinguish them.
    fn best_slot(&self, slots: &[Slot], list: &(TypeId, Query)) -> Slot {
        let has_list = |slot: &&Slot| self.lists.get(slot).is_some_and(|l| l.contains_key(list));
        let fewest =
            || slots.iter().min_by_key(|slot| self.lists.get(slot).map_or(0, HashMap::len));
        slots.iter().find(has_list).or_else(fewest).copied().unwrap_or_default()
    }

    /// Forgets the look-ups of a reader.
    pub(super) fn forget(&mut self, reader: &WorkKey) -> ChangedSelectors {
        let mut changed = ChangedSelectors::new();
        for Lookup { type_id, kind, query } in self.by_reader.remove(reader).unwrap_or_default() {
            for selector in selectors(&query) {
                let selector = (type_id, selector);
                let Some(count) = self.selectors.get_mut(&selector) else { continue };
                *count -= 1;
                if *count == 0 {
                    self.selectors.remove(&selector);
                    changed.insert(selector);
                }
            }
            match query {
                Query::Get(key) => remove(&mut self.gets, &(type_id, key), reader),
                Query::Served => remove(&mut self.served, &kind, reader),
                Query::List { .. } | Query::Index { .. } => {
                    self.forget_list(&(type_id, query), reader);
                }
                Query::First { .. } | Query::AmongFirst { .. } => {
                    self.ordered.forget(type_id, &query, reader);
                }
            }
        }
        changed
    }

    fn forget_list(&mut self, list: &(TypeId, Query), reader: &WorkKey) {
        for slot in self.slots(list.0, &list.1) {
            let Some(lists) = self.lists.get_mut(&slot) else { continue };
            remove(lists, list, reader);
            if lists.is_empty() {
                self.lists.remove(&slot);
            }
        }
    }

    /// The limits of ordered look-ups that an object can shift when it has one of these states.
    pub(super) fn limits(&self, type_id: TypeId, states: &[Cached]) -> HashSet<Limit> {
        self.ordered.limits(type_id, states)
    }

    /// The readers that the change of an object concerns. `states` are the states before and after
    /// it, as far as they exist, and `shifts` are the limits that the change shifted.
    pub(super) fn concerned(
        &self,
        type_id: TypeId,
        key: &ObjectKey,
        states: &[Cached],
        shifts: &[Shift],
    ) -> HashSet<WorkKey> {
        let mut concerned = self.gets.get(&(type_id, key.clone())).cloned().unwrap_or_default();
        self.ordered.add_concerned(type_id, states, shifts, &mut concerned);
        if self.lists.is_empty() {
            return concerned;
        }
        for cached in states {
            for ((of, query), readers) in self.candidates(type_id, cached) {
                if *of == type_id && may_contain(query, cached) {
                    concerned.extend(readers.iter().cloned());
                }
            }
        }
        concerned
    }

    /// Whether a change concerns this reader.
    pub(super) fn concerns(&self, reader: &WorkKey, change: &Change) -> bool {
        let mut lookups = self.by_reader.get(reader).into_iter().flatten();
        lookups.any(|Lookup { type_id, kind, query }| match change {
            Change::Served(served) => matches!(query, Query::Served) && kind == served,
            Change::Object { type_id: changed, states } => {
                type_id == changed && states.iter().any(|cached| may_contain(query, cached))
            }
        })
    }

    /// The lists that may contain an object.
    fn candidates<'a>(
        &'a self,
        type_id: TypeId,
        cached: &'a Cached,
    ) -> impl Iterator<Item = (&'a (TypeId, Query), &'a HashSet<WorkKey>)> {
        let meta = cached.object.meta();
        let labels = move || meta.labels.iter().flatten().map(|(l, v)| Some((&**l, &**v)));
        let by_labels = [None, meta.namespace.as_deref()].into_iter().flat_map(move |namespace| {
            std::iter::once(None)
                .chain(labels())
                .map(move |label| self.slot(type_id, namespace, label))
        });
        let indexes = self.selectors.keys().filter_map(move |(of, selector)| match selector {
            Selector::Index(index) if *of == type_id && !index.is_ordered() => Some(*index),
            _ => None,
        });
        let by_indexes = indexes.clone().flat_map(move |index| {
            // A set: an object may have a key twice.
            let keys: HashSet<&String> = cached.keys.of(index).into_iter().flatten().collect();
            keys.into_iter().map(move |key| self.index_slot(type_id, index, key))
        });
        let found = by_labels.chain(by_indexes).filter_map(|slot| self.lists.get(&slot)).flatten();
        // While an index is created, the keys of an object may be unknown.
        let unknown: Vec<AnyIndex> =
            indexes.filter(|index| cached.keys.of(*index).is_none()).collect();
        let all = if unknown.is_empty() { None } else { Some(self.lists.values().flatten()) };
        let of_unknown = all.into_iter().flatten().filter(move |((_, query), _)| {
            matches!(query, Query::Index { index, .. } if unknown.contains(index))
        });
        found.chain(of_unknown)
    }
}

/// A change of what builds look up.
pub(super) enum Change {
    /// An object: its states before and after, as far as they exist.
    Object { type_id: TypeId, states: Vec<Cached> },
    /// Whether this kind is served.
    Served(KindInfo),
}

/// Whether the answer to a query depends on this object; also if its keys are not known yet.
fn may_contain(query: &Query, cached: &Cached) -> bool {
    match query {
        Query::Index { index, key } => cached.keys.of(*index).is_none_or(|keys| keys.contains(key)),
        Query::First { index, .. } | Query::AmongFirst { index, .. } => {
            let known = cached.keys.of(*index).zip(cached.keys.place(*index));
            known.is_none_or(|(keys, place)| query.matches_place(keys, place))
        }
        query => query.matches(&*cached.object),
    }
}

fn remove<K: Hash + Eq>(index: &mut HashMap<K, HashSet<WorkKey>>, key: &K, reader: &WorkKey) {
    if let Some(readers) = index.get_mut(key) {
        readers.remove(reader);
        if readers.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
impl Readers {
    /// The number of lists that an event about this object is compared with.
    pub(super) fn candidate_count(&self, type_id: TypeId, cached: &Cached) -> usize {
        self.candidates(type_id, cached).count()
    }

    /// Everything that is remembered.
    pub(super) fn content(&self) -> impl std::fmt::Debug + '_ {
        (&self.gets, &self.served, &self.lists, &self.ordered, &self.by_reader, &self.selectors)
    }
}
