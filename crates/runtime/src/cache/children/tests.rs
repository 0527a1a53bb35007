//! Events, writes and lists of one owned kind.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use super::*;
use crate::testing::config_map;

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
        orphan_of: None,
        desired_hash: Some(covered().hash),
        template_hash: None,
        entry: ApplyEntry::Unverified {
            hash: entry,
            fields: serde_json::value::to_raw_value(&0).unwrap().into(),
        },
        shared_entry: None,
        missing_label: None,
        status: None,
    }
}

#[test]
fn a_new_object_concerns_its_owner_and_an_unchanged_one_does_not() {
    let cache = cache();
    assert_eq!(cache.observe(child(1, "o", 1), 1).unwrap(), vec!["o".into()]);
    assert_eq!(cache.observe(child(2, "o", 1), 1).unwrap(), Owners::new());
    assert_eq!(cache.observe(child(3, "o", 2), 1).unwrap(), vec!["o".into()]);
}

#[test]
fn an_event_older_than_our_write_is_skipped() {
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
fn an_answer_older_than_the_deletion_of_its_object_is_skipped() {
    let (cache, key) = (cache(), key());
    let write = cache.begin_write(&key, "o");
    cache.remove(&key, 8);
    assert!(!write.succeeded(child(7, "o", 1), covered()), "written, then deleted, then answered");
    assert!(cache.get(&key).is_none());

    let write = cache.begin_write(&key, "o");
    cache.complete_list(None, 2, 8);
    assert!(write.succeeded(child(9, "o", 1), covered()), "deleted, then written, then answered");
    assert!(cache.get(&key).is_some());
}

#[test]
fn an_event_during_a_write_is_left_to_the_writer() {
    let (cache, key) = (cache(), key());
    let write = cache.begin_write(&key, "o");
    assert!(cache.observe(child(7, "o", 1), 1).unwrap().is_empty(), "the writer decides");
    assert!(write.succeeded(child(7, "o", 1), covered()), "the event was that write");

    let write = cache.begin_write(&key, "o");
    assert!(cache.observe(child(8, "o", 2), 1).unwrap().is_empty());
    assert!(write.succeeded(child(9, "o", 3), covered()), "the answer is newer than the event");

    let write = cache.begin_write(&key, "o");
    assert!(cache.observe(child(10, "o", 4), 1).unwrap().is_empty());
    assert!(cache.observe(child(11, "o", 5), 1).unwrap().is_empty());
    assert!(!write.succeeded(child(10, "o", 4), covered()), "another client wrote after us");
    assert_eq!(cache.get(&key).unwrap().resource_version, 11);

    let write = cache.begin_write(&key, "o");
    assert!(cache.observe(child(12, "o", 6), 1).unwrap().is_empty());
    assert!(!write.failed(), "the event was another write");
    assert!(cache.begin_write(&key, "o").failed(), "there was no event");
}

#[test]
fn an_event_during_a_write_wakes_other_owners() {
    let (cache, key) = (cache(), key());
    let write = cache.begin_write(&key, "other");
    assert_eq!(cache.observe(child(7, "o", 1), 1).unwrap(), vec!["o".into()]);
    assert_eq!(
        cache.observe(child(8, "other", 1), 1).unwrap(),
        vec!["o".into(), "other".into()],
        "the owner changed"
    );
    let another = cache.begin_write(&key, "other");
    assert_eq!(
        cache.observe(child(9, "other", 2), 1).unwrap(),
        vec!["other".into()],
        "with two writes the writer is unclear"
    );
    assert!(another.failed() && write.failed());
    assert_eq!(
        cache.observe(child(10, "other", 3), 1).unwrap(),
        vec!["other".into()],
        "there is no write"
    );
}

#[test]
fn a_dropped_write_leaves_no_memory_behind() {
    let (cache, key) = (cache(), key());
    drop(cache.begin_write(&key, "o"));
    assert!(lock(&cache.state).writes.is_empty());
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _write = cache.begin_write(&key, "o");
        panic!("a panic during the write");
    }));
    assert!(panicked.is_err() && lock(&cache.state).writes.is_empty());
}

