//! Which resources are deleted because they are expired, and when.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex, MutexGuard};

use http::{HeaderValue, Method, header};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use kubewright_core::expiry::Expires;
use kubewright_core::{Children, Invalid, ObjectKey, Operator, Registry, View};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::engine::Engine;
use crate::key::WorkKey;
use crate::testing::{
    self, Answer, Page, child, config_of, engine_with_events, known, rate, resource, web,
};
use crate::work::context::RunOutcome;
use crate::work::run::{reconcile, report_defect};
use crate::work::worker;
use crate::write::limiter::RateLimiter;

/// Creates one ConfigMap for each Page. The Page expires at the time of its annotation `ends`; the
/// annotation `broken` withdraws it before that.
struct Mortals;

impl Operator for Mortals {
    const NAME: &'static str = "mortals";
    type Resource = Page;
    type Owns = (ConfigMap, Expires);
    type Reads = ();
    type Facts = ();

    fn build(&self, page: &Page, view: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let annotations = page.metadata.annotations.clone().unwrap_or_default();
        let mut children = match annotations.get("broken") {
            Some(_) => Children::withdrawn(Invalid::new("Broken", "fix the page")),
            None => Children::new().with(config_of(page)),
        };
        if view.is_past(annotations["ends"].parse().unwrap()) {
            children.expire("Expired", "the page is expired");
        }
        Ok(children)
    }
}

/// An API server with one page, and a record of its requests.
#[derive(Debug)]
struct State {
    /// Its time in seconds since 1970, if it sends one.
    clock: Option<i64>,
    version: u64,
    /// The answer to a deletion.
    delete: u16,
    deleted: Vec<Value>,
    requests: Vec<String>,
    events: Vec<String>,
    ready: Vec<String>,
}

#[derive(Clone, Debug)]
struct Server(Arc<Mutex<State>>);

