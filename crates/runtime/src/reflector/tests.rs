//! Lists and watches against an API server that is a function, in time that passes by itself.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use k8s_openapi::api::core::v1::ConfigMap;
use kubewright_core::observed::decode_identity;
use serde_json::{Value, json};

use super::*;
use crate::testing::{self, Answer, answer, closed, closed_within, cut, refusal, silent};

/// What was asked for, and when.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<(Duration, String)>>>);

impl Asked {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(_, what)| what.clone()).collect()
    }

    fn at(&self, index: usize) -> Duration {
        self.0.lock().unwrap()[index].0
    }
}

/// `watch from 9`, `list`, `list from TOKEN`.
fn in_words(query: &str) -> String {
    let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name));
    if value("watch=").is_none() {
        assert_eq!(value("limit="), Some("500"), "{query}");
        return value("continue=")
            .map_or_else(|| "list".to_owned(), |token| format!("list from {token}"));
    }
    assert_eq!(value("allowWatchBookmarks="), Some("true"), "{query}");
    format!("watch from {}", value("resourceVersion=").unwrap())
}

/// Notes what it is told. An object named `bad` is more than it can take.
#[derive(Default)]
struct Notes(Vec<String>);

impl Sink for Notes {
    fn listing(&mut self) {
        self.0.push("listing".to_owned());
    }

    fn upsert(&mut self, json: &[u8]) -> Option<u64> {
        let (key, _, version) = decode_identity(json).ok()?;
        assert_ne!(&*key.name, "bad");
        self.0.push(format!("has {}", key.name));
        Some(version)
    }

    fn delete(&mut self, json: &[u8]) -> Option<u64> {
        let (key, _, version) = decode_identity(json).ok()?;
        assert_ne!(&*key.name, "bad");
        self.0.push(format!("lost {}", key.name));
        Some(version)
    }

    fn listed(&mut self, version: u64) {
        self.0.push(format!("listed {version}"));
    }

    fn opened(&mut self) {
        self.0.push("opened".to_owned());
    }

    fn panicked(&mut self) {
        self.0.push("panicked".to_owned());
    }

    fn failed(&mut self, error: &ApiError) {
        self.0.push(format!("failed: {error}"));
    }
}

/// Follows a collection for so long; `serve` gets what is asked for and how often anything was
/// asked for before, and gives nothing when it never answers. Gives what was asked for, and what
/// the sink was told.
async fn follow_for(
    time: Duration,
    serve: impl Fn(&str, usize) -> Option<Answer> + Clone + Send + 'static,
) -> (Asked, Vec<String>) {
    follow_slowly(time, Duration::ZERO, serve).await
}

