//! The waiting keys of one priority, in fair order: controllers take turns, and within a controller
//! its namespaces take turns. Within a namespace the order is first in, first out.
//!
//! Every operation takes amortized constant time. A key that moves to another priority leaves its
//! ticket behind; the lane skips a ticket that is not the latest one of its key.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use kubewright_core::ObjectKey;
use tokio::time::Instant;

use crate::key::WorkKey;
use crate::memory::Shrink as _;

/// A lane may hold this many obsolete tickets more than it has waiting keys.
const MAX_OBSOLETE: usize = 16;

/// The place of a key in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) number: u64,
    /// When the key started to wait.
    pub(super) since: Instant,
    name: Arc<str>,
}

impl Ticket {
    fn key(&self, controller: usize, namespace: &Arc<str>) -> WorkKey {
        let key = ObjectKey { namespace: Arc::clone(namespace), name: Arc::clone(&self.name) };
        WorkKey { controller, key }
    }
}

/// All lanes of one priority.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    controllers: RoundRobin<usize, RoundRobin<Arc<str>, Lane>>,
    waiting: usize,
}

/// The keys of one controller in one namespace.
#[derive(Debug, Default)]
struct Lane {
    tickets: VecDeque<Ticket>,
    waiting: usize,
}

/// Groups that take turns.
#[derive(Debug)]
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

    /// Takes an item from the next group that has one. An empty group loses its turn and memory.
    fn take<R>(
        &mut self,
        mut take_from: impl FnMut(&K, &mut T) -> Option<R>,
        is_empty: impl Fn(&T) -> bool,
    ) -> Option<R> {
        while let Some(name) = self.turns.pop_front() {
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

    /// Appends a key to its lane.
    pub(super) fn push(&mut self, key: &WorkKey, number: u64, since: Instant) {
        let lane = self.controllers.group(&key.controller).group(&key.key.namespace);
        lane.tickets.push_back(Ticket { number, since, name: Arc::clone(&key.key.name) });
        lane.waiting += 1;
        self.waiting += 1;
    }

    /// Removes and returns the next key. `is_current` answers whether a ticket is the latest one of
    /// its key.
    pub(super) fn pop(
        &mut self,
        is_current: impl Fn(&WorkKey, u64) -> bool,
    ) -> Option<(WorkKey, Ticket)> {
        let taken = self.controllers.take(
            |controller, namespaces| {
                namespaces.take(
                    |namespace, lane| {
                        while let Some(ticket) = lane.tickets.pop_front() {
                            let key = ticket.key(*controller, namespace);
                            if is_current(&key, ticket.number) {
                                lane.waiting -= 1;
                                lane.tickets.shrink_if_sparse();
                                return Some((key, ticket));
                            }
                        }
                        None
                    },
                    |lane| lane.waiting == 0,
                )
            },
            |namespaces| namespaces.groups.is_empty(),
        )?;
        self.waiting -= 1;
        Some(taken)
    }

    /// Accounts for a key that moved to another priority: its ticket is obsolete.
    pub(super) fn leave(&mut self, key: &WorkKey, is_current: impl Fn(&WorkKey, u64) -> bool) {
        self.waiting -= 1;
        if self.waiting == 0 {
            *self = Self::default();
            return;
        }
        let lane = self.controllers.group(&key.controller).group(&key.key.namespace);
        lane.waiting -= 1;
        if lane.waiting == 0 {
            // The lane keeps its turn, so a key that returns at once gets no second one.
            lane.tickets = VecDeque::new();
        } else if lane.tickets.len() > 2 * lane.waiting + MAX_OBSOLETE {
            lane.tickets.retain(|ticket| {
                is_current(&ticket.key(key.controller, &key.key.namespace), ticket.number)
            });
            lane.tickets.shrink_if_sparse();
        }
    }

    /// The allocated capacity, for tests of memory that is kept.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        let namespaces = self.controllers.groups.values();
        let lanes = namespaces.clone().flat_map(|n| n.groups.values());
        self.controllers.groups.capacity()
            + namespaces.map(|n| n.groups.capacity() + n.turns.capacity()).sum::<usize>()
            + lanes.map(|l| l.tickets.capacity()).sum::<usize>()
    }
}
