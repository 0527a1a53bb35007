//! The objects of one read kind: by key, and by those labels and indexes that builds ask for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::{Bound, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kubewright_core::ObjectKey;
use kubewright_core::index::AnyIndex;
use kubewright_core::kind::AnyObject;
use kubewright_core::ordered::{Last, Place, Rank};

use super::places::{Limit, Places};

/// What objects can be looked up by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Selector {
    /// The value of a label.
    Label(String),
    /// A key in an index.
    Index(AnyIndex),
}

/// The keys of one object in the indexes that builds use, and its places in those with an order.
/// They come from code of the operator, so they are computed without a lock, and kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(Vec<KeysIn>);

/// The keys in one index.
#[derive(Clone, Debug)]
struct KeysIn {
    index: AnyIndex,
    keys: Vec<String>,
    /// `None` in an index without an order.
    place: Option<Place>,
}

impl Keys {
    pub(super) fn compute(indexes: &[AnyIndex], key: &ObjectKey, object: &dyn AnyObject) -> Self {
        Self(indexes.iter().map(|index| KeysIn::compute(*index, key, object)).collect())
    }

    fn find(&self, index: AnyIndex) -> Option<&KeysIn> {
        self.0.iter().find(|of| of.index == index)
    }

    /// The keys in this index; `None` if they are not computed yet.
    pub(super) fn of(&self, index: AnyIndex) -> Option<&[String]> {
        self.find(index).map(|of| &*of.keys)
    }

    /// The place in this ordered index; `None` if it is not computed yet.
    pub(super) fn place(&self, index: AnyIndex) -> Option<&Place> {
        self.find(index)?.place.as_ref()
    }
}

impl KeysIn {
    /// The keys of an object in this index. A panic of the operator's code must not lose the
    /// object.
    fn compute(index: AnyIndex, key: &ObjectKey, object: &dyn AnyObject) -> Self {
        let compute = || (index.keys(object), index.rank(object));
        let (keys, rank) = catch_unwind(AssertUnwindSafe(compute)).unwrap_or_else(|_| {
            tracing::error!(?index, object = %key, "the operator has a defect: an index panicked");
            (Vec::new(), index.is_ordered().then(Rank::default))
        });
        Self { index, keys, place: rank.map(|rank| Place::new(rank, key.clone())) }
    }
}

/// An object as a cache holds it.
#[derive(Clone)]
pub(super) struct Cached {
    pub(super) object: Arc<dyn AnyObject>,
    /// The hash of everything that a build can see of it.
    content: Option<u64>,
    pub(super) keys: Keys,
}

impl Cached {
    pub(super) fn new(object: Arc<dyn AnyObject>, content: Option<u64>, keys: Keys) -> Self {
        Self { object, content, keys }
    }

    /// The values of a selector under which the object is found.
    fn values(&self, selector: &Selector) -> &[String] {
        match selector {
            Selector::Label(label) => {
                let labels = self.object.meta().labels.as_ref();
                labels.and_then(|labels| labels.get(label)).map(std::slice::from_ref)
            }
            Selector::Index(index) => self.keys.of(*index),
        }
        .unwrap_or_default()
    }

    /// The keys in an ordered index and the place.
    fn in_order(&self, index: AnyIndex) -> Option<(&[String], &Place)> {
        self.keys.of(index).zip(self.keys.place(index))
    }
}

/// Keys of objects by the value of one selector.
type ByValue = HashMap<Box<str>, BTreeSet<ObjectKey>>;

/// An object whose keys in an index are not computed yet.
pub(super) type Lacking = (ObjectKey, Arc<dyn AnyObject>);

/// The objects of one kind.
#[derive(Default)]
pub(super) struct Objects {
    by_key: BTreeMap<ObjectKey, Cached>,
    by_selector: HashMap<Selector, ByValue>,
    /// The indexes with an order.
    ordered: HashMap<AnyIndex, Places>,
    /// Indexes that builds use, and that do not have all objects yet.
    incomplete: Vec<AnyIndex>,
}

impl Objects {
    /// Whether the object is cached with exactly this content.
    pub(super) fn has(&self, key: &ObjectKey, content: Option<u64>) -> bool {
        content.is_some() && self.by_key.get(key).is_some_and(|cached| cached.content == content)
    }

    /// The indexes that builds use.
    pub(super) fn indexes(&self) -> Vec<AnyIndex> {
        let complete = self.by_selector.keys().filter_map(|selector| match selector {
            Selector::Index(index) => Some(*index),
            Selector::Label(_) => None,
        });
        complete
            .chain(self.ordered.keys().copied())
            .chain(self.incomplete.iter().copied())
            .collect()
    }

    /// Inserts an object and returns its previous state.
    pub(super) fn insert(&mut self, key: ObjectKey, cached: Cached) -> Option<Cached> {
        let before = self.remove(&key);
        for (selector, by_value) in &mut self.by_selector {
            add(by_value, cached.values(selector), &key);
        }
        for (index, places) in &mut self.ordered {
            if let Some((keys, place)) = cached.in_order(*index) {
                places.insert(keys, place);
            }
        }
        self.by_key.insert(key, cached);
        before
    }

    /// Removes and returns an object.
    pub(super) fn remove(&mut self, key: &ObjectKey) -> Option<Cached> {
        let cached = self.by_key.remove(key)?;
        for (selector, by_value) in &mut self.by_selector {
            for value in cached.values(selector) {
                let Some(keys) = by_value.get_mut(&**value) else { continue };
                keys.remove(key);
                if keys.is_empty() {
                    by_value.remove(&**value);
                }
            }
        }
        for (index, places) in &mut self.ordered {
            if let Some((keys, place)) = cached.in_order(*index) {
                places.remove(keys, place);
            }
        }
        Some(cached)
    }

