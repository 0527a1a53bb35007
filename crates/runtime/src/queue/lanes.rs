//! The keys of one priority, in fair turns: controllers take turns, and within a controller its
//! namespaces.
//!
//! Within a namespace keys keep their order. Every operation takes constant time, spread over many;
//! there is memory for what waits alone. A key that leaves for another priority leaves its ticket
//! behind, which is skipped later: a ticket counts only while it is the last one that its key got.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use kubewright_core::ObjectKey;
use tokio::time::Instant;

use super::{WorkKey, fit};

/// Tickets of keys that left are tolerated up to this many more than there are keys.
const SLACK: usize = 16;

/// A place in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) number: u64,
    /// Since when the key waits.
    pub(super) since: Instant,
    name: Arc<str>,
}

/// All lanes of one priority.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    controllers: Ring<usize, Ring<Arc<str>, Lane>>,
    waiting: usize,
}

/// Keys of one controller in one namespace, first come, first served.
#[derive(Debug, Default)]
struct Lane {
    tickets: VecDeque<Ticket>,
    waiting: usize,
}

/// Parts that take turns.
#[derive(Debug)]
struct Ring<K, T> {
    turns: VecDeque<K>,
    parts: HashMap<K, T>,
}

impl<K, T> Default for Ring<K, T> {
    fn default() -> Self {
        Self { turns: VecDeque::new(), parts: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash, T: Default> Ring<K, T> {
    /// The part of this name; a new one takes the last turn.
    fn part(&mut self, name: &K) -> &mut T {
        if !self.parts.contains_key(name) {
            self.turns.push_back(name.clone());
        }
        self.parts.entry(name.clone()).or_default()
    }

    /// What the next part gives that has something. A part without anything loses its turn, and its
    /// memory.
    fn take<R>(
        &mut self,
        mut from: impl FnMut(&K, &mut T) -> Option<R>,
        is_empty: impl Fn(&T) -> bool,
    ) -> Option<R> {
        while let Some(name) = self.turns.pop_front() {
            let Some(part) = self.parts.get_mut(&name) else { continue };
            let taken = from(&name, part);
            if is_empty(part) {
                self.parts.remove(&name);
                fit(self.parts.len(), self.parts.capacity(), |room| self.parts.shrink_to(room));
                fit(self.turns.len(), self.turns.capacity(), |room| self.turns.shrink_to(room));
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

impl Lane {
    fn pop(&mut self, mut counts: impl FnMut(&Ticket) -> bool) -> Option<Ticket> {
        while let Some(ticket) = self.tickets.pop_front() {
            if counts(&ticket) {
                self.waiting -= 1;
                fit(self.tickets.len(), self.tickets.capacity(), |room| {
                    self.tickets.shrink_to(room)
                });
                return Some(ticket);
            }
        }
        None
    }
}

impl Lanes {
    /// How many keys wait here.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Adds a key at the end of its lane.
    pub(super) fn push(&mut self, key: &WorkKey, number: u64, since: Instant) {
        let lane = self.controllers.part(&key.controller).part(&key.key.namespace);
        lane.tickets.push_back(Ticket { number, since, name: Arc::clone(&key.key.name) });
        lane.waiting += 1;
        self.waiting += 1;
    }

    /// The key whose turn it is. `counts` tells whether a ticket is its key's last one.
    pub(super) fn pop(
        &mut self,
        counts: impl Fn(&WorkKey, u64) -> bool,
    ) -> Option<(WorkKey, Ticket)> {
        let taken = self.controllers.take(
            |controller, namespaces| {
                let from_lane = |namespace: &Arc<str>, lane: &mut Lane| {
                    let ticket = lane.pop(|ticket| {
                        counts(&holder(*controller, namespace, ticket), ticket.number)
                    })?;
                    Some((holder(*controller, namespace, &ticket), ticket))
                };
                namespaces.take(from_lane, |lane| lane.waiting == 0)
            },
            |namespaces| namespaces.parts.is_empty(),
        )?;
        self.waiting -= 1;
        Some(taken)
    }

    /// A key goes elsewhere: its ticket counts no more.
    pub(super) fn leave(&mut self, key: &WorkKey, counts: impl Fn(&WorkKey, u64) -> bool) {
        self.waiting -= 1;
        if self.waiting == 0 {
            *self = Self::default();
            return;
        }
        let lane = self.controllers.part(&key.controller).part(&key.key.namespace);
        lane.waiting -= 1;
        if lane.waiting == 0 {
            // It keeps its turn, so that nobody who comes back at once gets a second one.
            lane.tickets = VecDeque::new();
        } else if lane.tickets.len() > 2 * lane.waiting + SLACK {
            lane.tickets.retain(|ticket| {
                counts(&holder(key.controller, &key.key.namespace, ticket), ticket.number)
            });
            fit(lane.tickets.len(), lane.tickets.capacity(), |room| lane.tickets.shrink_to(room));
        }
    }

    /// How much room is held, for tests that look for memory that is kept.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        let lanes = self.controllers.parts.values().flat_map(|n| n.parts.values());
        let rings =
            self.controllers.parts.values().map(|n| n.parts.capacity() + n.turns.capacity());
        self.controllers.parts.capacity()
            + rings.sum::<usize>()
            + lanes.map(|l| l.tickets.capacity()).sum::<usize>()
    }
}

/// Whose ticket it is.
fn holder(controller: usize, namespace: &Arc<str>, ticket: &Ticket) -> WorkKey {
    WorkKey {
        controller,
        key: ObjectKey { namespace: Arc::clone(namespace), name: Arc::clone(&ticket.name) },
    }
}
