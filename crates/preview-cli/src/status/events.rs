//! What happened lately, as Events tell it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

/// More are of little use at one look.
const MOST: usize = 10;

/// One Event, or one that came again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Happened {
    pub(super) last: Option<Timestamp>,
    pub(super) times: i32,
    pub(super) type_: String,
    pub(super) object: String,
    pub(super) reason: String,
    pub(super) message: String,
}

/// The latest, the oldest of them first.
pub(super) fn latest(events: impl Iterator<Item = Event>) -> Vec<Happened> {
    let mut all: Vec<Happened> = events.map(happened).collect();
    all.sort_by_key(|event| event.last);
    all.split_off(all.len().saturating_sub(MOST))
}

/// There are two generations of Events, each with places of its own for time and number.
fn happened(event: Event) -> Happened {
    let series = event.series.unwrap_or_default();
    let series_time = series.last_observed_time.map(|time| time.0);
    let event_time = event.event_time.map(|time| time.0);
    let created = event.metadata.creation_timestamp.map(|time| time.0);
    let object = event.involved_object;
    Happened {
        last: series_time
            .or_else(|| event.last_timestamp.map(|time| time.0))
            .or(event_time)
            .or(created),
        times: series.count.or(event.count).unwrap_or(1),
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
        let mut whole = json!({ "metadata": {}, "involvedObject": { "kind": "Pod", "name": "web-1" }, "reason": "Pulled" });
        whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn both_generations_of_events_have_a_time_and_a_number() {
        let old = happened(event(&json!({ "lastTimestamp": "2030-01-31T12:00:00Z", "count": 3 })));
        let new = happened(event(&json!({
            "eventTime": "2030-01-31T11:00:00.000000Z", "series": { "count": 3, "lastObservedTime": "2030-01-31T12:00:00.000000Z" },
        })));
        assert_eq!((old.last, old.times), (new.last, new.times));
        let once = happened(event(&json!({ "eventTime": "2030-01-31T12:00:00.000000Z" })));
        assert_eq!((once.last, once.times), (old.last, 1));
    }

    #[test]
    fn only_the_latest_are_shown_and_the_last_of_them_last() {
        let times = (0..=59).rev().map(|minute| {
            event(&json!({ "lastTimestamp": format!("2030-01-31T12:{minute:02}:00Z") }))
        });
        let shown: Vec<String> =
            latest(times).iter().map(|event| event.last.unwrap().to_string()).collect();
        assert_eq!(
            (shown.len(), shown[0].as_str(), shown[9].as_str()),
            (10, "2030-01-31T12:50:00Z", "2030-01-31T12:59:00Z")
        );
    }
}
