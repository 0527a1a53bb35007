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
#[derive(Clone)]
struct Recorder(Arc<Mutex<Vec<(Duration, String)>>>, Instant);

impl Default for Recorder {
    fn default() -> Self {
        Self(Arc::default(), Instant::now())
    }
}

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
            Event::Panicked(_) => ("panicked".to_owned(), None),
            Event::Failed(error) => (format!("failed: {error}"), None),
        };
        self.0.lock().unwrap().push((self.1.elapsed(), text));
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
    let (_, events) = follow_all(&api, 1, time).await;
    (requests, events)
}

/// Follows this many collections for this time. Returns the times and texts of their events, and
/// the texts alone.
async fn follow_all(
    api: &Api,
    count: usize,
    time: Duration,
) -> (Vec<(Duration, String)>, Vec<String>) {
    let collection = Collection::new(KindInfo::of::<ConfigMap>(), Form::Full);
    let (sink, gate) = (Recorder::default(), Gate::default());
    let follow_one = || async {
        let mut sinks: [Box<dyn Sink>; 1] = [Box::new(sink.clone())];
        run(api, &gate, &collection, &mut sinks).await;
    };
    let all = futures::future::join_all((0..count).map(|_| follow_one()));
    let _ = tokio::time::timeout(time, all).await;
    let events = sink.0.lock().unwrap().clone();
    let texts = events.iter().map(|(_, text)| text.clone()).collect();
    (events, texts)
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
        ["list started", "listed 9", "failed: no answer from the API server within 15 s", "opened"]
    );
    assert_eq!(requests.all(), ["list", "watch from 9", "watch from 9"]);
    assert!(requests.at(2) <= 16 * SECOND, "{:?}", requests.at(2));
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_reopened_at_its_position() {
    let serve = |what: &str, _| {
        Some(if what == "list" { whole(&[]) } else { silent(&[event("ADDED", "a", 12)]) })
    };
    let (requests, events) = follow_for(30 * SECOND, serve).await;
    assert_eq!(requests.all(), ["list", "watch from 9", "watch from 12"]);
    assert!((25 * SECOND..=26 * SECOND).contains(&requests.at(2)), "{:?}", requests.at(2));
    let once = ["opened", "upsert a"];
    assert_eq!(events, [&["list started", "listed 9"], &once[..], &once].concat(), "no failure");
}

