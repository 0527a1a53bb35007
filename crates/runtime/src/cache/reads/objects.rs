//! The objects of one read kind: by key, and by those labels and indexes that somebody asks by.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubewright_core::ObjectKey;
use kubewright_core::index::AnyIndex;
use kubewright_core::kind::AnyObject;

/// By what objects are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum By {
    /// By the value of a label.
    Label(String),
    /// By a key in an index.
    Index(AnyIndex),
}

impl By {
    /// The values of one object: those under which it is found.
    fn values(&self, object: &dyn AnyObject) -> Vec<String> {
        match self {
            Self::Label(label) => {
                label_of(object.meta(), label).map(str::to_owned).into_iter().collect()
            }
            Self::Index(index) => index.keys(object),
        }
    }
}

/// One object, and the hash of all that can be seen of it.
#[derive(Debug)]
struct Known {
    object: Arc<dyn AnyObject>,
    content: Option<u64>,
}

/// Keys of objects by the value of one label, or by a key in one index.
type ByValue = HashMap<Box<str>, BTreeSet<ObjectKey>>;

/// The objects of one kind.
#[derive(Debug, Default)]
pub(super) struct Objects {
    all: BTreeMap<ObjectKey, Known>,
    by: HashMap<By, ByValue>,
}

impl Objects {
    /// Whether the object is known with exactly this content.
    pub(super) fn is_as_known(&self, key: &ObjectKey, content: Option<u64>) -> bool {
        content.is_some() && self.all.get(key).is_some_and(|known| known.content == content)
    }

    /// Takes an object in; gives what was there before.
    pub(super) fn insert(
        &mut self,
        key: ObjectKey,
        object: Arc<dyn AnyObject>,
        content: Option<u64>,
    ) -> Option<Arc<dyn AnyObject>> {
        let before = self.remove(&key);
        for (by, values) in &mut self.by {
            for value in by.values(&*object) {
                add(values, &value, key.clone());
            }
        }
        self.all.insert(key, Known { object, content });
        before
    }

    /// Gives what was there.
    pub(super) fn remove(&mut self, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        let Known { object, .. } = self.all.remove(key)?;
        for (by, values) in &mut self.by {
            for value in by.values(&*object) {
                let Some(keys) = values.get_mut(&*value) else { continue };
                keys.remove(key);
                if keys.is_empty() {
                    values.remove(&*value);
                }
            }
        }
        Some(object)
    }

    pub(super) fn get(&self, key: &ObjectKey) -> Option<Arc<dyn AnyObject>> {
        self.all.get(key).map(|known| Arc::clone(&known.object))
    }

    /// The keys of one namespace, or of all.
    pub(super) fn keys<'a>(
        &'a self,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a ObjectKey> {
        self.all
            .range((first(namespace), Bound::Unbounded))
            .map(|(key, _)| key)
            .take_while(move |key| is_in(key, namespace))
    }

    /// The objects of one namespace, or of all, ordered by key: at least those that carry all of
    /// `labels`.
    pub(super) fn list(
        &self,
        namespace: Option<&str>,
        labels: &[(String, String)],
    ) -> Vec<Arc<dyn AnyObject>> {
        let nothing = BTreeSet::new();
        let indexed = labels.iter().filter_map(|(label, value)| {
            let values = self.by.get(&By::Label(label.clone()))?;
            Some(values.get(&**value).unwrap_or(&nothing))
        });
        match indexed.min_by_key(|keys| keys.len()) {
            Some(keys) => {
                let range = keys
                    .range((first(namespace), Bound::Unbounded))
                    .take_while(|key| is_in(key, namespace));
                range.filter_map(|key| self.get(key)).collect()
            }
            None => self.keys(namespace).filter_map(|key| self.get(key)).collect(),
        }
    }

    /// The objects of all namespaces, ordered by key: at least those that have this key in the
    /// index.
    pub(super) fn indexed(&self, index: AnyIndex, key: &str) -> Vec<Arc<dyn AnyObject>> {
        match self.by.get(&By::Index(index)) {
            Some(values) => {
                values.get(key).into_iter().flatten().filter_map(|key| self.get(key)).collect()
            }
            None => self.all.values().map(|known| Arc::clone(&known.object)).collect(),
        }
    }

    /// Begins or ends to know the objects by this; what is so already stays so.
    pub(super) fn index(&mut self, by: &By, wanted: bool) {
        if !wanted {
            self.by.remove(by);
        } else if !self.by.contains_key(by) {
            let mut values = ByValue::new();
            for (key, known) in &self.all {
                for value in by.values(&*known.object) {
                    add(&mut values, &value, key.clone());
                }
            }
            self.by.insert(by.clone(), values);
        }
    }
}

