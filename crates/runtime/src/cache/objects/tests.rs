//! Look-ups by namespace, label and index.

use k8s_openapi::api::core::v1::ConfigMap;
use kubewright_core::Index;

use super::*;

fn config(namespace: &str, name: &str, labels: &[(&str, &str)]) -> (ObjectKey, Cached) {
    let mut config = ConfigMap::default();
    config.metadata.name = Some(name.to_owned());
    config.metadata.namespace = Some(namespace.to_owned());
    config.metadata.labels =
        Some(labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect());
    (ObjectKey::new(namespace, name), Cached::new(Arc::new(config), None, Keys::default()))
}

/// Namespace, name and labels.
type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

fn of(all: &[Row<'_>]) -> Objects {
    let mut objects = Objects::default();
    for (namespace, name, labels) in all {
        let (key, object) = config(namespace, name, labels);
        objects.insert(key, object);
    }
    objects
}

fn listed(objects: &Objects, namespace: Option<&str>, labels: &[(&str, &str)]) -> Vec<String> {
    let labels: Vec<_> = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    objects.list(namespace, &labels).iter().map(|o| ObjectKey::of(o.meta()).to_string()).collect()
}

#[test]
fn a_list_of_a_namespace_has_no_objects_of_neighbouring_namespaces() {
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
fn a_list_by_an_indexed_label_has_only_matching_objects() {
    let mut objects = of(&[
        ("a", "1", &[("host", "x")]),
        ("a", "2", &[("host", "y")]),
        ("b", "1", &[("host", "x")]),
    ]);
    assert_eq!(
        listed(&objects, None, &[("host", "x")]).len(),
        3,
        "without an index all objects are returned"
    );
    assert!(objects.use_selector(&Selector::Label("host".to_owned())).is_empty());
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
    assert!(objects.use_selector(&Selector::Label("host".to_owned())).is_empty());
    for labels in [&[("host", "y")][..], &[]] {
        let (key, object) = config("a", "1", labels);
        objects.insert(key, object);
        assert_eq!(listed(&objects, None, &[("host", "x")]), [""; 0]);
    }
    let (key, object) = config("a", "1", &[("host", "x")]);
    objects.insert(key.clone(), object);
    assert_eq!(listed(&objects, None, &[("host", "x")]), ["a/1"]);
    objects.remove(&key);
    assert_eq!(listed(&objects, None, &[("host", "x")]), [""; 0]);
    assert!(
        objects.by_selector[&Selector::Label("host".to_owned())].is_empty(),
        "unused values are removed"
    );
    objects.forget(&Selector::Label("host".to_owned()));
    assert!(objects.by_selector.is_empty());
}

/// The names of a ConfigMap.
struct ByName;

impl Index for ByName {
    type Of = ConfigMap;
    fn keys(config: &ConfigMap) -> Vec<String> {
        config.metadata.name.iter().cloned().collect()
    }
}

#[test]
fn an_index_is_used_once_all_objects_have_their_keys() {
    let mut objects = of(&[("a", "1", &[]), ("a", "2", &[])]);
    let index = AnyIndex::of::<ByName>();
    let found = |objects: &Objects| objects.indexed(index, "1").len();
    let lacking = objects.use_selector(&Selector::Index(index));
    assert_eq!((lacking.len(), found(&objects)), (2, 2), "all objects, as without an index");
    assert_eq!(objects.indexes(), [index], "a new object comes with its keys");
    let keys = |(key, object): &Lacking| Keys::compute(&[index], key, &**object);
    // The second object changes before its keys arrive.
    let (key, changed) = config("a", "2", &[("host", "x")]);
    objects.insert(key, changed);
    for one in &lacking {
        objects.add_keys(one, keys(one));
    }
    let lacking = objects.use_selector(&Selector::Index(index));
    assert_eq!((lacking.len(), found(&objects)), (1, 2));
    objects.add_keys(&lacking[0], keys(&lacking[0]));
    assert_eq!(objects.use_selector(&Selector::Index(index)).len(), 0);
    assert_eq!((found(&objects), objects.indexes()), (1, vec![index]));
    objects.forget(&Selector::Index(index));
    assert_eq!((found(&objects), objects.indexes()), (2, vec![]));
    assert_eq!(objects.use_selector(&Selector::Index(index)).len(), 2, "the keys are forgotten");
}
