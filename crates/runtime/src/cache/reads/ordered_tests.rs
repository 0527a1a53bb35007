//! Which resources an event wakes after ordered look-ups.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kubewright_core::{Declaration, Index, Ordered, Rank, View, of};
use proptest::prelude::*;

use super::*;

/// The operator whose builds look up objects.
struct Reader;

impl Declaration for Reader {
    type Owns = ();
    type Reads = (ConfigMap,);
    type Facts = ();
}

/// By the keys in the data, ordered by the rank in the data.
struct ByKey;

impl Index for ByKey {
    type Of = ConfigMap;
    fn keys(config: &ConfigMap) -> Vec<String> {
        field(config, "keys").chars().map(String::from).collect()
    }
}

impl Ordered for ByKey {
    fn rank(config: &ConfigMap) -> Rank {
        Rank::lowest(field(config, "rank").parse().unwrap())
    }
}

fn field<'a>(config: &'a ConfigMap, name: &str) -> &'a str {
    config.data.as_ref().and_then(|data| data.get(name)).map_or("", |value| value)
}

/// A ConfigMap; each character of `keys` is a key.
fn config(name: &str, keys: &str, rank: i64, text: &str) -> ConfigMap {
    let fields = [("keys", keys), ("rank", &rank.to_string()), ("text", text)];
    let data = fields.map(|(field, value)| (field.to_owned(), value.to_owned()));
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some("a".to_owned()),
        ..ObjectMeta::default()
    };
    ConfigMap { metadata, data: Some(data.into()), ..ConfigMap::default() }
}

fn reader_key(name: &str) -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("ns", name) }
}

fn names(woken: HashSet<WorkKey>) -> Vec<String> {
    let mut names: Vec<String> =
        woken.into_iter().map(|reader| reader.key.name.to_string()).collect();
    names.sort();
    names
}

fn put(cache: &ReadCache, config: ConfigMap) -> Vec<String> {
    let object: Arc<dyn AnyObject> = Arc::new(config);
    names(cache.observe(TypeId::of::<ConfigMap>(), &object))
}

fn gone(cache: &ReadCache, name: &str) -> Vec<String> {
    names(cache.remove(TypeId::of::<ConfigMap>(), &ObjectKey::new("a", name)))
}

