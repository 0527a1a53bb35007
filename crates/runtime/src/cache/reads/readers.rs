//! Who looked up what: from an object that changed to those whose last `build` asked for it,
//! without asking all others.

use std::any::TypeId;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use kubewright_core::index::AnyIndex;
use kubewright_core::kind::AnyObject;
use kubewright_core::view::{Lookup, Query};
use kubewright_core::{KindInfo, ObjectKey};

use super::objects::By;
use crate::queue::WorkKey;

/// The record of look-ups.
#[derive(Debug, Default)]
pub(super) struct Readers {
    /// Who asked for one object.
    gets: HashMap<(TypeId, ObjectKey), HashSet<WorkKey>>,
    /// Who asked whether a kind is served, or has a child of one that may not be.
    served: HashMap<KindInfo, HashSet<WorkKey>>,
    /// Who asked for a list, or for a key in an index, by slot.
    lists: HashMap<Slot, HashMap<(TypeId, Query), HashSet<WorkKey>>>,
    /// What each asked for in its last build.
    asked: HashMap<WorkKey, Vec<Lookup>>,
    /// By how many of them each label, whatever its value, and each index is asked for.
    bys: HashMap<(TypeId, By), usize>,
    hashes: RandomState,
}

/// Hash of a type, and of a namespace (or all) with one label (or none), or of a key in an index. A
/// list is filed under one such, an event looks at those that its object has. Two that share a hash
/// by chance cost a look: the query itself decides.
type Slot = u64;

/// Labels and indexes by which a kind is asked for.
pub(super) type Bys = HashSet<(TypeId, By)>;

/// By what a query asks.
fn bys(query: &Query) -> Vec<By> {
    match query {
        Query::List { labels, .. } => {
            labels.iter().map(|(label, _)| By::Label(label.clone())).collect()
        }
        Query::Index { index, .. } => vec![By::Index(*index)],
        Query::Get(_) | Query::Served => Vec::new(),
    }
}

impl Readers {
    fn slot(&self, type_id: TypeId, namespace: Option<&str>, label: Option<(&str, &str)>) -> Slot {
        self.hashes.hash_one((type_id, namespace, label))
    }

    fn slot_of_key(&self, type_id: TypeId, index: AnyIndex, key: &str) -> Slot {
        self.hashes.hash_one((type_id, index, key))
    }

