//! Which resources are deleted because they had their time, and when.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use http::{HeaderValue, Method, header};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use kubewright_core::time::{Changed, SignedDuration};
use kubewright_core::{Children, Invalid, ObjectKey, Observed, Operator, Registry, Sample, View};
use serde_json::{Value, json};

use super::*;
use crate::brake::Brake;
use crate::cache::Epoch;
use crate::cache::parents::Parent;
use crate::engine::Engine;
use crate::events::Events;
use crate::manager::running;
use crate::metrics::Metrics;
use crate::queue::WorkKey;
use crate::reconcile::{End, Run, reconcile};
use crate::testing::{self, Answer, Page, PageStatus, child, known, resource};

/// Makes one ConfigMap for each Page, and ends the page at the moment that its annotation `ends`
/// names, or as many seconds after its last change as `lives` says; one that is `broken` too.
struct Mortals;
/// The same, without the declaration.
struct Undeclared;

fn mortal(page: &Page, view: &View<'_, ()>) -> Result<Children<(ConfigMap,)>, Invalid> {
    let annotation = |name: &str| page.metadata.annotations.as_ref().and_then(|all| all.get(name));
    let lives = |seconds: &String| {
        view.changed_at().map(|at| at + SignedDuration::from_secs(seconds.parse().unwrap()))
    };
    let ends = annotation("ends")
        .map(|at| at.parse().unwrap())
        .or_else(|| annotation("lives").and_then(lives));
    let over = ends.is_some_and(|at| view.is_past(at));
    if annotation("broken").is_some() {
        let invalid = Invalid::new("Broken", "it is");
        return Err(if over { invalid.retire("Expired", "it was time") } else { invalid });
    }
    let mut config = ConfigMap::default();
    config.metadata.name.clone_from(&page.metadata.name);
    let mut children = Children::new().with(config);
    if over {
        children.retire("Expired", "it was time");
    }
    Ok(children)
}

macro_rules! operator {
    ($name:ident, $text:literal $(, $retires:item)?) => {
        impl Operator for $name {
            const NAME: &'static str = $text;
            $($retires)?
            type Resource = Page;
            type Owns = (ConfigMap,);
            type Reads = ();

            fn build(&self, page: &Page, view: &View<'_, ()>) -> Result<Children<Self::Owns>, Invalid> {
                mortal(page, view)
            }

            fn status(&self, _: &Page, _: &Observed<'_, Self::Owns>) -> PageStatus {
                PageStatus::default()
            }

            fn samples() -> Vec<Sample<Page>> {
                Vec::new()
            }
        }
    };
}

operator!(Mortals, "mortals", const RETIRES: bool = true;);
operator!(Undeclared, "undeclared");

/// What the API server says of a page, and what it was asked to do.
#[derive(Debug)]
struct State {
    /// Seconds since 1970, where it says so.
    clock: Option<i64>,
    version: u64,
    /// What it answers to a delete.
    delete: u16,
    /// What it answers to an annotation of the resource itself.
    note: u16,
    /// Whether somebody takes that away before it is kept.
    drops: bool,
    /// What it answers to a look at it.
    look: u16,
    /// The generations that statuses were about.
    about: Vec<Value>,
    deleted: Vec<Value>,
    asked: Vec<String>,
    events: Vec<String>,
    stalled: Vec<String>,
    /// Annotations of the resource itself.
    noted: Vec<Value>,
}

#[derive(Clone, Debug)]
struct Server(Arc<Mutex<State>>);