/// An API server that sends an event in each watch, and nothing any more after this time. Counts
/// requests.
fn silent_after(time: Duration, requests: &Requests) -> Api {
    let (started, recorded) = (Instant::now(), requests.clone());
    testing::api("test", move |request| {
        let what = describe(request.uri().query().unwrap());
        recorded.0.lock().unwrap().push((started.elapsed(), what.clone()));
        async move {
            if started.elapsed() >= time {
                std::future::pending::<()>().await;
            }
            if what == "list" { whole(&[]) } else { silent(&[event("ADDED", "a", 12)]) }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_server_that_goes_silent_is_noticed_by_every_watch_within_45_seconds() {
    let requests = Requests::default();
    let api = silent_after(SECOND, &requests);
    let (events, _) = follow_all(&api, 3, 45 * SECOND).await;
    let failed: Vec<_> = events.iter().filter(|(_, text)| text.starts_with("failed")).collect();
    assert_eq!(failed.len(), 3, "{events:?}");
    assert!(failed[0].0 > 30 * SECOND, "a minute between bookmarks is normal: {failed:?}");
}

#[tokio::test(start_paused = true)]
async fn of_many_silent_watches_one_is_reopened_to_see_whether_the_server_is_there() {
    let requests = Requests::default();
    let api = silent_after(999 * SECOND, &requests);
    let (events, _) = follow_all(&api, 10, 60 * SECOND).await;
    assert!(!events.iter().any(|(_, text)| text.starts_with("failed")), "{events:?}");
    assert_eq!(requests.all().len(), 10 + 10 + 2, "one after 25 s, one after 50 s");
}

#[tokio::test(start_paused = true)]
async fn one_silent_watch_among_others_is_reopened() {
    let started = Instant::now();
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    let api = testing::api("test", move |request| {
        let what = describe(request.uri().query().unwrap());
        let number = {
            *counted.lock().unwrap() += 1;
            *counted.lock().unwrap()
        };
        async move {
            match (what.as_str(), number) {
                ("list", _) => whole(&[]),
                // The third and the fourth request open both watches.
                (_, 3) => silent(&[]),
                _ => testing::repeated(&event("ADDED", "a", 12), 10 * SECOND),
            }
        }
    });
    let (events, _) = follow_all(&api, 2, 95 * SECOND).await;
    let failed: Vec<_> = events.iter().filter(|(_, text)| text.starts_with("failed")).collect();
    assert_eq!(failed.len(), 1, "{failed:?} after {:?}", started.elapsed());
    assert_eq!(failed[0].1, "failed: no answer from the API server within 90 s");
    assert!(failed[0].0 <= 91 * SECOND, "{failed:?}");
    assert_eq!(*count.lock().unwrap(), 5);
}

/// An API server that rejects every request until this time.
fn forbidden_until(time: Duration, requests: &Requests) -> Api {
    let (started, recorded) = (Instant::now(), requests.clone());
    testing::api("test", move |request| {
        let what = describe(request.uri().query().unwrap());
        recorded.0.lock().unwrap().push((started.elapsed(), what.clone()));
        std::future::ready(if started.elapsed() < time {
            rejection(403, "not allowed", &json!([]))
        } else if what == "list" {
            whole(&[])
        } else {
            silent(&[])
        })
    })
}

#[tokio::test(start_paused = true)]
async fn while_rights_are_missing_one_watch_tries_and_then_all_follow() {
    let (requests, count) = (Requests::default(), 20);
    let api = forbidden_until(20 * SECOND, &requests);
    let (events, _) = follow_all(&api, count, 36 * SECOND).await;
    let before = requests.0.lock().unwrap().iter().filter(|(at, _)| *at < 20 * SECOND).count();
    assert!(before <= count + 8, "{before} requests for {count} watches in 20 s");
    let opened: Vec<_> = events.iter().filter(|(_, text)| text == "opened").collect();
    assert_eq!(opened.len(), count, "{events:?}");
    assert!(opened[count - 1].0 < opened[0].0 + SECOND, "the others follow at once: {opened:?}");
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_missing_for_one_kind_delays_no_other_watch() {
    let started = Instant::now();
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    let api = testing::api("test", move |request| {
        let what = describe(request.uri().query().unwrap());
        let number = {
            *counted.lock().unwrap() += 1;
            *counted.lock().unwrap()
        };
        std::future::ready(match (what.as_str(), number) {
            ("list", 1) => rejection(403, "not allowed", &json!([])),
            ("list", _) if started.elapsed() < 100 * SECOND && number > 3 => {
                rejection(403, "not allowed", &json!([]))
            }
            ("list", _) => whole(&[]),
            _ => silent(&[]),
        })
    });
    let (events, _) = follow_all(&api, 3, SECOND).await;
    let opened = events.iter().filter(|(_, text)| text == "opened").count();
    assert_eq!(opened, 2, "{events:?}");
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
    let (requests, _) = follow_slowly(95 * SECOND, 10 * SECOND, serve).await;
    assert_eq!(requests.all().len(), 10);
    assert_eq!(requests.at(9), 90 * SECOND);

    let serve = |what: &str, _| Some(if what == "list" { whole(&[]) } else { cut(&[]) });
    let (requests, _) = follow_slowly(95 * SECOND, 10 * SECOND, serve).await;
    assert_eq!(requests.all()[1..], ["watch from 9"; 9], "each long watch proves the position");
    assert!(requests.at(9) < 92 * SECOND, "{:?}", requests.at(9));
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
