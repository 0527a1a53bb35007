//! The objects of one read kind: by key, and by those labels and indexes that builds ask for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use kubewright_core::ObjectKey;
use kubewright_core::index::AnyIndex;
use kubewright_core::kind::AnyObject;

/// What objects can be looked up by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Selector {
    /// The value of a label.
    Label(String),
    /// A key in an index.
    Index(AnyIndex),
}

impl Selector {
    /// The values under which an object is found.
    fn values(&self, object: &dyn AnyObject) -> Vec<String> {
        match self {
            Self::Label(label) => {
                let labels = object.meta().labels.as_ref();
                labels.and_then(|labels| labels.get(label)).cloned().into_iter().collect()
            }
            Self::Index(index) => index.keys(object),
        }
    }
}

struct Cached {
    object: Arc<dyn AnyObject>,
    /// The hash of everything that a build can see of it.
    content: Option<u64>,
}

/// Keys of objects by the value of one selector.
type ByValue = HashMap<Box<str>, BTreeSet<ObjectKey>>;

/// The objects of one kind.
#[derive(Default)]
pub(super) struct Objects {
    by_key: BTreeMap<ObjectKey, Cached>,
    by_selector: HashMap<Selector, ByValue>,
}

impl Objects {
    /// Whether the object is cached with exactly this content.
    pub(super) fn has(&self, key: &ObjectKey, content: Option<u64>) -> bool {
        content.is_some() && self.by_key.get(key).is_some_and(|cached| cached.content == content)
    }

    /// Inserts an object and returns its previous state.
    pub(super) fn insert(
        &mut self,
        key: ObjectKey,
        object: Arc<dyn AnyObject>,
        content: Option<u64>,
    ) -> Option<Arc<dyn AnyObject>> {
        let before = self.remove(&key);
        for (selector, by_value) in &mut self.by_selector {
            for value in selector.values(&*object) {
                add(by_value, &value, &key);
            }
        }
        self.by_key.insert(key, Cached { object, content });
        before
    }

    /// Removes and returns an object.
    pub(super) fn remove(&mut self, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        let Cached { object, .. } = self.by_key.remove(key)?;
        for (selector, by_value) in &mut self.by_selector {
            for value in selector.values(&*object) {
                let Some(keys) = by_value.get_mut(&*value) else { continue };
                keys.remove(key);
                if keys.is_empty() {
                    by_value.remove(&*value);
                }
            }
        }
        Some(object)
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

    /// Creates or removes the index of a selector.
    pub(super) fn index(&mut self, selector: &Selector, is_wanted: bool) {
        if !is_wanted {
            self.by_selector.remove(selector);
        } else if !self.by_selector.contains_key(selector) {
            let mut by_value = ByValue::new();
            for (key, cached) in &self.by_key {
                for value in selector.values(&*cached.object) {
                    add(&mut by_value, &value, key);
                }
            }
            self.by_selector.insert(selector.clone(), by_value);
        }
    }
}

fn add(by_value: &mut ByValue, value: &str, key: &ObjectKey) {
    match by_value.get_mut(value) {
        Some(keys) => drop(keys.insert(key.clone())),
        None => drop(by_value.insert(value.into(), BTreeSet::from([key.clone()]))),
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
