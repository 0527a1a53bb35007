//! Objects that `build` looks up, and who looked up what.
//!
//! A change wakes exactly the resources whose last `build` asked for the changed object, or for a list that it is in.

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kubewright_core::ObjectKey;
use kubewright_core::kind::AnyObject;
use kubewright_core::view::{Lookup, Query, Source};

use crate::queue::WorkKey;

/// All read objects and the record of look-ups.
#[derive(Debug, Default)]
pub(crate) struct ReadCache(RwLock<State>);

#[derive(Debug, Default)]
pub(crate) struct State {
    objects: HashMap<TypeId, BTreeMap<ObjectKey, Arc<dyn AnyObject>>>,
    /// Who asked for one object.
    gets: HashMap<(TypeId, ObjectKey), HashSet<WorkKey>>,
    /// Who asked for a list.
    lists: HashMap<TypeId, HashMap<Query, HashSet<WorkKey>>>,
    /// What each asked for in its last build.
    asked: HashMap<WorkKey, Vec<Lookup>>,
    /// Counts changes of objects: a build that overlapped with one is done again.
    changes: u64,
}

impl Source for State {
    fn get(&self, type_id: TypeId, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        self.objects.get(&type_id)?.get(key).cloned()
    }

    fn list(&self, type_id: TypeId, namespace: Option<&str>) -> Vec<Arc<dyn AnyObject>> {
        let objects = self.objects.get(&type_id).into_iter().flatten();
        objects.filter(|(key, _)| namespace.is_none() || key.namespace() == namespace).map(|(_, o)| Arc::clone(o)).collect()
    }
}

impl State {
    fn concerned(
        &self,
        type_id: TypeId,
        key: &ObjectKey,
        before: Option<&dyn AnyObject>,
        now: Option<&dyn AnyObject>,
    ) -> HashSet<WorkKey> {
        let mut concerned = self.gets.get(&(type_id, key.clone())).cloned().unwrap_or_default();
        for (query, who) in self.lists.get(&type_id).into_iter().flatten() {
            if before.into_iter().chain(now).any(|object| query.matches(object)) {
                concerned.extend(who.iter().cloned());
            }
        }
        concerned
    }

    fn unrecord(&mut self, who: &WorkKey) {
        for lookup in self.asked.remove(who).unwrap_or_default() {
            match &lookup.query {
                Query::Get(key) => remove(&mut self.gets, &(lookup.type_id, key.clone()), who),
                query @ Query::List { .. } => {
                    if let Some(lists) = self.lists.get_mut(&lookup.type_id) {
                        remove(lists, query, who);
                    }
                }
            }
        }
    }
}

fn remove<K: std::hash::Hash + Eq>(index: &mut HashMap<K, HashSet<WorkKey>>, key: &K, who: &WorkKey) {
    if let Some(all) = index.get_mut(key) {
        all.remove(who);
        if all.is_empty() {
            index.remove(key);
        }
    }
}

