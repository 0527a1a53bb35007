//! Which Events are sent, and when.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use kubewright_core::{KindInfo, ObjectKey};

use super::*;
use crate::testing::{self, Page};

#[tokio::test]
async fn the_events_that_wait_are_sent_after_the_end() {
    let count = Arc::new(AtomicUsize::default());
    let counter = Arc::clone(&count);
    let api = testing::api("test", move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        std::future::ready(testing::answer(201, &json!({})))
    });
    let (events, send) = Events::new(api);
    let key = ObjectKey::new("ns", "web");
    let about = Owner { kind: KindInfo::of::<Page>(), key, uid: "u-1".to_owned() };
    assert!(events.record(&about, EventType::Normal, "Expired", "it expired"));
    events.warn(&about, "Broken", "write another text");
    events.close();
    assert!(!events.record(&about, EventType::Normal, "Late", "after the end"));
    send.await;
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

/// A recorder that counts the Events that it sends.
fn counting() -> (Arc<Events>, Arc<AtomicUsize>, Owner) {
    let count = Arc::new(AtomicUsize::default());
    let counter = Arc::clone(&count);
    let api = testing::api("test", move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        std::future::ready(testing::answer(201, &json!({})))
    });
    let (events, send) = Events::new(api);
    tokio::spawn(send);
    let key = ObjectKey::new("ns", "web");
    let about = Owner { kind: KindInfo::of::<Page>(), key, uid: "u-1".to_owned() };
    (Arc::new(events), count, about)
}

#[tokio::test(start_paused = true)]
async fn problems_that_alternate_or_end_again_and_again_do_not_flood() {
    let (events, count, about) = counting();
    for round in 0..600 {
        events.warn(&about, "Broken", "one");
        events.warn(&about, "Denied", &format!("port {round}"));
        events.warn_anew(&about, "Near", "the end is near");
        if round % 7 == 0 {
            events.clear("u-1");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let sent = count.load(Ordering::Relaxed);
    // Three reasons, and the minute may end during the test.
    assert!((9..=18).contains(&sent), "{sent} Events in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_problem_is_reported_again_only_if_it_ended() {
    let (events, count, about) = counting();
    let sent = async |reason, note| {
        let before = count.load(Ordering::Relaxed);
        events.warn(&about, reason, note);
        tokio::time::sleep(2 * PAUSE).await;
        count.load(Ordering::Relaxed) - before
    };
    assert_eq!(sent("Broken", "one").await, 1);
    assert_eq!(sent("Broken", "one").await, 0, "it lasts");
    assert_eq!(sent("Broken", "two").await, 1, "another problem");
    assert_eq!(sent("Denied", "three").await, 1);
    assert_eq!(sent("Broken", "two").await, 1, "it ended when the other one came");
    events.clear("u-1");
    assert_eq!(events.remembered(), 0, "a healthy object is forgotten");
    assert_eq!(sent("Broken", "two").await, 1);
}

#[tokio::test(start_paused = true)]
async fn only_some_warnings_are_remembered_for_one_object() {
    let (events, _, about) = counting();
    for number in 0..100 {
        events.warn(&about, &format!("Reason{number}"), "note");
    }
    let kept = lock(&events.last_warnings).get("u-1").unwrap().len();
    assert_eq!(kept, MAX_WARNINGS);
    events.forget("u-1");
    assert_eq!(events.remembered(), 0);
}
