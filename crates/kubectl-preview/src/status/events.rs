//! The latest Events of a preview and its objects.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

const MAX_EVENTS: usize = 10;

/// One Event, which may have occurred several times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventRow {
    pub(super) last: Option<Timestamp>,
    pub(super) count: i32,
    pub(super) type_: String,
    pub(super) object: String,
    pub(super) reason: String,
    pub(super) message: String,
}

/// The latest Events, the oldest of them first.
pub(super) fn latest(events: Vec<Event>) -> Vec<EventRow> {
    let mut rows: Vec<EventRow> = events.into_iter().map(row).collect();
    rows.sort_by_key(|event| event.last);
    rows.split_off(rows.len().saturating_sub(MAX_EVENTS))
}

/// The two APIs for Events have different fields for time and count.
fn row(event: Event) -> EventRow {
    let series = event.series.unwrap_or_default();
    let last = series
        .last_observed_time
        .map(|time| time.0)
        .or_else(|| event.last_timestamp.map(|time| time.0))
        .or_else(|| event.event_time.map(|time| time.0))
        .or_else(|| event.metadata.creation_timestamp.map(|time| time.0));
    let object = event.involved_object;
    EventRow {
        last,
        count: series.count.or(event.count).unwrap_or(1),
        type_: event.type_.unwrap_or_default(),
        object: format!("{} {}", object.kind.unwrap_or_default(), object.name.unwrap_or_default()),
        reason: event.reason.unwrap_or_default(),
        message: event.message.unwrap_or_default(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(fields: &Value) -> Event {
        let object = json!({ "kind": "Pod", "name": "web-1" });
        let mut event = json!({ "metadata": {}, "involvedObject": object, "reason": "Pulled" });
        event.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn events_of_both_apis_have_a_time_and_a_count() {
        let old = row(event(&json!({ "lastTimestamp": "2030-01-31T12:00:00Z", "count": 3 })));
        let series = json!({ "count": 3, "lastObservedTime": "2030-01-31T12:00:00.000000Z" });
        let time = "2030-01-31T11:00:00.000000Z";
        let new = row(event(&json!({ "eventTime": time, "series": series })));
        assert_eq!((old.last, old.count), (new.last, new.count));
        let once = row(event(&json!({ "eventTime": "2030-01-31T12:00:00.000000Z" })));
        assert_eq!((once.last, once.count), (old.last, 1));
    }

    #[test]
    fn only_the_latest_events_are_shown_and_the_newest_is_the_last() {
        let times = (0..=59).rev().map(|minute| {
            event(&json!({ "lastTimestamp": format!("2030-01-31T12:{minute:02}:00Z") }))
        });
        let shown: Vec<String> =
            latest(times.collect()).iter().map(|event| event.last.unwrap().to_string()).collect();
        assert_eq!(shown.len(), 10);
        assert_eq!((&*shown[0], &*shown[9]), ("2030-01-31T12:50:00Z", "2030-01-31T12:59:00Z"));
    }
}