impl ReadCache {
    /// A consistent state of all read objects, for the length of one build.
    pub(crate) fn snapshot(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts changes; take it with the snapshot, give it to [`record`](Self::record).
    pub(crate) fn changes(state: &State) -> u64 {
        state.changes
    }

    /// Records what `who` asked for. `false` when something changed since `changes`: build again.
    #[must_use]
    pub(crate) fn record(&self, who: &WorkKey, lookups: Vec<Lookup>, changes: u64) -> bool {
        // Most operators read nothing: no lock for them.
        if lookups.is_empty() && !self.snapshot().asked.contains_key(who) {
            return true;
        }
        let mut state = self.write();
        if state.asked.get(who) != Some(&lookups) {
            state.unrecord(who);
            for lookup in &lookups {
                match &lookup.query {
                    Query::Get(key) => state.gets.entry((lookup.type_id, key.clone())).or_default().insert(who.clone()),
                    query @ Query::List { .. } => {
                        let lists = state.lists.entry(lookup.type_id).or_default();
                        lists.entry(query.clone()).or_default().insert(who.clone())
                    }
                };
            }
            state.asked.insert(who.clone(), lookups);
        }
        state.changes == changes
    }

    /// `who` is gone.
    pub(crate) fn forget_reader(&self, who: &WorkKey) {
        if self.snapshot().asked.contains_key(who) {
            self.write().unrecord(who);
        }
    }

    /// An event says what an object is like now; gives whom that concerns.
    pub(crate) fn observe(&self, type_id: TypeId, object: &Arc<dyn AnyObject>) -> HashSet<WorkKey> {
        let key = ObjectKey::of(object.meta());
        let version = object.meta().resource_version.as_deref();
        let known = |state: &State| state.objects.get(&type_id)?.get(&key)?.meta().resource_version.clone();
        // A relist brings what is known already.
        if version.is_some() && known(&self.snapshot()).as_deref() == version {
            return HashSet::new();
        }
        let mut state = self.write();
        state.changes += 1;
        let before = state.objects.entry(type_id).or_default().insert(key.clone(), Arc::clone(object));
        state.concerned(type_id, &key, before.as_deref(), Some(&**object))
    }

    /// An event says that an object is gone; gives whom that concerns.
    pub(crate) fn forget(&self, type_id: TypeId, key: &ObjectKey) -> HashSet<WorkKey> {
        let mut state = self.write();
        state.changes += 1;
        let before = state.objects.get_mut(&type_id).and_then(|objects| objects.remove(key));
        before.map_or_else(HashSet::new, |before| state.concerned(type_id, key, Some(&*before), None))
    }

    /// A list is complete: what it did not contain is gone.
    pub(crate) fn listed(&self, type_id: TypeId, namespace: Option<&str>, seen: &HashSet<ObjectKey>) -> HashSet<WorkKey> {
        let keys: Vec<ObjectKey> = {
            let state = self.snapshot();
            let all = state.objects.get(&type_id).into_iter().flat_map(BTreeMap::keys);
            all.filter(|k| (namespace.is_none() || k.namespace() == namespace) && !seen.contains(k)).cloned().collect()
        };
        keys.iter().flat_map(|key| self.forget(type_id, key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use kubewright_core::View;

    use super::*;

    type Reads = (ConfigMap,);

    fn config(name: &str, labels: &[(&str, &str)]) -> Arc<dyn AnyObject> {
        let mut config = ConfigMap::default();
        config.metadata.name = Some(name.to_owned());
        config.metadata.namespace = Some("ns".to_owned());
        config.metadata.labels = Some(labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        Arc::new(config)
    }

    fn who(name: &str) -> WorkKey {
        WorkKey { controller: 0, key: ObjectKey::new("ns", name) }
    }

    fn look(cache: &ReadCache, reader: &str, look: impl Fn(&View<'_, Reads>)) -> bool {
        let (lookups, changes) = {
            let state = cache.snapshot();
            let view = View::<Reads>::new(&*state);
            look(&view);
            (view.into_lookups(), ReadCache::changes(&state))
        };
        cache.record(&who(reader), lookups, changes)
    }

    const ID: fn() -> TypeId = TypeId::of::<ConfigMap>;

    #[test]
    fn a_change_wakes_exactly_those_who_looked() {
        let cache = ReadCache::default();
        assert!(look(&cache, "a", |v| drop(v.get::<ConfigMap, _>(&ObjectKey::new("ns", "one")))));
        assert!(look(&cache, "b", |v| drop(v.list::<ConfigMap, _>(Some("ns"), &[("tier", "x")]))));
        assert!(look(&cache, "c", |v| drop(v.list::<ConfigMap, _>(Some("other"), &[]))));
        assert_eq!(cache.observe(ID(), &config("one", &[])), HashSet::from([who("a")]));
        assert_eq!(cache.observe(ID(), &config("two", &[("tier", "x")])), HashSet::from([who("b")]));
        assert_eq!(cache.observe(ID(), &config("two", &[])), HashSet::from([who("b")]), "it left b's list");
        assert!(cache.observe(ID(), &config("two", &[])).is_empty());
        assert_eq!(cache.listed(ID(), None, &HashSet::new()), HashSet::from([who("a")]));
    }

    #[test]
    fn who_no_longer_looks_is_no_longer_woken() {
        let cache = ReadCache::default();
        assert!(look(&cache, "a", |v| drop(v.get::<ConfigMap, _>(&ObjectKey::new("ns", "one")))));
        assert!(look(&cache, "a", |_| ()));
        assert!(cache.observe(ID(), &config("one", &[])).is_empty());
    }

    #[test]
    fn a_build_that_overlaps_with_a_change_is_done_again() {
        let cache = ReadCache::default();
        let before = ReadCache::changes(&cache.snapshot());
        cache.observe(ID(), &config("one", &[]));
        let lookups = {
            let state = cache.snapshot();
            let view = View::<Reads>::new(&*state);
            drop(view.get::<ConfigMap, _>(&ObjectKey::new("ns", "one")));
            view.into_lookups()
        };
        assert!(!cache.record(&who("a"), lookups, before));
    }
}