    /// An object as the cache holds it.
    pub(super) fn cached(&self, key: &ObjectKey) -> Option<&Cached> {
        self.by_key.get(key)
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        self.by_key.get(key).map(|cached| Arc::clone(&cached.object))
    }

    /// The keys of one namespace, or of all.
    pub(super) fn keys<'a>(
        &'a self,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a ObjectKey> {
        let keys = self.by_key.range((first(namespace), Bound::Unbounded)).map(|(key, _)| key);
        keys.take_while(move |key| is_in(key, namespace))
    }

    /// The objects of one namespace, or of all, ordered by key: at least those with all `labels`.
    pub(super) fn list(
        &self,
        namespace: Option<&str>,
        labels: &[(String, String)],
    ) -> Vec<Arc<dyn AnyObject>> {
        let none = BTreeSet::new();
        let indexed = labels.iter().filter_map(|(label, value)| {
            let by_value = self.by_selector.get(&Selector::Label(label.clone()))?;
            Some(by_value.get(&**value).unwrap_or(&none))
        });
        match indexed.min_by_key(|keys| keys.len()) {
            Some(keys) => keys
                .range((first(namespace), Bound::Unbounded))
                .take_while(|key| is_in(key, namespace))
                .filter_map(|key| self.get(key))
                .collect(),
            None => self.keys(namespace).filter_map(|key| self.get(key)).collect(),
        }
    }

    /// The objects of all namespaces, ordered by key: at least those with this key in the index.
    pub(super) fn indexed(&self, index: AnyIndex, key: &str) -> Vec<Arc<dyn AnyObject>> {
        match self.by_selector.get(&Selector::Index(index)) {
            Some(values) => {
                values.get(key).into_iter().flatten().filter_map(|key| self.get(key)).collect()
            }
            None => self.by_key.values().map(|cached| Arc::clone(&cached.object)).collect(),
        }
    }

    /// The objects of all namespaces with this key in the ordered index, at these positions; `None`
    /// without a complete index.
    pub(super) fn ordered(
        &self,
        index: AnyIndex,
        key: &str,
        positions: Range<usize>,
    ) -> Option<Vec<Arc<dyn AnyObject>>> {
        let places = self.ordered.get(&index)?.at(key, positions);
        Some(places.iter().filter_map(|place| self.get(place.key())).collect())
    }

    /// The last object within a limit; `None` without a complete index.
    pub(super) fn last_within(&self, limit: &Limit) -> Option<Last> {
        self.ordered.get(&limit.index).map(|places| places.last_within(limit))
    }

    /// Removes the index of a selector that no build uses any more.
    pub(super) fn forget(&mut self, selector: &Selector) {
        self.by_selector.remove(selector);
        if let Selector::Index(index) = selector {
            self.ordered.remove(index);
            self.incomplete.retain(|other| other != index);
            self.by_key.values_mut().for_each(|c| c.keys.0.retain(|of| of.index != *index));
        }
    }

    /// Creates the index of a selector that builds use. Returns the objects whose keys must be
    /// computed first; then the index is used once this function returns none.
    pub(super) fn use_selector(&mut self, selector: &Selector) -> Vec<Lacking> {
        if self.by_selector.contains_key(selector) {
            return Vec::new();
        }
        if let Selector::Index(index) = selector {
            if self.ordered.contains_key(index) {
                return Vec::new();
            }
            let lacks = self.by_key.iter().filter(|(_, cached)| cached.keys.of(*index).is_none());
            let lacking: Vec<_> = lacks.map(|(k, c)| (k.clone(), Arc::clone(&c.object))).collect();
            self.incomplete.retain(|other| other != index);
            if !lacking.is_empty() {
                // From now on, each new object comes with its keys.
                self.incomplete.push(*index);
                return lacking;
            }
            if index.is_ordered() {
                let all = self.by_key.values().filter_map(|cached| cached.in_order(*index));
                self.ordered.insert(*index, Places::new(all));
                return Vec::new();
            }
        }
        let mut by_value = ByValue::new();
        for (key, cached) in &self.by_key {
            add(&mut by_value, cached.values(selector), key);
        }
        self.by_selector.insert(selector.clone(), by_value);
        Vec::new()
    }

    /// Adds the keys that were computed without a lock, unless the object changed meanwhile.
    pub(super) fn add_keys(&mut self, (key, object): &Lacking, computed: Keys) {
        if let Some(cached) = self.by_key.get_mut(key)
            && Arc::ptr_eq(&cached.object, object)
        {
            for computed in computed.0 {
                if cached.keys.of(computed.index).is_none() {
                    cached.keys.0.push(computed);
                }
            }
        }
    }
}

fn add(by_value: &mut ByValue, values: &[String], key: &ObjectKey) {
    for value in values {
        match by_value.get_mut(&**value) {
            Some(keys) => drop(keys.insert(key.clone())),
            None => drop(by_value.insert(value.as_str().into(), BTreeSet::from([key.clone()]))),
        }
    }
}

/// Where a namespace begins in the order of keys.
fn first(namespace: Option<&str>) -> Bound<ObjectKey> {
    namespace.map_or(Bound::Unbounded, |namespace| Bound::Included(ObjectKey::new(namespace, "")))
}

fn is_in(key: &ObjectKey, namespace: Option<&str>) -> bool {
    namespace.is_none_or(|namespace| *key.namespace == *namespace)
}

#[cfg(test)]
mod tests;
