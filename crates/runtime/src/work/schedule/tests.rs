//! The schedule against a simple model: no key is lost, runs twice at a time, or starves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use kubewright_core::ObjectKey;
use proptest::prelude::*;
use tokio::time::Instant;

use super::{Next, Priority, SLOW, Schedule};
use crate::key::WorkKey;

/// An operation.
#[derive(Clone, Debug)]
enum Act {
    Add(WorkKey, Priority),
    After(WorkKey, Duration),
    Take,
    Done(prop::sample::Index),
    Forget(WorkKey),
    Wait(Duration),
}

/// The model: lists instead of lanes and tickets.
struct Model {
    state: Schedule,
    now: Instant,
    /// In the order of arrival at their priority.
    waiting: Vec<(WorkKey, Priority, Instant)>,
    running: BTreeMap<WorkKey, Option<(Priority, Instant)>>,
    due: BTreeMap<WorkKey, Instant>,
    /// How often each group was passed over while it had waiting keys, see [`groups`].
    passed: BTreeMap<Group, usize>,
}

/// A priority, a controller in it, or a namespace of that.
type Group = (Priority, Option<usize>, Option<ObjectKey>);

/// The groups that a key belongs to, the widest first.
fn groups(key: &WorkKey, priority: Priority) -> [Group; 3] {
    let namespace = ObjectKey::cluster(key.key.namespace.clone());
    [
        (priority, None, None),
        (priority, Some(key.controller), None),
        (priority, Some(key.controller), Some(namespace)),
    ]
}

const CONTROLLERS: usize = 3;
const NAMESPACES: usize = 3;
const NAMES: usize = 4;

fn keys() -> impl Strategy<Value = WorkKey> {
    (0..CONTROLLERS, 0..NAMESPACES, 0..NAMES).prop_map(|(controller, namespace, name)| WorkKey {
        controller,
        key: ObjectKey::new(&*namespace.to_string(), &*name.to_string()),
    })
}

fn acts() -> impl Strategy<Value = Act> {
    let millis = || (0..50_u64).prop_map(Duration::from_millis);
    let priorities = prop::sample::select(Priority::ALL.to_vec());
    prop_oneof![
        6 => (keys(), priorities).prop_map(|(key, priority)| Act::Add(key, priority)),
        2 => (keys(), millis()).prop_map(|(key, delay)| Act::After(key, delay)),
        4 => Just(Act::Take),
        4 => any::<prop::sample::Index>().prop_map(Act::Done),
        1 => keys().prop_map(Act::Forget),
        1 => millis().prop_map(Act::Wait),
    ]
}

impl Model {
    fn new() -> Self {
        let (state, now) = (Schedule::default(), Instant::now());
        Self {
            state,
            now,
            waiting: Vec::new(),
            running: BTreeMap::new(),
            due: BTreeMap::new(),
            passed: BTreeMap::new(),
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Add(key, priority) => {
                self.state.add(key.clone(), priority, self.now);
                self.add(key, priority, self.now);
            }
            Act::After(key, delay) => {
                let at = self.now + delay;
                self.state.add_at(key.clone(), at);
                let is_there =
                    self.waits(&key) || self.running.get(&key).is_some_and(Option::is_some);
                if !is_there && self.due.get(&key).is_none_or(|due| at < *due) {
                    self.due.insert(key, at);
                }
            }
            Act::Take => drop(self.take()),
            Act::Done(index) if !self.running.is_empty() => {
                let key = self.running.keys().nth(index.index(self.running.len())).unwrap().clone();
                self.done(&key);
            }
            Act::Done(_) => {}
            Act::Forget(key) => {
                self.state.cancel(&key);
                self.due.remove(&key);
            }
            Act::Wait(time) => self.now += time,
        }
        let depths = Priority::ALL
            .map(|priority| self.waiting.iter().filter(|(_, p, _)| *p == priority).count());
        assert_eq!((self.state.depths(), self.state.running()), (depths, self.running.len()));
    }

    fn waits(&self, key: &WorkKey) -> bool {
        self.waiting.iter().any(|(k, ..)| k == key)
    }

    fn add(&mut self, key: WorkKey, priority: Priority, at: Instant) {
        if let Some(again) = self.running.get_mut(&key) {
            if again.is_none_or(|(before, _)| priority < before) {
                *again = Some((priority, at));
            }
        } else if !self.waiting.iter().any(|(k, p, _)| *k == key && *p <= priority) {
            self.waiting.retain(|(k, ..)| *k != key);
            self.waiting.push((key, priority, at));
            self.forget_empty_groups();
        }
    }

    fn done(&mut self, key: &WorkKey) {
        let again = self.running.remove(key).unwrap();
        assert_eq!(self.state.done(key), again.is_some());
        if let Some((priority, since)) = again {
            self.add(key.clone(), priority, since);
        }
    }