impl Server {
    fn new() -> Self {
        let state = State {
            clock: Some(Timestamp::now().as_second()),
            version: 1,
            delete: 200,
            note: 200,
            drops: false,
            look: 200,
            about: Vec::new(),
            deleted: Vec::new(),
            asked: Vec::new(),
            events: Vec::new(),
            stalled: Vec::new(),
            noted: Vec::new(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    async fn answer(self, request: http::Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let name = path.rsplit('/').next().unwrap().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut state = self.state();
        if path.ends_with("/events") {
            state.events.push(
                format!("{} {}: {}", body["type"], body["reason"], body["note"]).replace('"', ""),
            );
        } else {
            state.asked.push(format!("{method} {name}"));
        }
        if path.ends_with("/status") {
            state.about.push(body["status"]["observedGeneration"].clone());
            let ready = &body["status"]["conditions"][0];
            state
                .stalled
                .push(format!("{} {}", ready["reason"], ready["message"]).replace('"', ""));
        }
        if body["kind"] == "Page" && body["metadata"]["annotations"].is_object() {
            state.noted.push(body["metadata"]["annotations"].clone());
            if state.note != 200 {
                return testing::answer(state.note, &json!({ "message": "no notes here" }));
            }
        }
        if method == Method::GET && state.look != 200 {
            return testing::answer(state.look, &json!({ "message": "nothing to see" }));
        }
        if method == Method::DELETE {
            let code = state.delete;
            if code == 200 {
                state.deleted.push(body["preconditions"].clone());
            }
            return testing::answer(code, &json!({ "message": "as you say" }));
        }
        let mut object = child("web", state.version);
        object["metadata"]["uid"] = "u-1".into();
        object["metadata"]["namespace"] = "ns".into();
        if !state.drops {
            object["metadata"]["annotations"] = body["metadata"]["annotations"].clone();
        }
        let mut answer = testing::answer(200, &object);
        if let Some(second) = state.clock {
            let date =
                Timestamp::from_second(second).unwrap().strftime("%a, %d %b %Y %T GMT").to_string();
            answer.headers_mut().insert(header::DATE, HeaderValue::from_str(&date).unwrap());
        }
        answer
    }

    fn engine_of(&self, operator: impl Operator, page: &Value, brake: Brake) -> Arc<Engine> {
        let server = self.clone();
        let api = testing::api("test", move |request| server.clone().answer(request));
        let (events, send) = Events::new(api.clone());
        tokio::spawn(send);
        let controllers = running(&Registry::new("test").with(operator)).0;
        let engine = Engine::new(api, None, controllers, events, Metrics::new(), brake);
        known(&engine, page);
        engine
    }

    fn engine(&self, page: &Value) -> Arc<Engine> {
        self.engine_of(Mortals, page, Brake::running(30))
    }

    /// All Events that are on their way have come.
    async fn events(&self) -> Vec<String> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.state().events.clone()
    }
}

/// A page that ends so many seconds from now.
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

fn key() -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("ns", "web") }
}

