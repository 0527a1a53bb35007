//! Look-ups by namespace, label and index.

use k8s_openapi::api::core::v1::ConfigMap;

use super::*;

fn config(namespace: &str, name: &str, labels: &[(&str, &str)]) -> (ObjectKey, Arc<dyn AnyObject>) {
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
    objects.index(&Selector::Label("host".to_owned()), true);
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
    objects.index(&Selector::Label("host".to_owned()), true);
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
        objects.by_selector[&Selector::Label("host".to_owned())].is_empty(),
        "unused values are removed"
    );
    objects.index(&Selector::Label("host".to_owned()), false);
    assert!(objects.by_selector.is_empty());
}
