//! Events at the end of the process.
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
