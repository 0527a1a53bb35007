//! Who looked up what: from an object that changed to those whose last `build` asked for it, without asking all others.

use std::any::TypeId;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};

use kubewright_core::ObjectKey;
use kubewright_core::kind::AnyObject;
use kubewright_core::view::{Lookup, Query};

use crate::queue::WorkKey;

/// The record of look-ups.
#[derive(Debug, Default)]
pub(super) struct Readers {
    /// Who asked for one object.
    gets: HashMap<(TypeId, ObjectKey), HashSet<WorkKey>>,
    /// Who asked for a list, by slot.
    lists: HashMap<Slot, HashMap<(TypeId, Query), HashSet<WorkKey>>>,
    /// What each asked for in its last build.
    asked: HashMap<WorkKey, Vec<Lookup>>,
    /// By how many labels of lists each key of a label is asked for.
    labels: HashMap<(TypeId, String), usize>,
    hashes: RandomState,
}

/// Hash of a type, a namespace (or all), and one label (or none). A list is filed under one such, an event looks at those that
/// its object has. Two that share a hash by chance cost a look: the query itself decides.
type Slot = u64;

/// Labels by which a kind is listed.
pub(super) type Labels = HashSet<(TypeId, String)>;

impl Readers {
    fn slot(&self, type_id: TypeId, namespace: Option<&str>, label: Option<(&str, &str)>) -> Slot {
        self.hashes.hash_one((type_id, namespace, label))
    }

    /// The slots under which a list may be filed: one for each of its labels, or the one of no label.
    fn slots(&self, type_id: TypeId, namespace: Option<&str>, labels: &[(String, String)]) -> Vec<Slot> {
        if labels.is_empty() {
            return vec![self.slot(type_id, namespace, None)];
        }
        labels.iter().map(|(label, value)| self.slot(type_id, namespace, Some((label, value)))).collect()
    }

    /// Whether `who` asked for anything.
    pub(super) fn knows(&self, who: &WorkKey) -> bool {
        self.asked.contains_key(who)
    }

    /// Whether somebody lists this kind by this label.
    pub(super) fn list_by(&self, label: &(TypeId, String)) -> bool {
        self.labels.contains_key(label)
    }

    /// What `who` asked for in its last build; gives the labels that nobody listed by before, or nobody does any more.
    pub(super) fn record(&mut self, who: &WorkKey, lookups: Vec<Lookup>) -> Labels {
        if self.asked.get(who) == Some(&lookups) {
            return Labels::new();
        }
        let mut changed = self.forget(who);
        for Lookup { type_id, query, .. } in &lookups {
            match query {
                Query::Get(key) => drop(self.gets.entry((*type_id, key.clone())).or_default().insert(who.clone())),
                Query::List { namespace, labels } => {
                    let slot = self.best(&self.slots(*type_id, namespace.as_deref(), labels), &(*type_id, query.clone()));
                    self.lists.entry(slot).or_default().entry((*type_id, query.clone())).or_default().insert(who.clone());
                    for (label, _) in labels {
                        let count = self.labels.entry((*type_id, label.clone())).or_default();
                        *count += 1;
                        if *count == 1 {
                            changed.insert((*type_id, label.clone()));
                        }
                    }
                }
            }
        }
        if !lookups.is_empty() {
            self.asked.insert(who.clone(), lookups);
        }
        changed
    }

    /// The slot that has this list already, or the one that has the fewest: a label that all lists share tells nothing.
    fn best(&self, slots: &[Slot], list: &(TypeId, Query)) -> Slot {
        let filed = |slot: &&Slot| self.lists.get(slot).is_some_and(|lists| lists.contains_key(list));
        let fewest = || slots.iter().min_by_key(|slot| self.lists.get(slot).map_or(0, HashMap::len));
        slots.iter().find(filed).or_else(fewest).copied().unwrap_or_default()
    }

    /// `who` is gone, or asks anew; gives the labels that nobody lists by any more.
    pub(super) fn forget(&mut self, who: &WorkKey) -> Labels {
        let mut changed = Labels::new();
        for Lookup { type_id, query, .. } in self.asked.remove(who).unwrap_or_default() {
            match &query {
                Query::Get(key) => remove(&mut self.gets, &(type_id, key.clone()), who),
                Query::List { namespace, labels } => {
                    let list = (type_id, query.clone());
                    for slot in self.slots(type_id, namespace.as_deref(), labels) {
                        let Some(lists) = self.lists.get_mut(&slot) else { continue };
                        remove(lists, &list, who);
                        if lists.is_empty() {
                            self.lists.remove(&slot);
                        }
                    }
                    for (label, _) in labels {
                        let label = (type_id, label.clone());
                        let count = self.labels.get_mut(&label).map_or(0, |count| {
                            *count -= 1;
                            *count
                        });
                        if count == 0 {
                            self.labels.remove(&label);
                            changed.insert(label);
                        }
                    }
                }
            }
        }
        changed
    }

    /// Whom it concerns that an object changed from one of these states to the other; one that it was not in is left out.
    pub(super) fn concerned(&self, type_id: TypeId, key: &ObjectKey, states: &[&dyn AnyObject]) -> HashSet<WorkKey> {
        let mut concerned = self.gets.get(&(type_id, key.clone())).cloned().unwrap_or_default();
        if self.lists.is_empty() {
            return concerned;
        }
        for object in states {
            for ((of, query), who) in self.slots_of(type_id, *object).filter_map(|slot| self.lists.get(&slot)).flatten() {
                if *of == type_id && query.matches(*object) {
                    concerned.extend(who.iter().cloned());
                }
            }
        }
        concerned
    }

    /// Every slot under which a list may be filed that an object is in.
    fn slots_of<'a>(&'a self, type_id: TypeId, object: &'a dyn AnyObject) -> impl Iterator<Item = Slot> + 'a {
        let meta = object.meta();
        let labels = move || meta.labels.iter().flatten().map(|(label, value)| Some((&**label, &**value)));
        [None, meta.namespace.as_deref()].into_iter().flat_map(move |namespace| {
            std::iter::once(None).chain(labels()).map(move |label| self.slot(type_id, namespace, label))
        })
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
        self.slots_of(type_id, object).filter_map(|slot| self.lists.get(&slot)).flatten().count()
    }

    /// All that is remembered.
    pub(super) fn without_hashes(&self) -> impl std::fmt::Debug + '_ {
        (&self.gets, &self.lists, &self.asked, &self.labels)
    }
}