    fn take(&mut self) -> Option<WorkKey> {
        let mut due: Vec<_> = self
            .due
            .iter()
            .filter(|(_, at)| **at <= self.now)
            .map(|(key, at)| (*at, key.clone()))
            .collect();
        due.sort();
        for (at, key) in due {
            self.due.remove(&key);
            self.add(key, Priority::Sweep, at);
        }
        let given = match self.state.next(self.now) {
            Next::Work(given) => given,
            next => {
                assert!(self.waiting.is_empty(), "no key is returned, and {:?} wait", self.waiting);
                assert_eq!(
                    next,
                    self.due.values().min().map_or(Next::Nothing, |at| Next::Until(*at))
                );
                return None;
            }
        };
        let place = self
            .waiting
            .iter()
            .position(|(key, ..)| *key == given.key)
            .expect("a returned key was waiting");
        let [.., lane] = groups(&given.key, given.priority);
        let first =
            self.waiting.iter().position(|(key, priority, _)| groups(key, *priority)[2] == lane);
        assert_eq!(first, Some(place), "first come, first served, within a namespace");
        let (key, priority, since) = self.waiting.remove(place);
        assert_eq!((given.priority, given.waited), (priority, self.now - since));
        assert!(self.running.insert(key.clone(), None).is_none(), "twice at a time");
        self.due.remove(&key);
        self.served(&key, priority);
        Some(key)
    }

    /// Counts how often each group was passed over, and checks the limit.
    fn served(&mut self, key: &WorkKey, priority: Priority) {
        self.forget_empty_groups();
        let waiting: std::collections::BTreeSet<Group> =
            self.waiting.iter().flat_map(|(key, priority, _)| groups(key, *priority)).collect();
        for group in waiting {
            let competes = match &group {
                (_, None, _) => true,
                (p, Some(_), None) => *p == priority,
                (p, Some(controller), Some(_)) => *p == priority && *controller == key.controller,
            };
            let most = match &group {
                (Priority::Change, None, _) => 2,
                (_, None, _) => 8,
                (_, Some(_), None) => CONTROLLERS - 1,
                _ => NAMESPACES - 1,
            };
            let passed = self.passed.entry(group.clone()).or_default();
            if groups(key, priority).contains(&group) {
                *passed = 0;
            } else if competes {
                *passed += 1;
            }
            assert!(*passed <= most, "{group:?} was passed over {passed} times");
        }
    }

    fn forget_empty_groups(&mut self) {
        let waiting = &self.waiting;
        self.passed.retain(|group, _| {
            waiting.iter().any(|(key, priority, _)| groups(key, *priority).contains(group))
        });
    }
}

proptest! {
    #[test]
    fn no_key_is_lost_runs_twice_at_a_time_or_starves(
        acts in prop::collection::vec(acts(), 0..400)
    ) {
        let mut model = Model::new();
        for act in acts {
            model.act(act);
        }
        for key in model.running.keys().cloned().collect::<Vec<_>>() {
            model.done(&key);
        }
        model.now += Duration::from_secs(1);
        while let Some(key) = model.take() {
            model.done(&key);
        }
        prop_assert!(model.due.is_empty() && model.state.next(model.now) == Next::Nothing);
    }
}

fn key(controller: usize, namespace: &str, name: usize) -> WorkKey {
    WorkKey { controller, key: ObjectKey::new(namespace, &*name.to_string()) }
}

/// Takes the next key and ends its run at once.
fn next(state: &mut Schedule, now: Instant) -> Option<(WorkKey, Priority)> {
    let Next::Work(given) = state.next(now) else { return None };
    state.done(&given.key);
    Some((given.key, given.priority))
}

#[test]
fn a_flood_of_one_namespace_or_controller_delays_no_other() {
    let (mut state, now) = (Schedule::default(), Instant::now());
    (0..10_000).for_each(|name| state.add(key(0, "flood", name), Priority::Change, now));
    state.add(key(0, "quiet", 1), Priority::Change, now);
    state.add(key(1, "other", 1), Priority::Change, now);
    let first: Vec<WorkKey> =
        (0..4).filter_map(|_| next(&mut state, now)).map(|(key, _)| key).collect();
    assert_eq!(
        first,
        [key(0, "flood", 0), key(1, "other", 1), key(0, "quiet", 1), key(0, "flood", 1)]
    );
}

