//! Events of resources, and their effects.
#![allow(clippy::unwrap_used)]

use k8s_openapi::api::core::v1::ConfigMap;

use super::*;

fn resource(name: &str, uid: &str, version: u64) -> Resource {
    let mut object = ConfigMap::default();
    object.metadata.namespace = Some("ns".to_owned());
    object.metadata.name = Some(name.to_owned());
    object.metadata.uid = Some(uid.to_owned());
    Resource::new(Arc::new(object), version)
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("ns", name)
}

#[test]
fn an_older_or_equal_version_is_skipped_and_another_uid_replaces() {
    let cache = ResourceCache::default();
    assert_eq!(
        cache.observe(resource("a", "u1", 5), None, 1),
        Effect { is_work: true, ..Effect::default() }
    );
    assert_eq!(cache.observe(resource("a", "u1", 5), None, 1), Effect::default());
    assert_eq!(cache.observe(resource("a", "u1", 4), None, 1), Effect::default());
    assert_eq!(
        cache.observe(resource("a", "u2", 3), None, 1),
        Effect { is_work: true, deleted: Some("u1".into()), is_set_back: false }
    );
    assert_eq!((cache.key_of("u1"), cache.key_of("u2")), (None, Some(key("a"))));
    assert_eq!(cache.len(), 1);
}

#[test]
fn a_complete_list_removes_missing_resources() {
    let cache = ResourceCache::default();
    for name in ["a", "b", "c"] {
        cache.observe(resource(name, name, 1), None, 1);
    }
    cache.observe(resource("a", "a", 1), None, 2);
    cache.observe(resource("b", "b", 2), None, 2);
    assert!(cache.complete_list(Some("elsewhere"), 2).is_empty());
    assert_eq!(cache.complete_list(None, 2), [(key("c"), "c".into())]);
    assert_eq!(cache.key_of("c"), None);
    assert_eq!(cache.keys().len(), 2);
}

#[test]
fn only_the_resource_with_that_uid_is_removed() {
    let cache = ResourceCache::default();
    cache.observe(resource("a", "u2", 2), None, 1);
    assert!(!cache.remove(&key("a"), "u1"));
    assert!(cache.remove(&key("a"), "u2"));
    assert!(cache.get(&key("a")).is_none());
}

#[test]
fn the_inputs_of_a_status_are_remembered_for_one_version() {
    let cache = ResourceCache::default();
    cache.observe(resource("a", "u", 1), None, 1);
    let first = cache.get(&key("a")).unwrap();
    assert!(!first.has_status_of(7));
    first.record_status_of(7);
    assert!(cache.get(&key("a")).unwrap().has_status_of(7));
    cache.observe(resource("a", "u", 2), None, 1);
    assert!(!cache.get(&key("a")).unwrap().has_status_of(7));
}

#[test]
fn an_event_with_only_our_own_status_is_no_work() {
    let with = |version, change: fn(&mut ConfigMap)| {
        let mut object = ConfigMap::default();
        object.metadata.namespace = Some("ns".to_owned());
        object.metadata.name = Some("a".to_owned());
        object.metadata.uid = Some("u".to_owned());
        object.metadata.generation = Some(1);
        change(&mut object);
        Resource::new(Arc::new(object), version)
    };
    let own = |is_unchanged| Some(OwnWrite { inputs: 7, is_unchanged });
    let cache = ResourceCache::default();
    cache.observe(with(1, |_| ()), None, 1);
    assert_eq!(cache.observe(with(2, |_| ()), own(true), 1), Effect::default());
    assert!(cache.get(&key("a")).unwrap().has_status_of(7));
    assert!(
        cache.observe(with(3, |_| ()), own(false), 1).is_work,
        "the event has a foreign status too"
    );
    assert!(cache.get(&key("a")).unwrap().has_status_of(7), "the event has our status too");
    let changes: [fn(&mut ConfigMap); 3] = [
        |object| object.metadata.generation = Some(2),
        |object| object.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into()),
        |object| object.metadata.annotations = Some([("a".to_owned(), "b".to_owned())].into()),
    ];
    for change in changes {
        let cache = ResourceCache::default();
        cache.observe(with(1, |_| ()), None, 1);
        assert!(cache.observe(with(2, change), own(true), 1).is_work);
    }
    let cache = ResourceCache::default();
    assert!(cache.observe(with(1, |_| ()), own(true), 1).is_work, "the previous state is unknown");
}

#[test]
fn a_new_list_wins_even_if_it_is_older() {
    let cache = ResourceCache::default();
    cache.observe(resource("a", "u", 1000), None, 1);
    assert_eq!(
        cache.observe(resource("a", "u", 999), None, 1),
        Effect::default(),
        "the event is old"
    );
    assert_eq!(
        cache.observe(resource("a", "u", 500), None, 2),
        Effect { is_work: true, deleted: None, is_set_back: true }
    );
    assert_eq!(cache.get(&key("a")).unwrap().version, 500);
}
