//! Events, writes and lists of one owned kind.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use super::*;
use crate::testing::config_map;

/// What an entry was found to cover.
fn covered() -> Hashes {
    Hashes::of(&config_map("web"))
}

fn cache() -> ChildCache {
    let text = Cow::Borrowed;
    let kind = KindInfo {
        group: text("apps"),
        version: text("v1"),
        kind: text("D"),
        plural: text("ds"),
        namespaced: true,
    };
    ChildCache::new(kind, false, Arc::default())
}

fn key() -> ObjectKey {
    ObjectKey::new("ns", "web")
}

fn child(version: u64, owner: &str, entry: u64) -> ObservedChild {
    ObservedChild {
        key: key(),
        uid: "u".into(),
        resource_version: version,
        generation: None,
        deleting: false,
        controller: Some(
            ControllerRef { kind: "E".into(), name: "e".into(), uid: owner.into() }.into(),
        ),
        desired_hash: Some(covered().hash),
        entry: ApplyEntry::Unverified {
            hash: entry,
            fields: serde_json::value::to_raw_value(&0).unwrap().into(),
        },
        status: None,
    }
}

#[test]
fn a_new_object_concerns_its_owner_and_the_same_again_nobody() {
    let cache = cache();
    assert_eq!(cache.observe(child(1, "o", 1), 1).unwrap(), vec!["o".into()]);
    assert_eq!(cache.observe(child(2, "o", 1), 1).unwrap(), Owners::new());
    assert_eq!(cache.observe(child(3, "o", 2), 1).unwrap(), vec!["o".into()]);
}

#[test]
fn an_event_older_than_our_write_is_not_believed() {
    let cache = cache();
    assert!(cache.record_write(child(9, "o", 2), covered()));
    assert!(cache.observe(child(8, "o", 1), 1).is_err());
    assert_eq!(cache.get(&key()).unwrap().resource_version, 9);
    assert!(cache.remove(&key(), 8).is_empty());
    assert!(cache.get(&key()).is_some());
    assert!(cache.complete_list(None, 2, 8).is_empty());
    assert_eq!(cache.complete_list(None, 2, 10), vec!["o".into()]);
}

#[test]
fn an_answer_that_comes_after_the_end_of_its_object_is_not_believed() {
    let (cache, key) = (cache(), key());
    let write = cache.begin_write(&key, "o");
    cache.remove(&key, 8);
    assert!(!write.succeeded(child(7, "o", 1), covered()), "written, deleted, answered");
    assert!(cache.get(&key).is_none());

    let write = cache.begin_write(&key, "o");
    cache.complete_list(None, 2, 8);
    assert!(write.succeeded(child(9, "o", 1), covered()), "deleted, written, answered");
    assert!(cache.get(&key).is_some());
}

#[test]
fn the_event_of_a_write_that_comes_before_its_answer_wakes_nobody() {
    let (cache, key) = (cache(), key());
    let write = cache.begin_write(&key, "o");
    assert!(cache.observe(child(7, "o", 1), 1).unwrap().is_empty(), "who writes will know");
    assert!(write.succeeded(child(7, "o", 1), covered()), "it was that write");

    let write = cache.begin_write(&key, "o");
    assert!(cache.observe(child(8, "o", 2), 1).unwrap().is_empty());
    assert!(write.succeeded(child(9, "o", 3), covered()), "the answer is newer");

    let write = cache.begin_write(&key, "o");
    assert!(cache.observe(child(10, "o", 4), 1).unwrap().is_empty());
    assert!(cache.observe(child(11, "o", 5), 1).unwrap().is_empty());
    assert!(!write.succeeded(child(10, "o", 4), covered()), "somebody wrote after us");
    assert_eq!(cache.get(&key).unwrap().resource_version, 11);

    let write = cache.begin_write(&key, "o");
    assert!(cache.observe(child(12, "o", 6), 1).unwrap().is_empty());
    assert!(!write.failed(), "it was not us");
    assert!(cache.begin_write(&key, "o").failed(), "nothing happened");
}

#[test]
fn an_event_wakes_whoever_does_not_write() {
    let (cache, key) = (cache(), key());
    let write = cache.begin_write(&key, "other");
    assert_eq!(cache.observe(child(7, "o", 1), 1).unwrap(), vec!["o".into()]);
    assert_eq!(
        cache.observe(child(8, "other", 1), 1).unwrap(),
        vec!["o".into(), "other".into()],
        "it changed hands"
    );
    let another = cache.begin_write(&key, "other");
    assert_eq!(
        cache.observe(child(9, "other", 2), 1).unwrap(),
        vec!["other".into()],
        "who of the two is not clear"
    );
    assert!(another.failed() && write.failed());
    assert_eq!(
        cache.observe(child(10, "other", 3), 1).unwrap(),
        vec!["other".into()],
        "nobody writes"
    );
}

#[test]
fn nothing_is_left_of_a_write_that_came_to_nothing() {
    let (cache, key) = (cache(), key());
    drop(cache.begin_write(&key, "o"));
    assert!(lock(&cache.state).writes.is_empty());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _write = cache.begin_write(&key, "o");
        panic!("in the middle of it");
    }));
    assert!(panicked.is_err() && lock(&cache.state).writes.is_empty());
}

#[test]
fn a_list_that_shows_less_than_it_must_is_of_another_time_and_one_without_our_last_write_is_not() {
    let cache = cache();
    cache.observe(child(1000, "o", 1), 1).unwrap();
    let older = *cache.observe(child(500, "o", 2), 2).unwrap_err();
    assert_eq!(
        cache.set_back(older.clone(), 2, 999),
        Owners::new(),
        "1000 may be newer than that list"
    );
    assert_eq!(cache.get(&key()).unwrap().resource_version, 1000);
    assert_eq!(cache.set_back(older.clone(), 2, 1000), vec!["o".into()]);
    assert_eq!(cache.get(&key()).unwrap().resource_version, 500);

    let older = *cache.observe(child(400, "o", 1), 3).unwrap_err();
    cache.observe(child(501, "o", 2), 3).unwrap();
    assert_eq!(
        cache.set_back(older, 3, u64::MAX),
        Owners::new(),
        "the list showed a newer one, too"
    );
}

#[test]
fn what_was_verified_stays_so_while_the_entry_is_the_same() {
    let cache = cache();
    assert!(cache.record_write(child(5, "o", 2), covered()));
    cache.observe(child(6, "o", 2), 1).unwrap();
    assert!(matches!(cache.get(&key()).unwrap().entry, ApplyEntry::Verified { .. }));
    cache.observe(child(7, "o", 3), 1).unwrap();
    assert!(matches!(cache.get(&key()).unwrap().entry, ApplyEntry::Unverified { .. }));
}

#[test]
fn an_object_that_changes_hands_concerns_both_owners() {
    let cache = cache();
    cache.observe(child(1, "one", 1), 1).unwrap();
    assert_eq!(cache.observe(child(2, "two", 1), 1).unwrap(), vec!["one".into(), "two".into()]);
    assert!(cache.owned_by("one").is_empty());
    assert_eq!(cache.owned_by("two").len(), 1);
}

#[test]
fn a_list_of_one_namespace_says_nothing_about_another() {
    let cache = cache();
    cache.observe(child(1, "o", 1), 1).unwrap();
    assert!(cache.complete_list(Some("other"), 2, 99).is_empty());
    assert!(cache.get(&key()).is_some());
}