impl Server {
    fn new() -> Self {
        let state = State {
            clock: Some(Timestamp::now().as_second()),
            version: 1,
            delete: 200,
            deleted: Vec::new(),
            requests: Vec::new(),
            events: Vec::new(),
            ready: Vec::new(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn requests(&self, request: &str) -> usize {
        self.state().requests.iter().filter(|r| *r == request).count()
    }

    async fn answer(self, request: http::Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let name = path.rsplit('/').next().unwrap().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut state = self.state();
        if path.ends_with("/events") {
            let event = format!("{} {}: {}", body["type"], body["reason"], body["note"]);
            state.events.push(event.replace('"', ""));
        } else {
            state.requests.push(format!("{method} {name}"));
        }
        if path.ends_with("/status") {
            let ready = &body["status"]["conditions"][0];
            let text = format!("{} {}", ready["reason"], ready["message"]);
            state.ready.push(text.replace('"', ""));
        }
        if method == Method::DELETE {
            let code = state.delete;
            if code == 200 {
                state.deleted.push(body["preconditions"].clone());
            }
            return testing::answer(code, &json!({ "message": "not allowed" }));
        }
        let mut object = child("web", state.version);
        object["metadata"]["uid"] = "u-1".into();
        let mut answer = testing::answer(200, &object);
        if let Some(second) = state.clock {
            let date =
                Timestamp::from_second(second).unwrap().strftime("%a, %d %b %Y %T GMT").to_string();
            answer.headers_mut().insert(header::DATE, HeaderValue::from_str(&date).unwrap());
        }
        answer
    }

    fn engine_with(&self, page: &Value, limiter: RateLimiter) -> Arc<Engine> {
        let server = self.clone();
        let api = testing::api("test", move |request| server.clone().answer(request));
        let engine = engine_with_events(&Registry::new("test").with(Mortals), api, limiter);
        known(&engine, page);
        engine
    }

    fn engine(&self, page: &Value) -> Arc<Engine> {
        self.engine_with(page, RateLimiter::running(rate(30)))
    }

    /// All Events, also those that were just sent.
    async fn events(&self) -> Vec<String> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.state().events.clone()
    }
}

/// A page that expires after so many seconds.
fn ending_in(seconds: i64) -> Value {
    named("web", seconds)
}

fn named(name: &str, seconds: i64) -> Value {
    let ends = Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap();
    let mut page = resource("Page", Some("ns"), 1);
    page["metadata"]["name"] = name.into();
    page["metadata"]["annotations"] = json!({ "ends": ends.to_string() });
    page
}

/// How long the queue is idle, if a key comes at all.
async fn idle(engine: &Engine) -> Option<Duration> {
    let start = Instant::now();
    let next = tokio::time::timeout(Duration::from_hours(9), engine.queue.next()).await;
    next.ok().flatten().map(|_| start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn exactly_the_version_that_the_operator_saw_is_deleted_with_an_event() {
    let server = Server::new();
    let engine = server.engine(&ending_in(-1));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(server.state().deleted, [json!({ "uid": "u-1", "resourceVersion": "1" })]);
    assert_eq!(server.events().await, ["Normal Expired: the page is expired"]);
    assert_eq!(server.state().requests, ["GET web", "DELETE web"], "nothing else is written");
    assert_eq!(idle(&engine).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_not_expired_is_reconciled() {
    let server = Server::new();
    let engine = server.engine(&ending_in(3600));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert!(server.state().deleted.is_empty());
    assert_eq!(server.state().requests, ["PATCH web", "PATCH status"]);
}

#[tokio::test(start_paused = true)]
async fn a_local_clock_that_is_fast_deletes_nothing() {
    let server = Server::new();
    server.state().clock = Some(Timestamp::now().as_second() - 20);
    let engine = server.engine(&ending_in(-10));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(
        server.state().requests,
        ["GET web", "PATCH web", "PATCH status"],
        "the resource is reconciled until then"
    );
    let waited = idle(&engine).await.unwrap();
    assert!(waited.as_secs() == 10, "{waited:?} by the clock of the server");
    engine.queue.done(&web());
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(server.requests("GET web"), 2);
    server.state().clock = Some(Timestamp::now().as_second());
    assert!(idle(&engine).await.is_some());
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(server.state().deleted.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_recent_time_of_the_server_is_not_requested_again() {
    let server = Server::new();
    server.state().clock = Some(Timestamp::now().as_second() - 7200);
    let engine = server.engine(&ending_in(-10));
    for _ in 0..5 {
        assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    }
    assert_eq!(server.requests("GET web"), 1);
    assert_eq!(
        idle(&engine).await,
        Some(Duration::from_mins(1)),
        "at most a minute, because clocks can be set"
    );
}

#[tokio::test(start_paused = true)]
async fn without_the_time_of_the_server_nothing_is_deleted_and_that_is_reported() {
    let server = Server::new();
    server.state().clock = None;
    let engine = server.engine(&ending_in(-10));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Failed(Class::Transient));
    assert!(server.state().deleted.is_empty());
    let ready = server.state().ready[0].clone();
    assert!(ready.contains("the API server sends no Date header"), "{ready}");
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_the_watch_has_not_shown_wins() {
    let server = Server::new();
    server.state().version = 2;
    let engine = server.engine(&ending_in(-1));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Repeat);
    assert_eq!(server.requests("DELETE web"), 0);
    // The edit comes after the read.
    server.state().version = 1;
    server.state().delete = 409;
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Repeat);
    assert_eq!(server.requests("DELETE web"), 1);
    assert!(server.events().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rejected_deletion_is_reported_and_retried() {
    let server = Server::new();
    server.state().delete = 403;
    let engine = server.engine(&ending_in(-1));
    assert!(matches!(reconcile(&engine, &web()).await, RunOutcome::Failed(_)));
    let ready = server.state().ready.last().unwrap().clone();
    let expected = "DeleteFailed could not delete this Page, which is expired: not allowed";
    assert_eq!(ready, expected);
    assert_eq!(server.events().await.len(), 1, "a warning");
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_resource_expires_too() {
    let server = Server::new();
    let mut page = ending_in(-1);
    page["metadata"]["annotations"]["broken"] = "yes".into();
    let engine = server.engine(&page);
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(server.state().deleted.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_surplus_of_expired_resources_waits_and_is_reconciled_meanwhile() {
    let server = Server::new();
    let engine = server.engine_with(&named("web", -1), RateLimiter::running(rate(1)));
    let other = WorkKey { controller: 0, key: ObjectKey::new("ns", "other") };
    known(&engine, &named("other", -1));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(reconcile(&engine, &other).await, RunOutcome::Done);
    assert_eq!(server.state().requests, ["GET web", "DELETE web", "PATCH other", "PATCH status"]);
    assert!(engine.scrape().contains("kubewright_pending_expirations 1"));
    assert_eq!(idle(&engine).await, Some(Duration::from_mins(1)));
    assert_eq!(reconcile(&engine, &other).await, RunOutcome::Done);
    assert_eq!(server.state().deleted.len(), 2);
    assert!(engine.scrape().contains("kubewright_pending_expirations 0"));
}

#[tokio::test(start_paused = true)]
async fn a_resource_whose_time_is_extended_no_longer_waits_for_the_limiter() {
    let server = Server::new();
    let engine = server.engine_with(&ending_in(-1), RateLimiter::new(rate(0)));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(engine.limiter.waiting(), 1);
    let mut longer = ending_in(3600);
    longer["metadata"]["resourceVersion"] = "2".into();
    known(&engine, &longer);
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(engine.limiter.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_resource_with_a_defect_no_longer_waits_for_the_limiter() {
    let server = Server::new();
    let engine = server.engine_with(&ending_in(-10), RateLimiter::running(rate(0)));
    reconcile(&engine, &web()).await;
    assert_eq!(engine.limiter.waiting(), 1);
    let (key, resource) = (web(), engine.controller(0).resources.get(&web().key).unwrap());
    report_defect(&RunContext::new(&engine, &key, resource), "build panicked").await;
    assert_eq!(engine.limiter.waiting(), 0);
}

#[tokio::test]
async fn the_moment_of_expiry_wakes_the_resource() {
    let server = Server::new();
    let mut page = ending_in(0);
    let ends = Timestamp::now() + Duration::from_millis(300);
    page["metadata"]["annotations"]["ends"] = ends.to_string().into();
    // This clock stands still and has whole seconds.
    server.state().clock = Some(Timestamp::now().as_second() + 2);
    let engine = server.engine(&page);
    let timer = Arc::clone(&engine);
    tokio::spawn(async move { timer.watch_deadlines().await });
    let _workers = worker::start(&engine, 8);
    engine.start(0);
    tokio::time::timeout(Duration::from_secs(10), async {
        while server.state().deleted.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
    let late = Timestamp::now().duration_since(ends);
    // The tests of `deadlines` measure the precision with a simulated clock.
    assert!(late.is_positive() && late.as_secs() < 5, "{late:?}");
    engine.queue.close();
}

#[tokio::test(start_paused = true)]
async fn nothing_expires_while_a_cache_is_stale() {
    use crate::watch::sync::State;

    let server = Server::new();
    let engine = server.engine(&ending_in(-10));
    let watch = engine.sync.register("pages".to_owned(), "Page".to_owned(), vec![0], false, false);
    watch.set(State::Synced);
    watch.set(State::Failing("refused".to_owned()));
    tokio::time::sleep(Duration::from_secs(121)).await;
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert!(server.state().deleted.is_empty());
    watch.set(State::Synced);
    reconcile(&engine, &web()).await;
    assert_eq!(server.state().deleted.len(), 1);
}