#[test]
fn each_priority_with_waiting_keys_gets_one_of_eight() {
    let (mut state, now) = (Schedule::default(), Instant::now());
    for priority in Priority::ALL {
        (0..80).for_each(|name| state.add(key(priority as usize, "n", name), priority, now));
    }
    let mut of = [0; 3];
    (0..80)
        .filter_map(|_| next(&mut state, now))
        .for_each(|(_, priority)| of[priority as usize] += 1);
    assert!(of[0] >= 58 && of[1] >= 9 && of[2] >= 9, "{of:?}");
}

#[test]
fn a_flood_leaves_no_memory_behind() {
    let (mut state, mut now) = (Schedule::default(), Instant::now());
    for name in 0..100_000 {
        state.add(key(name % 2, &(name % 977).to_string(), name), Priority::Sweep, now);
        state.add_at(key(2, "later", name), now + Duration::from_secs(1));
    }
    let full = state.capacity();
    for name in (0..100_000).step_by(2) {
        state.add(key(name % 2, &(name % 977).to_string(), name), Priority::Change, now);
    }
    assert!(
        state.capacity() < 2 * full,
        "{} for 100,000 keys that changed place, {full} before",
        state.capacity()
    );
    now += Duration::from_secs(1);
    let mut given = 0;
    while next(&mut state, now).is_some() {
        given += 1;
    }
    assert_eq!(given, 200_000);
    assert!(state.capacity() < 1_000, "room for {} keys is kept", state.capacity());
}

#[test]
fn the_rest_of_a_flood_keeps_little_memory() {
    let (mut state, now) = (Schedule::default(), Instant::now());
    (0..10_000).for_each(|name| state.add(key(0, &name.to_string(), name), Priority::Change, now));
    (0..100_000).for_each(|name| state.add(key(0, "long", name), Priority::Change, now));
    assert_eq!((0..109_990).filter_map(|_| next(&mut state, now)).count(), 109_990);
    assert!(state.capacity() < 1_000, "room for {} keys is kept for 10", state.capacity());
}

#[test]
fn a_key_that_changes_its_priority_often_leaves_no_tickets_behind() {
    let (mut state, now) = (Schedule::default(), Instant::now());
    (0..100).for_each(|name| state.add(key(0, "n", name), Priority::Resync, now));
    for _ in 0..10_000 {
        state.add(key(0, "n", 1_000), Priority::Resync, now);
        state.add(key(0, "n", 1_000), Priority::Change, now);
        if let Some((again, Priority::Resync)) = next(&mut state, now) {
            state.add(again, Priority::Resync, now);
        }
    }
    assert!(state.capacity() < 1_000, "room for {} keys is kept", state.capacity());
}

/// Takes keys until none is returned, and leaves their runs in progress. Returns their namespaces
/// and what follows.
fn take_all(state: &mut Schedule, now: Instant) -> (String, Next) {
    let mut namespaces = String::new();
    loop {
        match state.next(now) {
            Next::Work(given) => namespaces.push_str(&given.key.key.namespace),
            next => return (namespaces, next),
        }
    }
}

#[test]
fn slow_runs_of_one_namespace_leave_room_for_another_after_a_second() {
    let (mut state, mut now) = (Schedule::default(), Instant::now());
    state.set_workers(4);
    (0..20).for_each(|name| state.add(key(0, "a", name), Priority::Change, now));
    let slow_at = now + SLOW;
    assert_eq!(take_all(&mut state, now), ("aaaa".to_owned(), Next::Until(slow_at)));
    state.add(key(1, "b", 1), Priority::Resync, now);
    assert_eq!(take_all(&mut state, now), (String::new(), Next::Until(slow_at)));
    now = slow_at;
    let next = take_all(&mut state, now);
    assert_eq!(next, ("b".to_owned(), Next::Nothing), "a has all runs that it may have");
    (2..20).for_each(|name| state.add(key(1, "b", name), Priority::Sweep, now));
    state.add(key(0, "c", 1), Priority::Sweep, now);
    let (namespaces, next) = take_all(&mut state, now);
    assert!(namespaces.contains('c') && namespaces.len() == 3, "{namespaces}");
    assert_eq!(next, Next::Until(now + SLOW), "four runs are not slow");
    now += SLOW;
    state.done(&key(0, "a", 0));
    let (namespaces, _) = take_all(&mut state, now);
    assert_eq!(namespaces.matches('a').count(), 1, "one run of a ended: {namespaces}");
}

#[test]
fn a_single_namespace_uses_all_workers() {
    let (mut state, mut now) = (Schedule::default(), Instant::now());
    state.set_workers(4);
    (0..100).for_each(|name| state.add(key(0, "a", name), Priority::Change, now));
    assert_eq!(take_all(&mut state, now).0, "aaaa");
    for name in 0..96 {
        now += Duration::from_millis(1);
        state.done(&key(0, "a", name));
        assert_eq!(take_all(&mut state, now).0, "a", "the next run starts at once");
    }
}
