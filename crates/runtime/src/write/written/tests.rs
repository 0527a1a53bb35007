//! Written statuses, in simulated time.

use serde_json::json;

use super::*;

fn status(ready: &str, message: &str) -> Value {
    json!({ "ready": ready, "conditions": [{ "type": "Ready", "message": message }] })
}

#[tokio::test(start_paused = true)]
async fn statuses_that_differ_only_in_messages_are_written_less_and_less_often() {
    let (written, key) = (WrittenStatuses::default(), ObjectKey::new("n", "a"));
    let mut writes = 0;
    for round in 0..600 {
        let next = status("0/1", &round.to_string());
        writes += u32::from(written.allows(&key, &status("0/1", "before"), &next).is_ok());
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert!((3..=8).contains(&writes), "{writes} writes in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_status_with_other_changes_is_written_at_once() {
    let (written, key) = (WrittenStatuses::default(), ObjectKey::new("n", "a"));
    for _ in 0..5 {
        let _ = written.allows(&key, &status("0/1", "a"), &status("0/1", "b"));
    }
    assert!(written.allows(&key, &status("0/1", "a"), &status("0/1", "b")).is_err());
    assert!(written.allows(&key, &status("0/1", "a"), &status("1/1", "b")).is_ok());
    assert!(
        written.allows(&key, &status("1/1", "a"), &status("1/1", "b")).is_ok(),
        "the delay was reset"
    );
}

#[test]
fn a_write_counts_until_the_cache_has_caught_up() {
    let (written, key) = (WrittenStatuses::default(), ObjectKey::new("n", "a"));
    let ours = || Arc::new(status("1/1", "ours"));
    let remember = |inputs| written.remember(key.clone(), 7, status("1/1", "ours"), inputs);
    remember(Some(5));
    assert_eq!(written.at(&key, 6), None, "another client created that version");
    written.caught_up(&key, 6);
    assert_eq!(written.last(&key), Some((7, ours())));
    assert_eq!(written.at(&key, 7), Some((5, ours())), "we created that version");
    written.caught_up(&key, 7);
    assert_eq!(written.last(&key), None, "the write is forgotten then");
    remember(Some(5));
    assert_eq!(written.at(&key, 8), None, "another client wrote after us");
    written.caught_up(&key, 8);
    assert_eq!(written.last(&key), None);
    remember(None);
    assert_eq!(written.at(&key, 7), None, "a write that changes nothing creates no version");
}

#[test]
fn only_the_messages_of_conditions_are_ignored() {
    let before = status("1/1", "a");
    for (next, expected) in [
        (status("1/1", "b"), true),
        (status("0/1", "b"), false),
        (json!({ "ready": "1/1" }), false),
        (json!({ "ready": "1/1", "conditions": [] }), false),
        (json!({ "ready": "1/1", "conditions": [{ "type": "Other", "message": "a" }] }), false),
        (
            json!({ "ready": "1/1", "conditions": [{ "type": "Ready", "message": "a", "x": 1 }] }),
            false,
        ),
        (json!({ "ready": "1/1", "conditions": "Ready" }), false),
        (json!({ "ready": "1/1", "message": "a", "conditions": before["conditions"] }), false),
    ] {
        assert_eq!(differ_only_in_messages(&before, &next), expected, "{next}");
        assert_eq!(differ_only_in_messages(&next, &before), expected, "{next}");
    }
}