    /// The slots under which a query for several objects may be filed: one for each of its labels,
    /// or the one of no label; that of its key in an index.
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
            Query::Index { index, key } => vec![self.slot_of_key(type_id, *index, key)],
            Query::Get(_) | Query::Served => Vec::new(),
        }
    }

    /// Whether `who` asked for anything.
    pub(super) fn knows(&self, who: &WorkKey) -> bool {
        self.asked.contains_key(who)
    }

    /// Whether somebody asks for this kind by this.
    pub(super) fn ask_by(&self, by: &(TypeId, By)) -> bool {
        self.bys.contains_key(by)
    }

    /// Who asked whether this kind is served, or has a child of it.
    pub(super) fn of_served(&self, kind: &KindInfo) -> HashSet<WorkKey> {
        self.served.get(kind).cloned().unwrap_or_default()
    }

    /// What `who` asked for in its last build; gives by what nobody asked before, or nobody does
    /// any more.
    pub(super) fn record(&mut self, who: &WorkKey, lookups: Vec<Lookup>) -> Bys {
        if self.asked.get(who) == Some(&lookups) {
            return Bys::new();
        }
        let mut changed = self.forget(who);
        for Lookup { type_id, kind, query } in &lookups {
            match query {
                Query::Get(key) => {
                    drop(self.gets.entry((*type_id, key.clone())).or_default().insert(who.clone()))
                }
                Query::Served => {
                    drop(self.served.entry(kind.clone()).or_default().insert(who.clone()))
                }
                Query::List { .. } | Query::Index { .. } => {
                    let list = (*type_id, query.clone());
                    let slot = self.best(&self.slots(*type_id, query), &list);
                    self.lists
                        .entry(slot)
                        .or_default()
                        .entry(list)
                        .or_default()
                        .insert(who.clone());
                }
            }
            for by in bys(query) {
                let by = (*type_id, by);
                let count = self.bys.entry(by.clone()).or_default();
                *count += 1;
                if *count == 1 {
                    changed.insert(by);
                }
            }
        }
        if !lookups.is_empty() {
            self.asked.insert(who.clone(), lookups);
        }
        changed
    }

    /// The slot that has this list already, or the one that has the fewest: a label that all lists
    /// share tells nothing.
    fn best(&self, slots: &[Slot], list: &(TypeId, Query)) -> Slot {
        let filed =
            |slot: &&Slot| self.lists.get(slot).is_some_and(|lists| lists.contains_key(list));
        let fewest =
            || slots.iter().min_by_key(|slot| self.lists.get(slot).map_or(0, HashMap::len));
        slots.iter().find(filed).or_else(fewest).copied().unwrap_or_default()
    }

    /// `who` is gone, or asks anew; gives by what nobody asks any more.
    pub(super) fn forget(&mut self, who: &WorkKey) -> Bys {
        let mut changed = Bys::new();
        for Lookup { type_id, kind, query } in self.asked.remove(who).unwrap_or_default() {
            for by in bys(&query) {
                let by = (type_id, by);
                let count = self.bys.get_mut(&by).map_or(0, |count| {
                    *count -= 1;
                    *count
                });
                if count == 0 {
                    self.bys.remove(&by);
                    changed.insert(by);
                }
            }
            match query {
                Query::Get(key) => remove(&mut self.gets, &(type_id, key), who),
                Query::Served => remove(&mut self.served, &kind, who),
                Query::List { .. } | Query::Index { .. } => {
                    self.forget_list(&(type_id, query), who)
                }
            }
        }
        changed
    }

    fn forget_list(&mut self, list: &(TypeId, Query), who: &WorkKey) {
        for slot in self.slots(list.0, &list.1) {
            let Some(lists) = self.lists.get_mut(&slot) else { continue };
            remove(lists, list, who);
            if lists.is_empty() {
                self.lists.remove(&slot);
            }
        }
    }

    /// Whom it concerns that an object changed from one of these states to the other; one that it
    /// was not in is left out.
    pub(super) fn concerned(
        &self,
        type_id: TypeId,
        key: &ObjectKey,
        states: &[&dyn AnyObject],
    ) -> HashSet<WorkKey> {
        let mut concerned = self.gets.get(&(type_id, key.clone())).cloned().unwrap_or_default();
        if self.lists.is_empty() {
            return concerned;
        }
        for object in states {
            for ((of, query), who) in self.lists_of(type_id, *object) {
                if *of == type_id && query.matches(*object) {
                    concerned.extend(who.iter().cloned());
                }
            }
        }
        concerned
    }

    /// The lists that an object may be in.
    fn lists_of<'a>(
        &'a self,
        type_id: TypeId,
        object: &'a dyn AnyObject,
    ) -> impl Iterator<Item = (&'a (TypeId, Query), &'a HashSet<WorkKey>)> {
        self.slots_of(type_id, object).filter_map(|slot| self.lists.get(&slot)).flatten()
    }

    /// Every slot under which a list may be filed that an object is in.
    fn slots_of<'a>(
        &'a self,
        type_id: TypeId,
        object: &'a dyn AnyObject,
    ) -> impl Iterator<Item = Slot> + 'a {
        let meta = object.meta();
        let labels =
            move || meta.labels.iter().flatten().map(|(label, value)| Some((&**label, &**value)));
        let by_labels = [None, meta.namespace.as_deref()].into_iter().flat_map(move |namespace| {
            std::iter::once(None)
                .chain(labels())
                .map(move |label| self.slot(type_id, namespace, label))
        });
        let indexes = self.bys.keys().filter_map(move |(of, by)| match by {
            By::Index(index) if *of == type_id => Some(*index),
            _ => None,
        });
        by_labels.chain(indexes.flat_map(move |index| {
            // An object that has a key twice is looked at once.
            let keys: HashSet<String> = index.keys(object).into_iter().collect();
            keys.into_iter().map(move |key| self.slot_of_key(type_id, index, &key))
        }))
    }
}

fn remove<K: Hash + Eq>(index: &mut HashMap<K, HashSet<WorkKey>>, key: &K, who: &WorkKey) {
    if let Some(all) = index.get_mut(key) {
        all.remove(who);
        if all.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
impl Readers {
    /// How many lists an event about this object is compared with.
    pub(super) fn lists_looked_at(&self, type_id: TypeId, object: &dyn AnyObject) -> usize {
        self.lists_of(type_id, object).count()
    }

    /// All that is remembered.
    pub(super) fn without_hashes(&self) -> impl std::fmt::Debug + '_ {
        (&self.gets, &self.served, &self.lists, &self.asked, &self.bys)
    }
}
