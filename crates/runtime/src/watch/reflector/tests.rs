//! Lists and watches against an API server that is a function, in simulated time.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::ConfigMap;
use kubewright_core::KindInfo;
use kubewright_core::observed::decode_identity;
use serde_json::{Value, json};

use super::*;
use crate::testing::{self, Answer, answer, closed, closed_within, cut, rejection, silent};
use crate::write::api::Form;

/// The requests and their times.
#[derive(Clone, Default)]
struct Requests(Arc<Mutex<Vec<(Duration, String)>>>);

impl Requests {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(_, what)| what.clone()).collect()
    }

    fn at(&self, index: usize) -> Duration {
        self.0.lock().unwrap()[index].0
    }
}

/// `watch from 9`, `list`, `list from TOKEN`.
fn describe(query: &str) -> String {
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
    if value("watch=").is_none() {
        assert_eq!(value("limit="), Some("500"), "{query}");
        return value("continue=")
            .map_or_else(|| "list".to_owned(), |token| format!("list from {token}"));
    }
    assert_eq!(value("allowWatchBookmarks="), Some("true"), "{query}");
    format!("watch from {}", value("resourceVersion=").unwrap())
}

/// Records events. An object named `bad` makes it panic.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    fn object(what: &str, json: &[u8]) -> Option<(String, u64)> {
        let (key, _, version) = decode_identity(json).ok()?;
        assert_ne!(&*key.name, "bad");
        Some((format!("{what} {}", key.name), version))
    }
}

impl Sink for Recorder {
    fn handle(&mut self, event: Event<'_>) -> Option<u64> {
        let (text, version) = match event {
            Event::ListStarted => ("list started".to_owned(), None),
            Event::Upsert(json) => Self::object("upsert", json).map(|(t, v)| (t, Some(v)))?,
            Event::Delete(json) => Self::object("delete", json).map(|(t, v)| (t, Some(v)))?,
            Event::Listed(version) => (format!("listed {version}"), None),
            Event::Opened => ("opened".to_owned(), None),
            Event::Panicked => ("panicked".to_owned(), None),
            Event::Failed(error) => (format!("failed: {error}"), None),
        };
        self.0.lock().unwrap().push(text);
        version
    }
}

/// Follows a collection for this time. `serve` gets a request and the number of requests before it;
/// `None` means no answer. Returns the requests and the events.
async fn follow_for(
    time: Duration,
    serve: impl Fn(&str, usize) -> Option<Answer> + Clone + Send + 'static,
) -> (Requests, Vec<String>) {
    follow_slowly(time, Duration::ZERO, serve).await
}