/// The same with a server that takes this long for each answer.
async fn follow_slowly(
    time: Duration,
    pause: Duration,
    serve: impl Fn(&str, usize) -> Option<Answer> + Clone + Send + 'static,
) -> (Asked, Vec<String>) {
    let (asked, started) = (Asked::default(), Instant::now());
    let noted = asked.clone();
    let api = testing::api("test", move |request| {
        let what = in_words(request.uri().query().unwrap());
        let before = {
            let mut noted = noted.0.lock().unwrap();
            noted.push((started.elapsed(), what.clone()));
            noted.len() - 1
        };
        // Whoever floods the server would do so for ever: this time passes only while everybody
        // waits.
        let given = if before < FLOOD { serve(&what, before) } else { None };
        async move {
            tokio::time::sleep(pause).await;
            match given {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }
    });
    let kind = KindInfo::of::<ConfigMap>();
    let collection = Collection {
        kind,
        namespace: None,
        labels: None,
        fields: None,
        shard: None,
        form: Form::Full,
    };
    let mut sink = Notes::default();
    let _ = tokio::time::timeout(time, run(&api, &collection, &mut sink)).await;
    (asked, sink.0)
}

fn object(name: &str, version: u64) -> Value {
    json!({ "kind": "ConfigMap", "apiVersion": "v1", "metadata": { "name": name, "namespace": "ns", "uid": "u",
        "resourceVersion": version.to_string() } })
}

fn event(type_: &str, name: &str, version: u64) -> Value {
    json!({ "type": type_, "object": object(name, version) })
}

/// A page of a list, with the token of the next one.
fn page(items: &[Value], version: u64, next: &str) -> Answer {
    answer(
        200,
        &json!({ "metadata": { "resourceVersion": version.to_string(), "continue": next }, "items": items }),
    )
}

/// A whole list, as of version 9.
fn whole(items: &[Value]) -> Answer {
    page(items, 9, "")
}

fn expired() -> Value {
    let status = json!({ "kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old" });
    json!({ "type": "ERROR", "object": status })
}

const SECOND: Duration = Duration::from_secs(1);
/// More requests than any test has use for.
const FLOOD: usize = 1000;

#[tokio::test(start_paused = true)]
async fn what_there_is_comes_in_pages_and_then_every_change() {
    let serve = |what: &str, before| {
        Some(match what {
            "list" => page(&[object("a", 3), object("b", 4)], 9, "two&more"),
            "list from two%26more" => page(&[object("c", 5)], 9, "three"),
            "list from three" => page(&[], 9, ""),
            "watch from 9" if before < 4 => closed(&[event("MODIFIED", "a", 10), expired()]),
            _ => silent(&[event("MODIFIED", "a", 11), event("DELETED", "b", 12)]),
        })
    };
    let (asked, told) = follow_for(10 * SECOND, serve).await;
    let pages = ["list", "list from two%26more", "list from three", "watch from 9"];
    assert_eq!(asked.all(), [pages, pages].concat());
    let list = ["listing", "has a", "has b", "has c", "listed 9", "opened", "has a"];
    assert_eq!(told, [&list[..], &list[..], &["lost b"]].concat());
}

#[tokio::test(start_paused = true)]
async fn a_page_that_comes_too_late_begins_the_list_anew() {
    let serve = |what: &str, before| {
        Some(match what {
            "list" if before == 0 => page(&[object("a", 3)], 9, "two"),
            "list" => page(&[object("b", 14)], 20, ""),
            "list from two" => refusal(410, "the token is too old", &json!([])),
            _ => silent(&[]),
        })
    };
    let (asked, told) = follow_for(10 * SECOND, serve).await;
    assert_eq!(asked.all(), ["list", "list from two", "list", "watch from 20"]);
    assert_eq!(
        told,
        ["listing", "has a", "listing", "has b", "listed 20", "opened"],
        "that is no failure"
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_never_opens_is_told_and_opened_again() {
    let serve = |what: &str, before| match (what, before) {
        ("list", _) => Some(whole(&[])),
        (_, 1) => None,
        _ => Some(silent(&[])),
    };
    let (asked, told) = follow_for(40 * SECOND, serve).await;
    assert_eq!(
        told,
        ["listing", "listed 9", "failed: no answer from the API server within 30 s", "opened"]
    );
    assert_eq!(asked.all(), ["list", "watch from 9", "watch from 9"]);
    assert!(asked.at(2) <= 31 * SECOND, "{:?}", asked.at(2));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_silent_for_too_long_is_opened_again_where_it_was() {
    let serve = |what: &str, _| {
        Some(if what == "list" { whole(&[]) } else { silent(&[event("ADDED", "a", 12)]) })
    };
    let (asked, told) = follow_for(160 * SECOND, serve).await;
    assert_eq!(asked.all(), ["list", "watch from 9", "watch from 12"]);
    assert!((150 * SECOND..=151 * SECOND).contains(&asked.at(2)), "{:?}", asked.at(2));
    let silence = "failed: no answer from the API server within 150 s";
    assert_eq!(told, ["listing", "listed 9", "opened", "has a", silence, "opened", "has a"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_over_one_object_is_told_and_ends_nothing() {
    let events = [event("ADDED", "bad", 10), event("ADDED", "b", 11), event("DELETED", "bad", 12)];
    let serve = move |what: &str, _| {
        Some(match what {
            "list" => whole(&[object("bad", 2), object("a", 3)]),
            "watch from 9" => closed(&events),
            _ => silent(&[]),
        })
    };
    let (asked, told) = follow_for(10 * SECOND, serve).await;
    let listed = ["listing", "panicked", "has a", "listed 9"];
    assert_eq!(
        told,
        [&listed[..], &["opened", "panicked", "has b", "panicked", "opened"]].concat()
    );
    assert_eq!(
        asked.all(),
        ["list", "watch from 9", "watch from 12"],
        "what it cannot take is not asked for again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_position_that_always_fails_is_given_up_and_a_new_one_gets_as_many_tries() {
    let serve = |what: &str, _| {
        Some(if what == "list" { whole(&[]) } else { refusal(500, "broken", &json!([])) })
    };
    let (asked, told) = follow_for(30 * SECOND, serve).await;
    let tries = ["list", "watch from 9", "watch from 9", "watch from 9"];
    assert_eq!(asked.all()[..8], [tries, tries].concat());
    assert_eq!(
        told[..6],
        ["listing", "listed 9", "failed: broken", "failed: broken", "failed: broken", "listing"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_cut_goes_on_where_it_was() {
    let serve = |what: &str, _| {
        Some(match what {
            "list" => whole(&[]),
            "watch from 9" => cut(&[event("ADDED", "a", 12)]),
            _ => silent(&[]),
        })
    };
    let (asked, _) = follow_for(10 * SECOND, serve).await;
    assert_eq!(asked.all(), ["list", "watch from 9", "watch from 12"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_closed_within_an_event_goes_on_where_it_was() {
    let serve = |what: &str, before| {
        Some(match (what, before) {
            ("list", _) => whole(&[]),
            // A proxy that stops closes its connections in order, wherever they are.
            (_, 1) => closed_within(r#"{"type":"ADDED","object":{"metadata":{"na"#),
            _ => silent(&[]),
        })
    };
    let (asked, told) = follow_for(10 * SECOND, serve).await;
    assert_eq!(asked.all(), ["list", "watch from 9", "watch from 9"]);
    assert_eq!(told, ["listing", "listed 9", "opened", "opened"], "to close is no failure");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_every_watch_at_once_is_not_flooded() {
    let serve = |what: &str, _| Some(if what == "list" { whole(&[]) } else { closed(&[]) });
    let (asked, told) = follow_for(600 * SECOND, serve).await;
    let requests = asked.all().len();
    // 15 s less jitter between two of them, once the delay has grown.
    assert!((40..=60).contains(&requests), "{requests} requests in 10 minutes");
    assert!(
        !told.iter().any(|told| told.starts_with("failed")),
        "to close is no failure: {told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_every_request_is_not_flooded() {
    let (asked, _) =
        follow_for(600 * SECOND, |_, _| Some(refusal(403, "not allowed", &json!([])))).await;
    let requests = asked.all().len();
    assert!((40..=60).contains(&requests), "{requests} requests in 10 minutes");
}

#[tokio::test(start_paused = true)]
async fn watches_that_last_are_opened_again_at_once() {
    let serve = |what: &str, _| Some(if what == "list" { whole(&[]) } else { closed(&[]) });
    let (asked, _) = follow_slowly(190 * SECOND, 20 * SECOND, serve).await;
    assert_eq!(asked.all().len(), 10);
    assert_eq!(asked.at(9), 180 * SECOND);

    let serve = |what: &str, _| Some(if what == "list" { whole(&[]) } else { cut(&[]) });
    let (asked, _) = follow_slowly(190 * SECOND, 20 * SECOND, serve).await;
    assert_eq!(
        asked.all()[1..],
        ["watch from 9"; 9],
        "each of them showed that the position is good"
    );
    assert!(asked.at(9) < 182 * SECOND, "{:?}", asked.at(9));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_too_old_leads_to_a_new_list_and_is_no_failure() {
    for in_an_event in [false, true] {
        let serve = move |what: &str, before| {
            Some(match what {
                "list" if before == 0 => whole(&[]),
                "list" => page(&[object("a", 18)], 20, ""),
                "watch from 20" => silent(&[]),
                _ if in_an_event => closed(&[event("ADDED", "b", 10), expired()]),
                _ => refusal(410, "too old", &json!([])),
            })
        };
        let (asked, told) = follow_for(10 * SECOND, serve).await;
        assert_eq!(asked.all(), ["list", "watch from 9", "list", "watch from 20"]);
        let between: &[&str] = if in_an_event { &["opened", "has b"] } else { &[] };
        assert_eq!(
            told,
            [&["listing", "listed 9"], between, &["listing", "has a", "listed 20", "opened"]]
                .concat()
        );
    }
}
