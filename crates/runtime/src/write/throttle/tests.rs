//! The write throttle, in simulated time.

use std::borrow::Cow;

use super::*;

fn kind() -> KindInfo {
    let text = Cow::Borrowed;
    KindInfo {
        group: text(""),
        version: text("v1"),
        kind: text("K"),
        plural: text("ks"),
        namespaced: true,
    }
}

#[tokio::test(start_paused = true)]
async fn an_explanation_lasts_a_minute_and_belongs_to_one_object() {
    let (throttle, kind, one, two) =
        (WriteThrottle::default(), kind(), ObjectKey::new("n", "one"), ObjectKey::new("n", "two"));
    for key in [&one, &two] {
        assert!(throttle.acquire(&kind, key));
    }
    assert_eq!(throttle.explanation(&kind, &one), None);
    throttle.explain(&kind, &one, "a reason".to_owned());
    for _ in 0..59 {
        tokio::time::advance(Duration::from_secs(1)).await;
        throttle.acquire(&kind, &one);
        assert_eq!(throttle.explanation(&kind, &one).as_deref(), Some("a reason"));
    }
    assert_eq!(throttle.explanation(&kind, &two), None);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(throttle.explanation(&kind, &one), None);
}

#[tokio::test(start_paused = true)]
async fn objects_with_a_full_bucket_are_forgotten_if_there_are_many() {
    let (throttle, kind) = (WriteThrottle::default(), kind());
    for number in 0..3 * MAX_OBJECTS {
        throttle.acquire(&kind, &ObjectKey::new("n", number.to_string()));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(
        lock(&throttle.buckets).by_hash.len() <= MAX_OBJECTS,
        "{}",
        lock(&throttle.buckets).by_hash.len()
    );
    // A burst of writes, and then silence.
    for number in 0..10 * MAX_OBJECTS {
        throttle.acquire(&kind, &ObjectKey::new("n", number.to_string()));
    }
    tokio::time::advance(Duration::from_secs(2)).await;
    for number in 0..10 * MAX_OBJECTS {
        throttle.acquire(&kind, &ObjectKey::new("m", number.to_string()));
        tokio::time::advance(Duration::from_secs(2)).await;
    }
    assert!(
        lock(&throttle.buckets).by_hash.capacity() < 4 * MAX_OBJECTS,
        "room for {} is kept",
        lock(&throttle.buckets).by_hash.capacity()
    );
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_slowed_down_and_a_quiet_object_recovers() {
    let kind = kind();
    let (throttle, one, two) =
        (WriteThrottle::default(), ObjectKey::new("n", "one"), ObjectKey::new("n", "two"));
    let written = (0..1000).filter(|_| throttle.acquire(&kind, &one)).count();
    assert_eq!(written, 30);
    assert!(throttle.acquire(&kind, &two), "other objects are not affected");
    tokio::time::advance(Duration::from_secs(10)).await;
    let written = (0..1000).filter(|_| throttle.acquire(&kind, &one)).count();
    assert_eq!(written, 5);
    tokio::time::advance(Duration::from_hours(1)).await;
    let written = (0..1000).filter(|_| throttle.acquire(&kind, &one)).count();
    assert_eq!(written, 30, "a burst has a maximum");
}
