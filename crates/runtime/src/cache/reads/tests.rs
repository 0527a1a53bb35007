//! Which resources an event wakes.
#![allow(clippy::unwrap_used)]

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubewright_core::kind::{Entry, ReadKind, ReadKinds as _};
use kubewright_core::selected::Labels;
use kubewright_core::{
    Declaration, Index, KindInfo, Metadata, Part, Selected, Selector, Served, View, of,
};
use serde_json::{Value, json};

use super::*;

/// The operator whose builds look up objects.
struct Reader;

impl Declaration for Reader {
    type Owns = ();
    type Reads = Reads;
    type Facts = ();
}

type Reads = (ConfigMap, Metadata<Pod>, Part<ConfigMap>, Pod, Selected<Pod, Ours>, Served<Secret>);

struct Ours;

impl Selector for Ours {
    const LABELS: Labels = &[("app", "web"), ("tier", "x")];
}

/// The values in a ConfigMap.
struct ByValue;

impl Index for ByValue {
    type Of = ConfigMap;
    fn keys(config: &ConfigMap) -> Vec<String> {
        config.data.iter().flat_map(|data| data.values().cloned()).collect()
    }
}

fn read_kind<E: Entry>() -> ReadKind {
    Reads::read().into_iter().find(|read| read.type_id == TypeId::of::<E>()).unwrap()
}

/// Handles an event of a watch. Returns the sorted names of the readers that it wakes.
fn event<E: Entry>(cache: &ReadCache, object: &Value) -> Vec<String> {
    let object = (read_kind::<E>().decode)(object.to_string().as_bytes()).unwrap();
    names(cache.observe(TypeId::of::<E>(), &object))
}

fn names(woken: HashSet<WorkKey>) -> Vec<String> {
    let mut names: Vec<String> =
        woken.into_iter().map(|reader| reader.key.name.to_string()).collect();
    names.sort();
    names
}

/// Removes what a complete list did not show. Returns the sorted names of the readers.
fn complete(
    cache: &ReadCache,
    type_id: TypeId,
    namespace: Option<&str>,
    seen: &HashSet<ObjectKey>,
) -> Vec<String> {
    let missing = cache.missing(type_id, namespace, seen);
    names(missing.iter().flat_map(|key| cache.remove(type_id, key)).collect())
}

fn gone(cache: &ReadCache, namespace: &str, name: &str) -> Vec<String> {
    names(cache.remove(TypeId::of::<ConfigMap>(), &ObjectKey::new(namespace, name)))
}

fn config(namespace: &str, name: &str, labels: &Value, data: &str) -> Value {
    let metadata = json!({ "namespace": namespace, "name": name, "labels": labels });
    json!({ "metadata": metadata, "data": { "key": data } })
}

fn reader_key(name: &str) -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("ns", name) }
}

/// An object with its keys, as the cache holds it.
fn cached(object: &Arc<dyn AnyObject>) -> Cached {
    let index = kubewright_core::index::AnyIndex::of::<ByValue>();
    Cached::new(
        Arc::clone(object),
        None,
        Keys::compute(&[index], &ObjectKey::of(object.meta()), &**object),
    )
}