/// How long until something is to be done, if anything ever is.
async fn idle(engine: &Engine) -> Option<Duration> {
    let start = Instant::now();
    let next = tokio::time::timeout(Duration::from_hours(9), engine.queue.next()).await;
    next.ok().flatten().map(|_| start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn exactly_what_the_operator_saw_is_deleted_and_told() {
    let server = Server::new();
    let engine = server.engine(&ending_in(-1));
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(server.state().deleted, [json!({ "uid": "u-1", "resourceVersion": "1" })]);
    assert_eq!(server.events().await, ["Normal Expired: it was time"]);
    assert_eq!(server.state().asked, ["GET web", "DELETE web"], "nothing is written for what goes");
    assert_eq!(idle(&engine).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_has_time_left_is_as_any_other() {
    let server = Server::new();
    let engine = server.engine(&ending_in(3600));
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert!(server.state().deleted.is_empty());
    assert_eq!(server.state().asked, ["PATCH web", "PATCH status"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_of_this_machine_that_runs_ahead_deletes_nothing() {
    let server = Server::new();
    server.state().clock = Some(Timestamp::now().as_second() - 20);
    let engine = server.engine(&ending_in(-10));
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(
        server.state().asked,
        ["GET web", "PATCH web", "PATCH status"],
        "it is as any other until then"
    );
    let waits = idle(&engine).await.unwrap();
    assert!(waits.as_secs() == 10, "{waits:?}, by the server's clock");
    engine.queue.done(&key());
    // Others do not ask what was just said.
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(server.state().asked.iter().filter(|asked| *asked == "GET web").count(), 2);
    server.state().clock = Some(Timestamp::now().as_second());
    assert!(idle(&engine).await.is_some());
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(server.state().deleted.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_server_said_a_moment_ago_is_not_asked_again() {
    let server = Server::new();
    server.state().clock = Some(Timestamp::now().as_second() - 7200);
    let engine = server.engine(&ending_in(-10));
    for _ in 0..5 {
        assert_eq!(reconcile(&engine, &key()).await, End::Done);
    }
    assert_eq!(server.state().asked.iter().filter(|asked| *asked == "GET web").count(), 1);
    assert_eq!(
        idle(&engine).await,
        Some(Duration::from_mins(1)),
        "no longer than that, for clocks are set"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_say_what_time_it_is_is_told_and_asked_again() {
    let server = Server::new();
    server.state().clock = None;
    let engine = server.engine(&ending_in(-10));
    assert_eq!(reconcile(&engine, &key()).await, End::Failed(Class::Transient));
    assert!(server.state().deleted.is_empty());
    assert!(
        server.state().stalled[0].contains("does not say what time it is"),
        "{:?}",
        server.state().stalled
    );
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_was_not_seen_yet_wins() {
    let server = Server::new();
    server.state().version = 2;
    let engine = server.engine(&ending_in(-1));
    assert_eq!(reconcile(&engine, &key()).await, End::Waits);
    assert!(!server.state().asked.contains(&"DELETE web".to_owned()));
    // It comes after the look.
    server.state().version = 1;
    server.state().delete = 409;
    assert_eq!(reconcile(&engine, &key()).await, End::Waits);
    assert!(server.state().asked.contains(&"DELETE web".to_owned()));
    assert!(server.events().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_server_does_not_let_go_is_told_and_tried_again() {
    let server = Server::new();
    server.state().delete = 403;
    let engine = server.engine(&ending_in(-1));
    assert!(matches!(reconcile(&engine, &key()).await, End::Failed(_)));
    let told = server.state().stalled.last().unwrap().clone();
    assert!(
        told.starts_with("DeleteFailed this Page is no longer wanted and could not be deleted: "),
        "{told}"
    );
    assert_eq!(server.events().await.len(), 1, "a warning");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_work_ends_too() {
    let server = Server::new();
    let mut page = ending_in(-1);
    page["metadata"]["annotations"]["broken"] = "yes".into();
    let engine = server.engine(&page);
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(server.state().deleted.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_does_not_declare_it_does_not_do() {
    let server = Server::new();
    let engine = server.engine_of(Undeclared, &ending_in(-1), Brake::running(30));
    assert_eq!(reconcile(&engine, &key()).await, End::Failed(Class::Bug));
    assert!(
        server.state().stalled[0].contains("const RETIRES: bool = true"),
        "{:?}",
        server.state().stalled
    );
    assert!(server.state().deleted.is_empty());
}

#[tokio::test(start_paused = true)]
async fn of_many_so_many_go_in_a_minute_and_the_others_are_kept_as_they_are() {
    let server = Server::new();
    let engine = server.engine_of(Mortals, &named("web", -1), Brake::running(1));
    let other = WorkKey { controller: 0, key: ObjectKey::new("ns", "other") };
    known(&engine, &named("other", -1));
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(reconcile(&engine, &other).await, End::Done);
    assert_eq!(server.state().asked, ["GET web", "DELETE web", "PATCH other", "PATCH status"]);
    assert!(engine.scrape().contains("kubewright_held_deletions 1"));
    assert_eq!(idle(&engine).await, Some(Duration::from_mins(1)));
    assert_eq!(reconcile(&engine, &other).await, End::Done);
    assert_eq!(server.state().deleted.len(), 2);
    assert!(engine.scrape().contains("kubewright_held_deletions 0"));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_kept_after_all_is_not_held_back_any_more() {
    let server = Server::new();
    let engine = server.engine_of(Mortals, &ending_in(-1), Brake::new(0));
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(engine.brake.held(), 1);
    let mut longer = ending_in(3600);
    longer["metadata"]["resourceVersion"] = "2".into();
    known(&engine, &longer);
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(engine.brake.held(), 0);
}

#[tokio::test]
async fn a_moment_that_comes_wakes_who_asked() {
    let server = Server::new();
    let mut page = ending_in(0);
    let ends = Timestamp::now() + Duration::from_millis(300);
    page["metadata"]["annotations"]["ends"] = ends.to_string().into();
    // It has no fractions of a second, and stands still.
    server.state().clock = Some(Timestamp::now().as_second() + 2);
    let engine = server.engine(&page);
    let timer = Arc::clone(&engine);
    tokio::spawn(async move { timer.keep_time().await });
    tokio::spawn(Arc::clone(&engine).work());
    engine.start(0);
    tokio::time::timeout(Duration::from_secs(10), async {
        while server.state().deleted.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
    let late = Timestamp::now().duration_since(ends);
    // How exact that is, is seen with a clock that nobody else takes time from: in `deadlines`.
    assert!(late.is_positive() && late.as_secs() < 5, "{late:?}");
    engine.close();
}

/// A page that lives so many seconds after its last change: that of its entry in `managedFields`,
/// so many seconds from now.
fn changed_in(seconds: i64, lives: i64) -> Value {
    let at = |second| Timestamp::from_second(Timestamp::now().as_second() + second).unwrap();
    let mut page = resource("Page", Some("ns"), 1);
    let metadata = &mut page["metadata"];
    metadata["name"] = "web".into();
    metadata["generation"] = 1.into();
    metadata["annotations"] = json!({ "lives": lives.to_string() });
    metadata["managedFields"] = json!([
        { "time": at(seconds), "fieldsV1": { "f:spec": {} } },
        { "time": at(seconds + 9), "subresource": "status", "fieldsV1": { "f:status": {} } },
    ]);
    page["status"] = json!({ "observedGeneration": 1 });
    page
}

/// The same after an edit of which no time tells.
fn edited(lives: i64) -> Value {
    let mut page = changed_in(-100, lives);
    page["metadata"]["resourceVersion"] = "2".into();
    page["metadata"]["generation"] = 2.into();
    page
}

/// An event shows it.
fn show(engine: &Engine, page: &Value) {
    let object = engine.running(0).controller.decode(page.to_string().as_bytes()).unwrap();
    let version = page["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    let parent = Parent::new(object, version).changed(Changed::of(page.to_string().as_bytes()));
    engine.running(0).parents.observe(parent, None, Epoch::default());
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_has_no_time_is_recorded_before_anything_is_decided_from_an_older_one() {
    let server = Server::new();
    let engine = server.engine(&changed_in(-100, 50));
    let mut page = edited(50);
    show(&engine, &page);
    assert_eq!(reconcile(&engine, &key()).await, End::Waits);
    assert_eq!(server.state().asked, ["PATCH web"]);
    let noted = format!("2 of {}", page["metadata"]["uid"].as_str().unwrap());
    assert_eq!(server.state().noted, [json!({ "kubewright.dev/changed-in-generation": noted })]);
    // The event of that.
    server.state().version = 3;
    page["metadata"]["resourceVersion"] = "3".into();
    page["metadata"]["annotations"]["kubewright.dev/changed-in-generation"] = noted.into();
    show(&engine, &page);
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(server.state().deleted.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_an_edit_cannot_be_recorded_nothing_ends_and_all_else_goes_on_and_it_is_told() {
    let server = Server::new();
    let engine = server.engine(&changed_in(-100, 50));
    show(&engine, &edited(50));
    server.state().note = 403;
    for _ in 0..2 {
        assert_eq!(reconcile(&engine, &key()).await, End::Failed(Class::Transient));
    }
    assert_eq!(
        server.state().asked[..3],
        ["PATCH web", "PATCH web", "PATCH status"],
        "the note, the child, the status"
    );
    assert!(server.state().deleted.is_empty());
    let told = server.state().stalled.last().unwrap().clone();
    assert!(
        told.starts_with("ApplyFailed when this Page was changed could not be recorded"),
        "{told}"
    );
    assert!(told.ends_with("no notes here"), "{told}");
    assert_eq!(server.events().await.len(), 1, "a warning");
    // A later process would not know of the edit otherwise.
    assert!(server.state().about.iter().all(|about| *about == 1), "the status is not about it yet");
    server.state().note = 200;
    server.state().drops = true;
    assert!(
        matches!(reconcile(&engine, &key()).await, End::Failed(_)),
        "it was taken, and is not there"
    );
    let told = server.state().stalled.last().unwrap().clone();
    assert!(told.contains("an admission webhook or a mutating policy removes it"), "{told}");
    server.state().drops = false;
    assert_eq!(reconcile(&engine, &key()).await, End::Waits);
    assert_eq!(server.state().noted.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_its_deletion_and_has_a_defect_gives_its_place_up() {
    let server = Server::new();
    let engine = server.engine_of(Mortals, &ending_in(-10), Brake::running(0));
    reconcile(&engine, &key()).await;
    assert_eq!(engine.brake.held(), 1);
    let parent = engine.running(0).parents.get(&key().key).unwrap();
    let owner =
        kubewright_core::registry::owner_of(engine.running(0).kind.clone(), &*parent.object);
    let (key, running) = (key(), engine.running(0));
    Run { engine: &engine, running, key: &key, parent, owner, recorded: false }
        .defect("build gives up")
        .await;
    assert_eq!(engine.brake.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_recorded_is_not_recorded_either_for_who_does_not_ask_for_it() {
    let server = Server::new();
    let engine = server.engine(&changed_in(-100, 50));
    let mut page = edited(50);
    page["metadata"]["annotations"] = json!({ "ends": "2099-01-01T00:00:00Z" });
    show(&engine, &page);
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    let state = server.state();
    assert_eq!((state.noted.len(), &*state.about), (0, &[json!(2)][..]), "{:?}", state.asked);
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_yet_to_come_counts_as_now() {
    const DAY: i64 = 86_400;
    let server = Server::new();
    let engine = server.engine(&changed_in(-100, 50));
    let mut page = changed_in(10_000 * DAY, -10);
    page["metadata"]["resourceVersion"] = "2".into();
    show(&engine, &page);
    server.state().version = 2;
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(
        server.state().asked,
        ["GET web", "GET web", "DELETE web"],
        "the server's clock is asked"
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_of_this_machine_that_runs_behind_makes_no_edit_older_than_it_is() {
    let server = Server::new();
    server.state().clock = Some(Timestamp::now().as_second() + 3600);
    let engine = server.engine(&changed_in(-100, 50));
    let mut page = changed_in(1800, -10);
    page["metadata"]["resourceVersion"] = "2".into();
    show(&engine, &page);
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(
        server.state().asked,
        ["GET web", "PATCH web", "PATCH status"],
        "it is as any other"
    );
}

#[tokio::test(start_paused = true)]
async fn where_no_clock_can_be_asked_whether_a_time_is_yet_to_come_nothing_ends() {
    let server = Server::new();
    let engine = server.engine(&changed_in(-100, 50));
    let mut page = changed_in(1800, -10);
    page["metadata"]["resourceVersion"] = "2".into();
    show(&engine, &page);
    server.state().look = 403;
    assert_eq!(reconcile(&engine, &key()).await, End::Failed(Class::Transient));
    server.state().look = 200;
    server.state().clock = None;
    assert_eq!(reconcile(&engine, &key()).await, End::Failed(Class::Transient));
    let state = server.state();
    assert!(
        state.deleted.is_empty() && state.asked.contains(&"PATCH web".to_owned()),
        "{:?}",
        state.asked
    );
    assert!(
        state.stalled.iter().all(|told| told.starts_with("ApplyFailed when this Page was changed")),
        "{:?}",
        state.stalled
    );
}
