//! The latest Events of a preview and its objects.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

use crate::time;

const MAX_EVENTS: usize = 10;

/// The latest Events, the oldest of them first: age, type, object, reason and message.
pub(super) fn latest(events: Vec<Event>, now: Timestamp) -> Vec<Vec<String>> {
    let mut rows: Vec<_> = events.into_iter().map(|event| row(event, now)).collect();
    rows.sort_by_key(|(last, _)| *last);
    let latest = rows.split_off(rows.len().saturating_sub(MAX_EVENTS));
    latest.into_iter().map(|(_, row)| row).collect()
}

/// The last time of the Event, and its row. The two APIs for Events have different fields for time
/// and count.
fn row(event: Event, now: Timestamp) -> (Option<Timestamp>, Vec<String>) {
    let series = event.series.unwrap_or_default();
    let last = series
        .last_observed_time
        .map(|time| time.0)
        .or_else(|| event.last_timestamp.map(|time| time.0))
        .or_else(|| event.event_time.map(|time| time.0))
        .or_else(|| event.metadata.creation_timestamp.map(|time| time.0));
    let age = last.map(|last| time::age(last, now)).unwrap_or_default();
    let age = match series.count.or(event.count) {
        Some(count) if count > 1 => format!("{age} (x{count})"),
        _ => age,
    };
    let object = event.involved_object;
    let object = format!("{} {}", object.kind.unwrap_or_default(), object.name.unwrap_or_default());
    let texts = [event.type_, Some(object), event.reason, event.message];
    let texts = texts.into_iter().map(Option::unwrap_or_default);
    (last, [age].into_iter().chain(texts).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn now() -> Timestamp {
        "2030-01-31T14:00:00Z".parse().unwrap()
    }

    fn event(fields: &Value) -> Event {
        let object = json!({ "kind": "Pod", "name": "web-1" });
        let mut event = json!({ "metadata": {}, "involvedObject": object, "reason": "Pulled" });
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn events_of_both_apis_have_a_time_and_a_count() {
        let shown = |fields: Value| latest(vec![event(&fields)], now()).remove(0);
        let old = shown(json!({ "lastTimestamp": "2030-01-31T12:00:00Z", "count": 3 }));
        let series = json!({ "count": 3, "lastObservedTime": "2030-01-31T12:00:00.000000Z" });
        let time = "2030-01-31T11:00:00.000000Z";
        let new = shown(json!({ "eventTime": time, "series": series }));
        assert_eq!(old, ["2h (x3)", "", "Pod web-1", "Pulled", ""]);
        assert_eq!(new, old);
        let once = shown(json!({ "eventTime": "2030-01-31T12:00:00.000000Z" }));
        assert_eq!(once[0], "2h");
    }

    #[test]
    fn only_the_latest_events_are_shown_and_the_newest_is_the_last() {
        let times = (0..=59).rev().map(|minute| {
            event(&json!({ "lastTimestamp": format!("2030-01-31T12:{minute:02}:00Z") }))
        });
        let shown: Vec<String> =
            latest(times.collect(), now()).into_iter().map(|mut row| row.remove(0)).collect();
        assert_eq!(shown.len(), 10);
        assert_eq!((&*shown[0], &*shown[9]), ("1h10m", "1h1m"));
    }
}