/// One build of `reader`, during which `meanwhile` runs after the look-ups. Returns whether the
/// build must be repeated, too.
fn build<T>(
    cache: &ReadCache,
    reader: &str,
    look: impl Fn(&View<'_, Reader>) -> T,
    meanwhile: impl FnOnce(),
) -> (T, bool) {
    let state = cache.snapshot(Timestamp::MIN);
    let view = View::<Reader>::new(&state, &ObjectMeta::default());
    let seen = look(&view);
    meanwhile();
    let lookups = view.into_lookups();
    (seen, state.record(&reader_key(reader), lookups))
}

fn look<T>(cache: &ReadCache, reader: &str, look: impl Fn(&View<'_, Reader>) -> T) -> T {
    let (seen, is_outdated) = build(cache, reader, look, || ());
    assert!(!is_outdated, "nothing changed meanwhile");
    seen
}

fn first_in(view: &View<'_, Reader>, key: &str, text: &str) -> Option<String> {
    let found = view.first(of::<ByKey>(), key, |config| field(config, "text") == text)?;
    found.metadata.name.clone()
}

/// The name of the first object with this key and text.
fn first(cache: &ReadCache, reader: &str, key: &str, text: &str) -> Option<String> {
    look(cache, reader, |view| first_in(view, key, text))
}

/// Whether the object `own` with this rank is among the first `most`.
fn is_among(cache: &ReadCache, reader: &str, (own, rank): (&str, i64), most: usize) -> bool {
    let own = config(own, "x", rank, "");
    look(cache, reader, |view| view.is_among_first(of::<ByKey>(), "x", most, &own))
}

#[test]
fn a_change_behind_the_first_object_that_fits_wakes_no_reader() {
    let cache = ReadCache::default();
    for (name, rank, text) in [("one", 1, "no"), ("two", 2, "yes"), ("three", 3, "yes")] {
        put(&cache, config(name, "x", rank, text));
    }
    assert_eq!(first(&cache, "r", "x", "yes"), Some("two".to_owned()));
    assert_eq!(put(&cache, config("three", "x", 3, "no")), [""; 0]);
    assert_eq!(put(&cache, config("four", "x", 4, "yes")), [""; 0]);
    assert_eq!(put(&cache, config("zero", "y", 0, "yes")), [""; 0], "another key");
    assert_eq!(gone(&cache, "three"), [""; 0]);
    assert_eq!(put(&cache, config("one", "x", 1, "yes")), ["r"], "an object before it changes");
    assert_eq!(first(&cache, "r", "x", "yes"), Some("one".to_owned()));
    assert_eq!(put(&cache, config("two", "x", 2, "no")), [""; 0]);
    assert_eq!(put(&cache, config("one", "x", 9, "yes")), ["r"], "the first one moves");
    assert_eq!(first(&cache, "r", "x", "yes"), Some("four".to_owned()));
    assert_eq!(put(&cache, config("zero", "xy", 0, "no")), ["r"], "an object gets the key");
    assert_eq!(first(&cache, "r", "x", "yes"), Some("four".to_owned()));
    assert_eq!(gone(&cache, "four"), ["r"]);
}

#[test]
fn a_reader_that_finds_no_object_wakes_for_every_object_with_the_key() {
    let cache = ReadCache::default();
    assert_eq!(first(&cache, "r", "x", "yes"), None);
    assert_eq!(put(&cache, config("one", "x", 1, "no")), ["r"]);
    assert_eq!(first(&cache, "r", "x", "yes"), None);
    assert_eq!(put(&cache, config("two", "x", 2, "no")), ["r"]);
    assert_eq!(put(&cache, config("three", "y", 2, "no")), [""; 0]);
}

#[test]
fn only_the_reader_whose_place_crosses_the_limit_wakes() {
    let cache = ReadCache::default();
    let all = ["a", "b", "c", "d", "e"];
    for (rank, name) in (0..).zip(all) {
        put(&cache, config(name, "x", rank * 10, ""));
    }
    let answers = || -> Vec<bool> {
        (0..).zip(all).map(|(rank, name)| is_among(&cache, name, (name, rank * 10), 2)).collect()
    };
    assert_eq!(answers(), [true, true, false, false, false]);
    assert_eq!(put(&cache, config("d", "x", 30, "changed")), [""; 0]);
    assert_eq!(put(&cache, config("f", "x", 25, "")), [""; 0], "behind the limit");
    assert_eq!(gone(&cache, "a"), ["c"], "the third one is now the second");
    assert_eq!(answers()[1..], [true, true, false, false]);
    assert_eq!(put(&cache, config("g", "x", 5, "")), ["c"], "it is the third one again");
    assert_eq!(put(&cache, config("g", "x", 6, "")), [""; 0], "it moves within the limit");
    assert_eq!(put(&cache, config("g", "y", 6, "")), ["c"], "it loses the key");
}

#[test]
fn an_object_that_the_cluster_does_not_have_yet_has_a_place() {
    let cache = ReadCache::default();
    for (rank, name) in (0..).zip(["a", "b"]) {
        put(&cache, config(name, "x", rank, ""));
    }
    assert!(is_among(&cache, "first", ("c", -1), 1));
    assert!(!is_among(&cache, "second", ("c", 1), 1));
    assert!(is_among(&cache, "third", ("c", 2), 3));
    assert!(!is_among(&cache, "none", ("c", -1), 0));
}

#[test]
fn a_build_is_repeated_if_the_first_objects_changed_meanwhile() {
    let cache = ReadCache::default();
    for (rank, name) in [(1, "a"), (3, "c")] {
        put(&cache, config(name, "x", rank, "yes"));
    }
    assert!(first(&cache, "other", "x", "yes").is_some(), "from now on there is an index");
    let is_outdated = |meanwhile: ConfigMap| {
        let look = |view: &View<'_, Reader>| first_in(view, "x", "yes");
        build(&cache, "r", look, || drop(put(&cache, meanwhile))).1
    };
    assert!(!is_outdated(config("b", "x", 2, "")));
    assert!(is_outdated(config("a", "x", 1, "no")));
    assert!(is_outdated(config("a", "x", 5, "yes")), "it was the first one");
    let own = config("c", "x", 3, "");
    let is_outdated = |meanwhile: ConfigMap| {
        let look = |view: &View<'_, Reader>| view.is_among_first(of::<ByKey>(), "x", 2, &own);
        build(&cache, "r", look, || drop(put(&cache, meanwhile))).1
    };
    assert!(!is_outdated(config("d", "x", 4, "")));
    assert!(is_outdated(config("d", "x", 0, "")));
}

#[test]
fn until_an_index_is_complete_its_readers_wake_for_every_object_that_may_concern_them() {
    let cache = ReadCache::default();
    put(&cache, config("old", "x", 1, ""));
    let state = cache.snapshot(Timestamp::MIN);
    let view = View::<Reader>::new(&state, &ObjectMeta::default());
    assert_eq!(first_in(&view, "x", ""), Some("old".to_owned()));
    let first_lookups = view.into_lookups();
    let view = View::<Reader>::new(&state, &ObjectMeta::default());
    assert!(!view.is_among_first(of::<ByKey>(), "x", 1, &config("own", "x", 5, "")));
    let selectors = {
        let mut readers = lock(&cache.readers);
        let _ = readers.record(&reader_key("first"), first_lookups);
        let _ = readers.record(&reader_key("second"), vec![]);
        readers.record(&reader_key("among"), view.into_lookups())
    };
    assert!(selectors.is_empty(), "the index is in use already");
    assert_eq!(put(&cache, config("any", "y", 1, "")), ["among", "first"], "no keys are known");
    let selector = (TypeId::of::<ConfigMap>(), Selector::Index(AnyIndex::ordered::<ByKey>()));
    assert_eq!(cache.update_index(&selector).len(), 2, "two objects lack their keys");
    assert_eq!(put(&cache, config("new", "y", 1, "")), [""; 0], "another key");
    assert_eq!(put(&cache, config("new", "x", 2, "")), ["among"], "the order is not known");
    assert_eq!(put(&cache, config("new", "x", 7, "")), ["among"], "it was before");
    assert_eq!(put(&cache, config("new", "x", 8, "")), [""; 0]);
    cache.update_indexes(&ChangedSelectors::from([selector]));
    assert_eq!(put(&cache, config("new", "x", 2, "")), [""; 0], "another one is the first");
    assert_eq!(gone(&cache, "old"), ["first"], "the object at the limit is still before");
    assert_eq!(gone(&cache, "new"), ["among"]);
}

/// Panics for every object.
struct Broken;

impl Index for Broken {
    type Of = ConfigMap;
    fn keys(_: &ConfigMap) -> Vec<String> {
        vec!["x".to_owned()]
    }
}

impl Ordered for Broken {
    fn rank(_: &ConfigMap) -> Rank {
        panic!("a defect")
    }
}

#[test]
fn a_rank_that_panics_loses_no_object() {
    let cache = ReadCache::default();
    let before = |view: &View<'_, Reader>| view.first(of::<Broken>(), "x", |_| true).is_none();
    assert!(look(&cache, "r", before));
    put(&cache, config("one", "x", 1, ""));
    assert!(cache.has(TypeId::of::<ConfigMap>(), &ObjectKey::new("a", "one")));
    assert!(look(&cache, "r", before), "it is not in the index");
}

#[test]
fn a_crowd_of_readers_costs_nothing_for_a_change_in_its_middle() {
    const ALL: i64 = 3_000;
    let cache = ReadCache::default();
    let name = |number: i64| format!("c-{number}");
    for number in 0..ALL {
        put(&cache, config(&name(number), "x", number, "yes"));
        assert_eq!(first(&cache, &name(number), "x", "yes").unwrap(), "c-0");
    }
    for number in 0..ALL {
        let own = (&*name(number), number);
        assert_eq!(is_among(&cache, &format!("l-{number}"), own, 10), number < 10);
    }
    assert_eq!(put(&cache, config("c-7", "x", 7, "no")), [""; 0]);
    assert_eq!(put(&cache, config("c-2000", "y", 2000, "yes")), [""; 0]);
    assert_eq!(gone(&cache, "c-7"), ["l-10"]);
    let woken = gone(&cache, "c-0").len();
    assert!(woken > 2_990, "{woken}: all claims have another holder");
    for number in 0..ALL {
        cache.forget_reader(&reader_key(&name(number)));
        cache.forget_reader(&reader_key(&format!("l-{number}")));
    }
    let nothing = format!("{:?}", Readers::default().content());
    assert_eq!(format!("{:?}", lock(&cache.readers).content()), nothing);
}

/// One event.
#[derive(Clone, Debug)]
enum Step {
    Put {
        name: u8,
        keys: &'static str,
        rank: i64,
        text: &'static str,
    },
    Remove {
        name: u8,
    },
    /// All readers are forgotten and look again, so that the index is built anew.
    Rebuild,
}

fn step() -> impl Strategy<Value = Step> {
    let text = prop::sample::select(vec!["p", "q", "r"]);
    let put = (0..9u8, prop::sample::select(vec!["", "x", "y", "xy", "xx"]), 0..5i64, text);
    prop_oneof![
        8 => put.prop_map(|(name, keys, rank, text)| Step::Put { name, keys, rank, text }),
        3 => (0..9u8).prop_map(|name| Step::Remove { name }),
        1 => Just(Step::Rebuild),
    ]
}

/// A question of a reader.
#[derive(Clone, Debug)]
enum Question {
    First { key: &'static str, text: &'static str },
    AmongFirst { key: &'static str, most: usize, own: u8, rank: i64 },
}

/// Objects by name.
type Model = BTreeMap<u8, (&'static str, i64, &'static str)>;

impl Question {
    fn all() -> BTreeMap<String, Self> {
        let mut all = Vec::new();
        for key in ["x", "y"] {
            all.extend(["p", "q", "absent"].map(|text| Self::First { key, text }));
            for most in 0..4 {
                for (own, rank) in [(0, 0), (1, 1), (4, 2), (4, 4), (8, 2), (99, 2)] {
                    all.push(Self::AmongFirst { key, most, own, rank });
                }
            }
        }
        all.into_iter().map(|question| (format!("{question:?}"), question)).collect()
    }

    /// The objects with the key, in their order.
    fn order(&self, model: &Model) -> Vec<(i64, u8, &'static str, &'static str)> {
        let (Self::First { key, .. } | Self::AmongFirst { key, .. }) = self;
        let with_key = model.iter().filter(|(_, (keys, ..))| keys.contains(key));
        let mut order: Vec<_> =
            with_key.map(|(name, (keys, rank, text))| (*rank, *name, *text, *keys)).collect();
        order.sort_unstable();
        order
    }

    /// The answer, and everything that was looked at to find it.
    fn naive(&self, model: &Model) -> (String, String) {
        let order = self.order(model);
        match self {
            Self::First { text, .. } => {
                let end = order.iter().position(|(_, _, other, _)| other == text);
                let looked_at = end.map_or(&*order, |end| &order[..=end]);
                (format!("{:?}", end.map(|end| order[end].1.to_string())), format!("{looked_at:?}"))
            }
            Self::AmongFirst { most, own, rank, .. } => {
                let before = order.iter().filter(|(r, name, ..)| (r, name) < (rank, own)).count();
                let answer = (before < *most).to_string();
                (answer.clone(), answer)
            }
        }
    }

    fn ask(&self, cache: &ReadCache, reader: &str) -> String {
        match self {
            Self::First { key, text } => format!("{:?}", first(cache, reader, key, text)),
            Self::AmongFirst { key, most, own, rank } => {
                let own = config(&own.to_string(), "", *rank, "");
                look(cache, reader, |view| view.is_among_first(of::<ByKey>(), key, *most, &own))
                    .to_string()
            }
        }
    }
}

proptest! {
    /// A reader of `is_among_first` wakes if its answer changes, and only then. A reader of `first`
    /// wakes if any object that it looked at changes: only `build` knows which of them fits.
    #[test]
    fn answers_equal_those_of_a_full_search_and_only_readers_with_other_answers_wake(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let (cache, questions, mut model) = (ReadCache::default(), Question::all(), Model::new());
        let ask = |reader: &String| questions[reader].ask(&cache, reader);
        let mut answers: BTreeMap<&String, String> =
            questions.keys().map(|reader| (reader, ask(reader))).collect();
        for step in steps {
            let before = model.clone();
            let woken = match step {
                Step::Put { name, keys, rank, text } => {
                    model.insert(name, (keys, rank, text));
                    put(&cache, config(&name.to_string(), keys, rank, text))
                }
                Step::Remove { name } => {
                    model.remove(&name);
                    gone(&cache, &name.to_string())
                }
                Step::Rebuild => {
                    for name in questions.keys() {
                        cache.forget_reader(&reader_key(name));
                    }
                    prop_assert_eq!(lock(&cache.readers).remembered(), 0);
                    answers = questions.keys().map(|reader| (reader, ask(reader))).collect();
                    Vec::new()
                }
            };
            let is_concerned =
                |question: &Question| question.naive(&before).1 != question.naive(&model).1;
            let concerned: Vec<String> = questions
                .iter()
                .filter(|(_, question)| is_concerned(question))
                .map(|(name, _)| name.clone())
                .collect();
            prop_assert_eq!(&woken, &concerned);
            for (name, answer) in &mut answers {
                if woken.contains(name) {
                    *answer = ask(name);
                }
                prop_assert_eq!(&*answer, &questions[*name].naive(&model).0, "{}", name);
            }
        }
    }
}
