//! The waiting keys of one priority, in fair order: controllers take turns, and within a controller
//! its namespaces take turns. Within a namespace the order is first in, first out.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use kubewright_core::ObjectKey;
use tokio::time::Instant;

use crate::key::WorkKey;
use crate::memory::Shrink as _;

/// The keys of one controller in one namespace: name and start of the wait, by ticket number.
type Lane = BTreeMap<u64, (Arc<str>, Instant)>;

/// All lanes of one priority.
#[derive(Default)]
pub(super) struct Lanes {
    controllers: RoundRobin<usize, RoundRobin<Arc<str>, Lane>>,
    waiting: usize,
}

/// Groups that take turns.
struct RoundRobin<K, T> {
    turns: VecDeque<K>,
    groups: HashMap<K, T>,
}

impl<K, T> Default for RoundRobin<K, T> {
    fn default() -> Self {
        Self { turns: VecDeque::new(), groups: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash, T: Default> RoundRobin<K, T> {
    /// The group of this name. A new group gets the last turn.
    fn group(&mut self, name: &K) -> &mut T {
        if !self.groups.contains_key(name) {
            self.turns.push_back(name.clone());
        }
        self.groups.entry(name.clone()).or_default()
    }

    /// Takes an item from the next group that gives one. Each group is asked at most once. An empty
    /// group is removed, and its memory is freed.
    fn take<R>(
        &mut self,
        mut take_from: impl FnMut(&K, &mut T) -> Option<R>,
        is_empty: impl Fn(&T) -> bool,
    ) -> Option<R> {
        for _ in 0..self.turns.len() {
            let Some(name) = self.turns.pop_front() else { break };
            let Some(group) = self.groups.get_mut(&name) else { continue };
            let taken = take_from(&name, group);
            if is_empty(group) {
                self.groups.remove(&name);
                self.groups.shrink_if_sparse();
                self.turns.shrink_if_sparse();
            } else {
                self.turns.push_back(name);
            }
            if taken.is_some() {
                return taken;
            }
        }
        None
    }
}

impl Lanes {
    /// The number of waiting keys.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Appends a key to its lane. Ticket numbers only grow.
    pub(super) fn push(&mut self, key: &WorkKey, ticket: u64, since: Instant) {
        let lane = self.controllers.group(&key.controller).group(&key.key.namespace);
        lane.insert(ticket, (Arc::clone(&key.key.name), since));
        self.waiting += 1;
    }

    /// Removes and returns the next key, and the start of its wait. Namespaces that are full are
    /// passed over.
    pub(super) fn pop(
        &mut self,
        is_full: impl Fn(&Arc<str>) -> bool,
    ) -> Option<(WorkKey, Instant)> {
        let taken = self.controllers.take(
            |controller, namespaces| {
                let take_from = |namespace: &Arc<str>, lane: &mut Lane| {
                    if is_full(namespace) {
                        return None;
                    }
                    let (_, (name, since)) = lane.pop_first()?;
                    let key = ObjectKey { namespace: Arc::clone(namespace), name };
                    Some((WorkKey { controller: *controller, key }, since))
                };
                namespaces.take(take_from, BTreeMap::is_empty)
            },
            |namespaces| namespaces.groups.is_empty(),
        )?;
        self.waiting -= 1;
        Some(taken)
    }

    /// Removes a key that moves to another priority. The place of its namespace in the round does
    /// not change. So a key cannot gain a turn by leaving and returning.
    pub(super) fn remove(&mut self, key: &WorkKey, ticket: u64) {
        self.waiting -= 1;
        if self.waiting == 0 {
            *self = Self::default();
            return;
        }
        let lane = self.controllers.group(&key.controller).group(&key.key.namespace);
        lane.remove(&ticket);
    }

    /// The allocated capacity, for tests of memory that is kept.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let namespaces = self.controllers.groups.values();
        let lanes = namespaces.clone().flat_map(|n| n.groups.values());
        self.controllers.groups.capacity()
            + namespaces.map(|n| n.groups.capacity() + n.turns.capacity()).sum::<usize>()
            + lanes.map(BTreeMap::len).sum::<usize>()
    }
}