fn label_of<'a>(meta: &'a ObjectMeta, label: &str) -> Option<&'a str> {
    meta.labels.as_ref()?.get(label).map(String::as_str)
}

fn add(values: &mut ByValue, value: &str, key: ObjectKey) {
    match values.get_mut(value) {
        Some(keys) => drop(keys.insert(key)),
        None => drop(values.insert(value.into(), BTreeSet::from([key]))),
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
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn config(
        namespace: &str,
        name: &str,
        labels: &[(&str, &str)],
    ) -> (ObjectKey, Arc<dyn AnyObject>) {
        let mut config = ConfigMap::default();
        config.metadata.name = Some(name.to_owned());
        config.metadata.namespace = Some(namespace.to_owned());
        config.metadata.labels =
            Some(labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
        (ObjectKey::new(namespace, name), Arc::new(config))
    }

    /// Namespace, name and labels.
    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

    fn of(all: &[Row<'_>]) -> Objects {
        let mut objects = Objects::default();
        for (namespace, name, labels) in all {
            let (key, object) = config(namespace, name, labels);
            objects.insert(key, object, None);
        }
        objects
    }

    fn listed(objects: &Objects, namespace: Option<&str>, labels: &[(&str, &str)]) -> Vec<String> {
        let labels: Vec<_> =
            labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        objects
            .list(namespace, &labels)
            .iter()
            .map(|o| ObjectKey::of(o.meta()).to_string())
            .collect()
    }

    #[test]
    fn a_namespace_is_found_without_those_before_and_after_it() {
        let objects = of(&[
            ("a", "1", &[]),
            ("b", "1", &[]),
            ("b", "2", &[]),
            ("b-c", "1", &[]),
            ("c", "1", &[]),
        ]);
        assert_eq!(listed(&objects, Some("b"), &[]), ["b/1", "b/2"]);
        assert_eq!(listed(&objects, None, &[]).len(), 5);
        assert_eq!(listed(&objects, Some(""), &[]), [""; 0]);
    }

    #[test]
    fn a_label_that_is_indexed_gives_only_what_carries_it() {
        let mut objects = of(&[
            ("a", "1", &[("host", "x")]),
            ("a", "2", &[("host", "y")]),
            ("b", "1", &[("host", "x")]),
        ]);
        assert_eq!(
            listed(&objects, None, &[("host", "x")]).len(),
            3,
            "at first everything is given"
        );
        objects.index(&By::Label("host".to_owned()), true);
        assert_eq!(listed(&objects, None, &[("host", "x")]), ["a/1", "b/1"]);
        assert_eq!(listed(&objects, Some("b"), &[("host", "x")]), ["b/1"]);
        assert_eq!(listed(&objects, None, &[("host", "z")]), [""; 0]);
        assert_eq!(
            listed(&objects, None, &[("other", "x"), ("host", "y")]),
            ["a/2"],
            "one indexed label is enough"
        );
    }

    #[test]
    fn the_index_follows_the_objects() {
        let mut objects = of(&[("a", "1", &[("host", "x")])]);
        objects.index(&By::Label("host".to_owned()), true);
        for labels in [&[("host", "y")][..], &[]] {
            let (key, object) = config("a", "1", labels);
            objects.insert(key, object, None);
            assert_eq!(listed(&objects, None, &[("host", "x")]), [""; 0]);
        }
        let (key, object) = config("a", "1", &[("host", "x")]);
        objects.insert(key.clone(), object, None);
        assert_eq!(listed(&objects, None, &[("host", "x")]), ["a/1"]);
        objects.remove(&key);
        assert_eq!(listed(&objects, None, &[("host", "x")]), [""; 0]);
        assert!(
            objects.by[&By::Label("host".to_owned())].is_empty(),
            "nothing is kept of values that nobody carries"
        );
        objects.index(&By::Label("host".to_owned()), false);
        assert!(objects.by.is_empty());
    }
}