/// One build of `reader`.
fn look<T>(cache: &ReadCache, reader: &str, look: impl Fn(&View<'_, Reader>) -> T) -> T {
    let state = cache.snapshot(Timestamp::MIN);
    let view = View::<Reader>::new(&state, &ObjectMeta::default());
    let seen = look(&view);
    let lookups = view.into_lookups();
    assert!(!state.record(&reader_key(reader), lookups), "nothing changed meanwhile");
    seen
}

fn get(cache: &ReadCache, reader: &str, namespace: &str, name: &str) {
    look(cache, reader, |view| view.get(of::<ConfigMap>(), ObjectKey::new(namespace, name)));
}

/// Returns the number of objects.
fn list(
    cache: &ReadCache,
    reader: &str,
    namespace: Option<&str>,
    labels: &[(&str, &str)],
) -> usize {
    look(cache, reader, |view| view.list(of::<ConfigMap>(), namespace, labels).len())
}

/// One reader for each form of look-up.
fn one_of_each() -> ReadCache {
    let cache = ReadCache::default();
    get(&cache, "get", "a", "one");
    list(&cache, "namespace", Some("a"), &[]);
    list(&cache, "label", None, &[("tier", "x")]);
    list(&cache, "both", Some("a"), &[("tier", "x"), ("app", "web")]);
    list(&cache, "all", None, &[]);
    cache
}

#[test]
fn a_change_wakes_exactly_the_readers_of_the_object_or_its_lists() {
    let cache = one_of_each();
    let both = json!({ "tier": "x", "app": "web", "more": "1" });
    assert_eq!(
        event::<ConfigMap>(&cache, &config("a", "one", &json!({}), "1")),
        ["all", "get", "namespace"]
    );
    assert_eq!(event::<ConfigMap>(&cache, &config("b", "one", &json!({}), "1")), ["all"]);
    assert_eq!(
        event::<ConfigMap>(&cache, &config("b", "two", &json!({ "tier": "x" }), "1")),
        ["all", "label"]
    );
    assert_eq!(
        event::<ConfigMap>(&cache, &config("a", "two", &json!({ "tier": "x" }), "1")),
        ["all", "label", "namespace"]
    );
    assert_eq!(
        event::<ConfigMap>(&cache, &config("a", "three", &both, "1")),
        ["all", "both", "label", "namespace"]
    );
    assert_eq!(event::<ConfigMap>(&cache, &config("b", "three", &both, "1")), ["all", "label"]);
    assert_eq!(
        event::<ConfigMap>(&cache, &config("b", "four", &json!({ "tier": "y" }), "1")),
        ["all"]
    );
    assert_eq!(event::<Pod>(&cache, &config("a", "one", &both, "1")), [""; 0], "another kind");
}

#[test]
fn a_reader_of_a_list_wakes_when_objects_enter_change_or_leave() {
    let cache = ReadCache::default();
    list(&cache, "x", None, &[("tier", "x")]);
    list(&cache, "y", Some("a"), &[("tier", "y")]);
    let tier = |tier: &str, data: &str| config("a", "one", &json!({ "tier": tier }), data);
    assert_eq!(event::<ConfigMap>(&cache, &tier("x", "1")), ["x"], "the object enters");
    assert_eq!(event::<ConfigMap>(&cache, &tier("x", "2")), ["x"], "the object changes");
    assert_eq!(
        event::<ConfigMap>(&cache, &tier("y", "2")),
        ["x", "y"],
        "the object moves between the lists"
    );
    assert_eq!(event::<ConfigMap>(&cache, &tier("z", "2")), ["y"], "the object leaves");
    assert_eq!(event::<ConfigMap>(&cache, &tier("z", "3")), [""; 0]);
    event::<ConfigMap>(&cache, &tier("y", "3"));
    assert_eq!(gone(&cache, "a", "one"), ["y"]);
    assert_eq!(gone(&cache, "a", "one"), [""; 0], "the object was gone already");
}

#[test]
fn an_object_missing_in_a_relist_wakes_its_readers() {
    let cache = one_of_each();
    for (namespace, name) in [("a", "one"), ("a", "two"), ("b", "two")] {
        event::<ConfigMap>(&cache, &config(namespace, name, &json!({}), "1"));
    }
    let (id, seen) = (TypeId::of::<ConfigMap>(), HashSet::from([ObjectKey::new("a", "two")]));
    assert_eq!(complete(&cache, id, Some("a"), &seen), ["all", "get", "namespace"], "a/one");
    assert_eq!(complete(&cache, id, None, &seen), ["all"], "b/two");
    assert_eq!(complete(&cache, id, None, &seen), [""; 0]);
}

#[test]
fn a_change_that_builds_cannot_see_wakes_no_reader() {
    let cache = one_of_each();
    let mut object = config("a", "one", &json!({}), "1");
    event::<ConfigMap>(&cache, &object);
    object["metadata"]["resourceVersion"] = json!("7");
    object["metadata"]["managedFields"] = json!([{ "manager": "them", "operation": "Update" }]);
    assert_eq!(event::<ConfigMap>(&cache, &object), [""; 0], "touched");
    for (field, value) in [
        ("annotations", json!({ "a": "b" })),
        ("uid", json!("u-2")),
        ("finalizers", json!(["them/hold"])),
    ] {
        object["metadata"][field] = value;
        assert_eq!(
            event::<ConfigMap>(&cache, &object),
            ["all", "get", "namespace"],
            "builds can see {field}"
        );
    }
    let seen =
        look(&cache, "a", |view| view.get(of::<ConfigMap>(), ObjectKey::new("a", "one"))).unwrap();
    assert_eq!(
        (&seen.metadata.resource_version, &seen.metadata.managed_fields),
        (&None, &None),
        "builds cannot see these fields"
    );
}

#[test]
fn a_reader_of_metadata_does_not_wake_for_spec_and_status() {
    let cache = ReadCache::default();
    let key = ObjectKey::new("a", "one");
    look(&cache, "meta", |view| view.get(of::<Metadata<Pod>>(), &key));
    look(&cache, "full", |view| view.get(of::<Pod>(), &key));
    let metadata = json!({ "namespace": "a", "name": "one", "generation": 1 });
    let mut pod = json!({ "metadata": metadata, "spec": { "containers": [] } });
    let both =
        |pod: &Value| [event::<Metadata<Pod>>(&cache, pod), event::<Pod>(&cache, pod)].concat();
    assert_eq!(both(&pod), ["meta", "full"]);
    pod["metadata"]["generation"] = json!(2);
    pod["spec"]["nodeName"] = json!("n");
    assert_eq!(both(&pod), ["full"]);
    pod["status"] = json!({ "phase": "Running" });
    assert_eq!(both(&pod), ["full"]);
    pod["metadata"]["labels"] = json!({ "a": "b" });
    assert_eq!(both(&pod), ["meta", "full"]);
}

#[test]
fn a_reader_wakes_only_for_its_last_look_ups() {
    let cache = one_of_each();
    look(&cache, "get", |_| ());
    list(&cache, "label", None, &[("tier", "z")]);
    cache.forget_reader(&reader_key("all"));
    cache.forget_reader(&reader_key("both"));
    let both = json!({ "tier": "x", "app": "web" });
    assert_eq!(event::<ConfigMap>(&cache, &config("a", "one", &both, "1")), ["namespace"]);
    for reader in ["namespace", "label"] {
        cache.forget_reader(&reader_key(reader));
    }
    assert_eq!(
        format!("{:?}", lock(&cache.readers).content()),
        format!("{:?}", Readers::default().content())
    );
}

#[test]
fn readers_of_different_labels_cost_nothing_for_each_other() {
    const ALL: usize = 500;
    let cache = ReadCache::default();
    let labels = |host: usize| json!({ "kind": "preview", "host": format!("h-{host}") });
    for host in 0..ALL {
        event::<ConfigMap>(&cache, &config("a", &format!("c-{host}"), &labels(host), "1"));
    }
    for host in 0..ALL {
        let (reader, own) = (format!("r-{host}"), format!("h-{host}"));
        // The label that all lists have in common comes first.
        assert_eq!(list(&cache, &reader, None, &[("kind", "preview"), ("host", &own)]), 1);
    }
    let object = (read_kind::<ConfigMap>().decode)(
        config("a", "c-7", &labels(7), "2").to_string().as_bytes(),
    )
    .unwrap();
    let candidates =
        lock(&cache.readers).candidate_count(TypeId::of::<ConfigMap>(), &cached(&object));
    assert!(candidates <= 2, "{candidates} lists were compared");
    assert_eq!(names(cache.observe(TypeId::of::<ConfigMap>(), &object)), ["r-7"]);
    let own = [("kind".to_owned(), "preview".to_owned()), ("host".to_owned(), "h-7".to_owned())];
    assert_eq!(
        cache.snapshot(Timestamp::MIN).list(TypeId::of::<ConfigMap>(), None, &own).len(),
        1,
        "only matching objects are compared"
    );
}

/// Returns the names of the objects.
fn by(cache: &ReadCache, reader: &str, value: &str) -> Vec<String> {
    let found = look(cache, reader, |view| view.list_by(of::<ByValue>(), value));
    found.iter().map(|config| ObjectKey::of(&config.metadata).to_string()).collect()
}

#[test]
fn a_reader_of_an_index_key_wakes_for_objects_that_have_or_had_it() {
    let cache = ReadCache::default();
    for (reader, value) in [("x", "x"), ("x-too", "x"), ("y", "y")] {
        assert_eq!(by(&cache, reader, value), [""; 0]);
    }
    let value = |name: &str, value: &str| config("a", name, &json!({}), value);
    assert_eq!(
        event::<ConfigMap>(&cache, &value("one", "x")),
        ["x", "x-too"],
        "the object gets the key"
    );
    assert_eq!(
        event::<ConfigMap>(&cache, &value("two", "z")),
        [""; 0],
        "no reader asked for its key"
    );
    assert_eq!(
        event::<ConfigMap>(&cache, &value("one", "y")),
        ["x", "x-too", "y"],
        "the object changes its key"
    );
    assert_eq!(event::<ConfigMap>(&cache, &value("two", "y")), ["y"]);
    assert_eq!(by(&cache, "y", "y"), ["a/one", "a/two"]);
    assert_eq!(gone(&cache, "a", "one"), ["y"]);
    assert_eq!(by(&cache, "y", "y"), ["a/two"]);
    assert_eq!(event::<Pod>(&cache, &value("two", "y")), [""; 0], "another kind");
    cache.forget_reader(&reader_key("x-too"));
    assert_eq!(event::<ConfigMap>(&cache, &value("one", "x")), ["x"]);
}

#[test]
fn readers_of_different_index_keys_cost_nothing_for_each_other() {
    const ALL: usize = 500;
    let cache = ReadCache::default();
    for number in 0..ALL {
        event::<ConfigMap>(
            &cache,
            &config("a", &format!("c-{number}"), &json!({}), &format!("v-{number}")),
        );
    }
    for number in 0..ALL {
        assert_eq!(
            by(&cache, &format!("r-{number}"), &format!("v-{number}")),
            [format!("a/c-{number}")]
        );
    }
    let object = (read_kind::<ConfigMap>().decode)(
        config("a", "c-7", &json!({}), "v-8").to_string().as_bytes(),
    )
    .unwrap();
    assert_eq!(
        lock(&cache.readers).candidate_count(TypeId::of::<ConfigMap>(), &cached(&object)),
        1
    );
    assert_eq!(names(cache.observe(TypeId::of::<ConfigMap>(), &object)), ["r-7", "r-8"]);
    let index = kubewright_core::index::AnyIndex::of::<ByValue>();
    assert_eq!(
        cache.snapshot(Timestamp::MIN).indexed(TypeId::of::<ConfigMap>(), index, "v-8").len(),
        2,
        "only matching objects are compared"
    );
    for number in 0..ALL {
        cache.forget_reader(&reader_key(&format!("r-{number}")));
    }
    assert_eq!(
        format!("{:?}", lock(&cache.readers).content()),
        format!("{:?}", Readers::default().content())
    );
    assert_eq!(
        cache.snapshot(Timestamp::MIN).indexed(TypeId::of::<ConfigMap>(), index, "v-8").len(),
        ALL,
        "the unused index is removed"
    );
}

#[test]
fn a_kind_that_appears_or_disappears_wakes_exactly_its_readers() {
    let cache = ReadCache::default();
    let (secret, pod) = (KindInfo::of::<Secret>(), KindInfo::of::<Pod>());
    let serves =
        |reader| look(&cache, reader, |view| view.serves(of::<Secret>()).then_some(())).is_some();
    assert!(!serves("one") && !serves("two"));
    get(&cache, "other", "a", "one");
    assert_eq!(names(cache.set_served(&pod, true)), [""; 0], "another kind");
    assert_eq!(names(cache.set_served(&secret, true)), ["one", "two"]);
    assert_eq!(names(cache.set_served(&secret, true)), [""; 0], "the kind was served already");
    assert!(serves("one"));
    look(&cache, "two", |_| ());
    assert_eq!(names(cache.set_served(&secret, false)), ["one"], "two no longer asks");
    assert!(!serves("one"));
    cache.forget_reader(&reader_key("one"));
    assert_eq!(names(cache.set_served(&secret, true)), [""; 0]);
}

#[test]
fn a_reader_of_a_part_wakes_only_for_changes_of_that_part() {
    let cache = ReadCache::default();
    look(&cache, "part", |view| view.list(of::<Part<ConfigMap>>(), Some("a"), &[]));
    look(&cache, "whole", |view| view.list(of::<ConfigMap>(), Some("a"), &[]));
    let object = |meta: &[(&str, Value)], data: &str| {
        let mut object = config("a", "one", &json!({}), data);
        object["metadata"]["uid"] = "u-1".into();
        for (field, value) in meta {
            object["metadata"][field] = value.clone();
        }
        object
    };
    // The kind as a whole, and the part of it.
    let woken = |object: &Value| {
        [event::<ConfigMap>(&cache, object), event::<Part<ConfigMap>>(&cache, object)].concat()
    };
    assert_eq!(woken(&object(&[], "1")), ["whole", "part"]);
    let edits = [
        ("generation", json!(2)),
        ("annotations", json!({ "kubectl.kubernetes.io/last-applied-configuration": "{}" })),
        ("labels", json!({ "a": "b" })),
        ("finalizers", json!(["a.example.com/b"])),
    ];
    for (count, _) in edits.iter().enumerate() {
        assert_eq!(woken(&object(&edits[..=count], "1")), ["whole"], "{:?}", edits[count]);
    }
    assert_eq!(
        woken(&object(&[("resourceVersion", json!("9"))], "1")),
        ["whole"],
        "the other fields have their first values"
    );
    for (meta, data) in [
        (vec![], "2"),
        (vec![("uid", json!("u-2"))], "2"),
        (vec![("creationTimestamp", json!("2026-01-01T00:00:00Z"))], "2"),
        (vec![("deletionTimestamp", json!("2026-01-01T00:00:00Z"))], "2"),
    ] {
        assert_eq!(woken(&object(&meta, data)), ["whole", "part"], "{meta:?} {data}");
    }
    let seen = look(&cache, "part", |view| view.list(of::<Part<ConfigMap>>(), None, &[]).remove(0));
    assert_eq!((seen.metadata.name.as_deref(), seen.metadata.labels.as_ref()), (Some("one"), None));
}

#[test]
fn selected_objects_are_separate_from_the_whole_kind() {
    let cache = ReadCache::default();
    let pod = |name: &str, labels: &Value| {
        let metadata = json!({ "namespace": "a", "name": name, "labels": labels });
        json!({ "metadata": metadata })
    };
    look(&cache, "all", |view| view.list(of::<Pod>(), None, &[]));
    look(&cache, "ours", |view| view.list(of::<Selected<Pod, Ours>>(), None, &[]));
    let ours = pod("one", &json!({ "app": "web", "tier": "x" }));
    assert_eq!(event::<Pod>(&cache, &ours), ["all"]);
    assert_eq!(event::<Selected<Pod, Ours>>(&cache, &ours), ["ours"]);
    event::<Pod>(&cache, &pod("two", &json!({})));
    // A list of the selected objects does not affect the others.
    let seen = HashSet::from([ObjectKey::new("a", "one")]);
    complete(&cache, TypeId::of::<Selected<Pod, Ours>>(), None, &seen);
    let seen = look(&cache, "all", |view| view.list(of::<Pod>(), None, &[]).len());
    let selected =
        look(&cache, "ours", |view| view.list(of::<Selected<Pod, Ours>>(), None, &[]).len());
    assert_eq!((seen, selected), (2, 1));
    assert_eq!(read_kind::<Selected<Pod, Ours>>().selector().as_deref(), Some("app=web,tier=x"));
    assert_eq!(read_kind::<Pod>().selector(), None);
}

#[test]
fn equal_lists_of_several_readers_are_stored_once() {
    let cache = ReadCache::default();
    for reader in ["a", "b", "c"] {
        list(&cache, reader, Some("ns"), &[("kind", "preview"), ("tier", "x")]);
    }
    let object = config("ns", "one", &json!({ "kind": "preview", "tier": "x" }), "1");
    let object = (read_kind::<ConfigMap>().decode)(object.to_string().as_bytes()).unwrap();
    assert_eq!(
        lock(&cache.readers).candidate_count(TypeId::of::<ConfigMap>(), &cached(&object)),
        1
    );
    assert_eq!(names(cache.observe(TypeId::of::<ConfigMap>(), &object)), ["a", "b", "c"]);
}

/// Whether a build that looks up ConfigMap `a/one` and the objects with the value `x` must be
/// repeated after `meanwhile`, which runs between its look-ups.
fn is_outdated(cache: &ReadCache, meanwhile: impl FnOnce()) -> bool {
    let state = cache.snapshot(Timestamp::MIN);
    let view = View::<Reader>::new(&state, &ObjectMeta::default());
    let _ = view.get(of::<ConfigMap>(), ObjectKey::new("a", "one"));
    meanwhile();
    let _ = view.list_by(of::<ByValue>(), "x");
    let lookups = view.into_lookups();
    state.record(&reader_key("a"), lookups)
}

#[test]
fn a_build_is_repeated_if_something_that_it_looked_up_changed_meanwhile() {
    let cache = ReadCache::default();
    let change = |name: &str, value: &str| {
        drop(event::<ConfigMap>(&cache, &config("a", name, &json!({}), value)));
    };
    assert!(!is_outdated(&cache, || ()));
    assert!(is_outdated(&cache, || change("one", "1")), "a look-up before the change");
    assert!(is_outdated(&cache, || drop(gone(&cache, "a", "one"))));
    assert!(is_outdated(&cache, || change("two", "x")), "an index");
    assert!(is_outdated(&cache, || change("two", "y")), "it had the key");
    assert!(!is_outdated(&cache, || change("two", "z")), "no look-up concerns it");
    let all = || (0..=REMEMBERED).for_each(|number| change("three", &number.to_string()));
    assert!(is_outdated(&cache, all), "more changes than are remembered");
    let most = || (0..REMEMBERED).for_each(|number| change("four", &number.to_string()));
    assert!(!is_outdated(&cache, most), "none of them concerns it");
}

#[test]
fn an_event_does_not_wait_for_a_build() {
    let cache = ReadCache::default();
    let state = cache.snapshot(Timestamp::MIN);
    let view = View::<Reader>::new(&state, &ObjectMeta::default());
    assert!(view.get(of::<ConfigMap>(), ObjectKey::new("a", "one")).is_none());
    assert!(cache.state.try_write().is_ok());
    event::<ConfigMap>(&cache, &config("a", "one", &json!({}), "1"));
    assert!(view.get(of::<ConfigMap>(), ObjectKey::new("a", "one")).is_some());
}

/// Panics for every object.
struct Broken;

impl Index for Broken {
    type Of = ConfigMap;
    fn keys(_: &ConfigMap) -> Vec<String> {
        panic!("a defect")
    }
}

#[test]
fn an_index_that_panics_loses_no_object() {
    let cache = ReadCache::default();
    let object = config("a", "one", &json!({}), "1");
    event::<ConfigMap>(&cache, &object);
    let index = kubewright_core::index::AnyIndex::of::<Broken>();
    let query = kubewright_core::view::Query::Index { index, key: "x".to_owned() };
    let (type_id, kind) = (TypeId::of::<ConfigMap>(), KindInfo::of::<ConfigMap>());
    let state = cache.snapshot(Timestamp::MIN);
    assert!(!state.record(&reader_key("a"), vec![Lookup { type_id, kind, query }]));
    assert_eq!(cache.snapshot(Timestamp::MIN).indexed(type_id, index, "x").len(), 0);
    event::<ConfigMap>(&cache, &config("a", "one", &json!({}), "2"));
    assert!(cache.has(type_id, &ObjectKey::new("a", "one")));
}