#[test]
fn a_list_without_a_version_that_it_must_contain_comes_from_a_backup() {
    let cache = cache();
    cache.observe(child(1000, "o", 1), 1).unwrap();
    let older = *cache.observe(child(500, "o", 2), 2).unwrap_err();
    assert_eq!(
        cache.set_back(older.clone(), 2, 999),
        Owners::new(),
        "version 1000 may be newer than the list"
    );
    assert_eq!(cache.get(&key()).unwrap().resource_version, 1000);
    assert_eq!(cache.set_back(older.clone(), 2, 1000), vec!["o".into()]);
    assert_eq!(cache.get(&key()).unwrap().resource_version, 500);

    let older = *cache.observe(child(400, "o", 1), 3).unwrap_err();
    cache.observe(child(501, "o", 2), 3).unwrap();
    assert_eq!(
        cache.set_back(older, 3, u64::MAX),
        Owners::new(),
        "the list also showed a newer version"
    );
}

#[test]
fn a_verified_entry_stays_verified_while_its_bytes_are_equal() {
    let cache = cache();
    assert!(cache.record_write(child(5, "o", 2), covered()));
    cache.observe(child(6, "o", 2), 1).unwrap();
    assert!(matches!(cache.get(&key()).unwrap().entry, ApplyEntry::Verified { .. }));
    cache.observe(child(7, "o", 3), 1).unwrap();
    assert!(matches!(cache.get(&key()).unwrap().entry, ApplyEntry::Unverified { .. }));
}

#[test]
fn a_change_of_the_owner_concerns_both_owners() {
    let cache = cache();
    cache.observe(child(1, "one", 1), 1).unwrap();
    assert_eq!(cache.observe(child(2, "two", 1), 1).unwrap(), vec!["one".into(), "two".into()]);
    assert!(cache.owned_by("one").is_empty());
    assert_eq!(cache.owned_by("two").len(), 1);
}

#[test]
fn a_list_of_one_namespace_does_not_affect_another() {
    let cache = cache();
    cache.observe(child(1, "o", 1), 1).unwrap();
    assert!(cache.complete_list(Some("other"), 2, 99).is_empty());
    assert!(cache.get(&key()).is_some());
}

/// A child without our label.
fn unlabelled(version: u64) -> ObservedChild {
    ObservedChild { missing_label: Some("label"), ..child(version, "o", 1) }
}

#[test]
fn an_object_that_lost_our_label_in_our_write_stays_known() {
    for is_event_first in [true, false] {
        let (cache, key) = (cache(), key());
        cache.observe(child(1, "o", 1), 1).unwrap();
        let write = cache.begin_write(&key, "o");
        if is_event_first {
            assert_eq!(cache.lose(&key, 7), vec!["o".into()]);
        }
        assert!(write.succeeded(unlabelled(7), covered()), "it was not deleted");
        if !is_event_first {
            assert!(cache.lose(&key, 7).is_empty(), "the answer has shown that already");
        }
        assert!(cache.complete_list(None, 2, 9).is_empty(), "no list shows it");
        assert_eq!(cache.unwatched("o"), std::slice::from_ref(&key));
        assert_eq!(cache.observe(child(10, "o", 1), 2).unwrap(), vec!["o".into()]);
        assert!(cache.unwatched("o").is_empty(), "the watch shows it again");
    }
}

#[test]
fn an_object_that_disappeared_is_asked_for_until_a_request_shows_what_became_of_it() {
    let (cache, key) = (cache(), key());
    for found in [None, Some(unlabelled(8)), Some(child(8, "o", 1))] {
        cache.observe(child(5, "o", 1), 1).unwrap();
        assert_eq!(cache.lose(&key, 7), vec!["o".into()]);
        assert_eq!(cache.unwatched("o"), std::slice::from_ref(&key));
        assert!(cache.owned_by("o").is_empty() && cache.unwatched("other").is_empty());
        let is_unlabelled = found.as_ref().is_some_and(|child| child.missing_label.is_some());
        cache.record_unwatched(&key, found);
        assert_eq!(cache.owned_by("o").len(), usize::from(is_unlabelled));
        cache.record_deleted(&key, "u");
        assert_eq!(cache.remembered(), 0);
    }
}

#[test]
fn what_the_watch_does_not_show_is_forgotten_with_its_owner() {
    let (cache, key) = (cache(), key());
    cache.observe(child(5, "o", 1), 1).unwrap();
    cache.lose(&key, 7);
    cache.forget_unwatched("o");
    assert_eq!(cache.remembered(), 0);
    cache.record_unwatched(&key, Some(unlabelled(8)));
    cache.forget_unwatched("other");
    assert_eq!(cache.owned_by("o").len(), 1);
    cache.forget_unwatched("o");
    assert_eq!(cache.remembered(), 0);
}