/// The same with a delay before each answer.
async fn follow_slowly(
    time: Duration,
    pause: Duration,
    serve: impl Fn(&str, usize) -> Option<Answer> + Clone + Send + 'static,
) -> (Requests, Vec<String>) {
    let (requests, started) = (Requests::default(), Instant::now());
    let recorded = requests.clone();
    let api = testing::api("test", move |request| {
        let what = describe(request.uri().query().unwrap());
        let before = {
            let mut recorded = recorded.0.lock().unwrap();
            recorded.push((started.elapsed(), what.clone()));
            recorded.len() - 1
        };
        // Simulated time stands still during a flood, so a flood must end by itself.
        let given = if before < FLOOD { serve(&what, before) } else { None };
        async move {
            tokio::time::sleep(pause).await;
            match given {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }
    });
    let collection = Collection::new(KindInfo::of::<ConfigMap>(), Form::Full);
    let sink = Recorder::default();
    let mut sinks: [Box<dyn Sink>; 1] = [Box::new(sink.clone())];
    let _ = tokio::time::timeout(time, run(&api, &collection, &mut sinks)).await;
    let events = sink.0.lock().unwrap().clone();
    (requests, events)
}

fn object(name: &str, version: u64) -> Value {
    let version = version.to_string();
    let metadata =
        json!({ "name": name, "namespace": "ns", "uid": "u", "resourceVersion": version });
    json!({ "kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata })
}

fn event(type_: &str, name: &str, version: u64) -> Value {
    json!({ "type": type_, "object": object(name, version) })
}

/// A page of a list, with the token of the next one.
fn page(items: &[Value], version: u64, next: &str) -> Answer {
    let metadata = json!({ "resourceVersion": version.to_string(), "continue": next });
    answer(200, &json!({ "metadata": metadata, "items": items }))
}

/// A whole list, as of version 9.
fn whole(items: &[Value]) -> Answer {
    page(items, 9, "")
}

fn expired() -> Value {
    let status = json!({ "kind": "Status", "code": 410, "reason": "Expired", "message": "old" });
    json!({ "type": "ERROR", "object": status })
}

const SECOND: Duration = Duration::from_secs(1);
/// More requests than any test needs.
const FLOOD: usize = 1000;

#[tokio::test(start_paused = true)]
async fn a_list_comes_in_pages_and_then_every_change_follows() {
    let serve = |what: &str, before| {
        Some(match what {
            "list" => page(&[object("a", 3), object("b", 4)], 9, "two&more"),
            "list from two%26more" => page(&[object("c", 5)], 9, "three"),
            "list from three" => page(&[], 9, ""),
            "watch from 9" if before < 4 => closed(&[event("MODIFIED", "a", 10), expired()]),
            _ => silent(&[event("MODIFIED", "a", 11), event("DELETED", "b", 12)]),
        })
    };
    let (requests, events) = follow_for(10 * SECOND, serve).await;
    let pages = ["list", "list from two%26more", "list from three", "watch from 9"];
    assert_eq!(requests.all(), [pages, pages].concat());
    let list =
        ["list started", "upsert a", "upsert b", "upsert c", "listed 9", "opened", "upsert a"];
    assert_eq!(events, [&list[..], &list[..], &["delete b"]].concat());
}

#[tokio::test(start_paused = true)]
async fn an_expired_page_token_restarts_the_list() {
    let serve = |what: &str, before| {
        Some(match what {
            "list" if before == 0 => page(&[object("a", 3)], 9, "two"),
            "list" => page(&[object("b", 14)], 20, ""),
            "list from two" => rejection(410, "the token is too old", &json!([])),
            _ => silent(&[]),
        })
    };
    let (requests, events) = follow_for(10 * SECOND, serve).await;
    assert_eq!(requests.all(), ["list", "list from two", "list", "watch from 20"]);
    assert_eq!(
        events,
        ["list started", "upsert a", "list started", "upsert b", "listed 20", "opened"],
        "an expired token is no failure"
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_never_opens_is_reported_and_reopened() {
    let serve = |what: &str, before| match (what, before) {
        ("list", _) => Some(whole(&[])),
        (_, 1) => None,
        _ => Some(silent(&[])),
    };
    let (requests, events) = follow_for(40 * SECOND, serve).await;
    assert_eq!(
        events,
        ["list started", "listed 9", "failed: no answer from the API server within 30 s", "opened"]
    );
    assert_eq!(requests.all(), ["list", "watch from 9", "watch from 9"]);
    assert!(requests.at(2) <= 31 * SECOND, "{:?}", requests.at(2));
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_reopened_at_its_position() {
    let serve = |what: &str, _| {
        Some(if what == "list" { whole(&[]) } else { silent(&[event("ADDED", "a", 12)]) })
    };
    let (requests, events) = follow_for(160 * SECOND, serve).await;
    assert_eq!(requests.all(), ["list", "watch from 9", "watch from 12"]);
    assert!((150 * SECOND..=151 * SECOND).contains(&requests.at(2)), "{:?}", requests.at(2));
    let silence = "failed: no answer from the API server within 150 s";
    assert_eq!(
        events,
        ["list started", "listed 9", "opened", "upsert a", silence, "opened", "upsert a"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_one_object_is_reported_and_the_watch_continues() {
    let events = [event("ADDED", "bad", 10), event("ADDED", "b", 11), event("DELETED", "bad", 12)];
    let serve = move |what: &str, _| {
        Some(match what {
            "list" => whole(&[object("bad", 2), object("a", 3)]),
            "watch from 9" => closed(&events),
            _ => silent(&[]),
        })
    };
    let (requests, events) = follow_for(10 * SECOND, serve).await;
    let listed = ["list started", "panicked", "upsert a", "listed 9"];
    assert_eq!(
        events,
        [&listed[..], &["opened", "panicked", "upsert b", "panicked", "opened"]].concat()
    );
    assert_eq!(
        requests.all(),
        ["list", "watch from 9", "watch from 12"],
        "the bad object is not requested again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_position_that_always_fails_leads_to_a_new_list() {
    let serve = |what: &str, _| {
        Some(if what == "list" { whole(&[]) } else { rejection(500, "broken", &json!([])) })
    };
    let (requests, events) = follow_for(30 * SECOND, serve).await;
    let tries = ["list", "watch from 9", "watch from 9", "watch from 9"];
    assert_eq!(requests.all()[..8], [tries, tries].concat());
    assert_eq!(
        events[..6],
        [
            "list started",
            "listed 9",
            "failed: broken",
            "failed: broken",
            "failed: broken",
            "list started"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_continues_at_its_position() {
    let serve = |what: &str, _| {
        Some(match what {
            "list" => whole(&[]),
            "watch from 9" => cut(&[event("ADDED", "a", 12)]),
            _ => silent(&[]),
        })
    };
    let (requests, _) = follow_for(10 * SECOND, serve).await;
    assert_eq!(requests.all(), ["list", "watch from 9", "watch from 12"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_closed_within_an_event_continues_before_that_event() {
    let serve = |what: &str, before| {
        Some(match (what, before) {
            ("list", _) => whole(&[]),
            // A proxy that stops may close a connection anywhere.
            (_, 1) => closed_within(r#"{"type":"ADDED","object":{"metadata":{"na"#),
            _ => silent(&[]),
        })
    };
    let (requests, events) = follow_for(10 * SECOND, serve).await;
    assert_eq!(requests.all(), ["list", "watch from 9", "watch from 9"]);
    assert_eq!(
        events,
        ["list started", "listed 9", "opened", "opened"],
        "a closed watch is no failure"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_every_watch_at_once_is_not_flooded() {
    let serve = |what: &str, _| Some(if what == "list" { whole(&[]) } else { closed(&[]) });
    let (requests, events) = follow_for(600 * SECOND, serve).await;
    let count = requests.all().len();
    // Between two requests there are 15 s less jitter, once the delay has grown.
    assert!((40..=60).contains(&count), "{count} requests in 10 minutes");
    assert!(
        !events.iter().any(|events| events.starts_with("failed")),
        "a closed watch is no failure: {events:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_rejects_every_request_is_not_flooded() {
    let (requests, _) =
        follow_for(600 * SECOND, |_, _| Some(rejection(403, "not allowed", &json!([])))).await;
    let count = requests.all().len();
    assert!((40..=60).contains(&count), "{count} requests in 10 minutes");
}

#[tokio::test(start_paused = true)]
async fn a_long_watch_is_reopened_at_once() {
    let serve = |what: &str, _| Some(if what == "list" { whole(&[]) } else { closed(&[]) });
    let (requests, _) = follow_slowly(190 * SECOND, 20 * SECOND, serve).await;
    assert_eq!(requests.all().len(), 10);
    assert_eq!(requests.at(9), 180 * SECOND);

    let serve = |what: &str, _| Some(if what == "list" { whole(&[]) } else { cut(&[]) });
    let (requests, _) = follow_slowly(190 * SECOND, 20 * SECOND, serve).await;
    assert_eq!(requests.all()[1..], ["watch from 9"; 9], "each long watch proves the position");
    assert!(requests.at(9) < 182 * SECOND, "{:?}", requests.at(9));
}

#[tokio::test(start_paused = true)]
async fn an_expired_version_leads_to_a_new_list_and_is_no_failure() {
    for in_an_event in [false, true] {
        let serve = move |what: &str, before| {
            Some(match what {
                "list" if before == 0 => whole(&[]),
                "list" => page(&[object("a", 18)], 20, ""),
                "watch from 20" => silent(&[]),
                _ if in_an_event => closed(&[event("ADDED", "b", 10), expired()]),
                _ => rejection(410, "too old", &json!([])),
            })
        };
        let (requests, events) = follow_for(10 * SECOND, serve).await;
        assert_eq!(requests.all(), ["list", "watch from 9", "list", "watch from 20"]);
        let between: &[&str] = if in_an_event { &["opened", "upsert b"] } else { &[] };
        assert_eq!(
            events,
            [
                &["list started", "listed 9"],
                between,
                &["list started", "upsert a", "listed 20", "opened"]
            ]
            .concat()
        );
    }
}

#[test]
fn a_line_in_the_usual_form_means_the_same_as_in_any_other() {
    let object = r#"{"kind":"Echo","metadata":{"name":"a}"}}"#;
    for type_ in ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "NEW"] {
        let usual = format!("{{\"type\":\"{type_}\",\"object\":{object}}}\n");
        let others = [
            format!("{{ \"type\": \"{type_}\", \"object\": {object} }}\r\n"),
            format!("{{\"object\":{object},\"type\":\"{type_}\"}}\n"),
        ];
        for line in others.iter().chain([&usual]) {
            let parsed = Line::parse(line.as_bytes()).unwrap();
            assert_eq!((&*parsed.type_, parsed.object), (type_, object.as_bytes()), "{line}");
        }
        let is_usual = Line::parse_usual(usual.as_bytes()).is_some();
        assert_eq!(is_usual, !["ERROR", "NEW"].contains(&type_), "{type_}");
    }
    assert!(Line::parse(b"{\"type\":\"ADDED\"}\n").is_err());
}
