//! Unusual objects and lists on their way into the caches.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use http_body_util::BodyExt;
use kube::client::Body;
use kubewright_core::kind::{ReadKind, ReadKinds as _};
use kubewright_core::observed::ApplyEntry;
use kubewright_core::view::Source as _;
use kubewright_core::{KindInfo, ObjectKey, Operator, Registry, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::testing::{
    self, Pages, child, engine_with_events, known, next, observed, rate, resource, silent_api, web,
};
use crate::watch::children::Children;
use crate::watch::reads::Reads;
use crate::watch::resources::Resources;
use crate::work::context::RunOutcome;
use crate::work::run::reconcile;
use crate::write::api::{Api, Form};
use crate::write::limiter::RateLimiter;

fn feed(
    engine: &Arc<Engine>,
    kind: &KindInfo,
    optional: bool,
    store: impl Store + 'static,
) -> Feed {
    let token =
        engine.sync.register("objects".to_owned(), kind.kind.to_string(), vec![0], optional, false);
    Feed::new(Arc::clone(engine), Collection::new(kind.clone(), Form::Full), token, store)
}

/// An engine with a feed of Pages.
fn pages() -> (Arc<Engine>, Feed) {
    pages_with(silent_api())
}

fn pages_with(api: Api) -> (Arc<Engine>, Feed) {
    let engine = testing::engine(&Registry::new("test").with(Pages), api);
    let feed = feed(&engine, &engine.controller(0).kind, false, Resources(0));
    (engine, feed)
}

fn children(engine: &Arc<Engine>) -> Feed {
    let cache = &engine.controller(0).children[0];
    feed(engine, &cache.kind, false, Children::new(Arc::clone(cache)))
}

fn upsert(feed: &mut Feed, object: &Value) -> Option<u64> {
    feed.handle(Event::Upsert(object.to_string().as_bytes()))
}

fn delete(feed: &mut Feed, object: &Value) -> Option<u64> {
    feed.handle(Event::Delete(object.to_string().as_bytes()))
}

/// Sends a list that is complete as of this version.
fn list(feed: &mut Feed, objects: &[Value], version: u64) {
    feed.handle(Event::ListStarted);
    for object in objects {
        upsert(feed, object);
    }
    feed.handle(Event::Listed(version));
}

fn page(version: u64, spec: &Value, status: &Value) -> Value {
    let mut page = resource("Page", Some("ns"), version);
    (page["spec"], page["status"]) = (spec.clone(), status.clone());
    page
}

#[tokio::test]
async fn a_resource_is_cached_without_its_managed_fields() {
    let (engine, mut feed) = pages();
    let mut page = resource("Page", Some("ns"), 5);
    let entry = json!({ "manager": "m", "fieldsV1": { "f:spec": { "f:a": {} } } });
    page["metadata"]["managedFields"] = json!([entry]);
    upsert(&mut feed, &page);
    let cached = engine.controller(0).resources.get(&web().key).unwrap();
    assert_eq!(cached.object.meta().managed_fields, None);
}

#[tokio::test]
async fn an_undecodable_status_does_not_prevent_a_reconcile() {
    let (engine, mut feed) = pages();
    let controller = engine.controller(0);
    for (version, status) in [
        (1, json!({ "conditions": "of an older operator" })),
        (2, json!("text")),
        (3, json!(["text"])),
    ] {
        assert_eq!(upsert(&mut feed, &page(version, &json!({}), &status)), Some(version));
        let cached = controller.resources.get(&web().key).unwrap();
        assert_eq!(cached.version, version, "{status}");
        let status = controller.controller.status(&*cached.object).unwrap();
        assert_eq!(status, Value::Null, "it is written again");
    }
}

#[tokio::test]
async fn an_undecodable_spec_removes_the_resource_from_the_cache() {
    let (engine, mut feed) = pages();
    let resources = &engine.controller(0).resources;
    upsert(&mut feed, &page(1, &json!({}), &Value::Null));
    assert!(resources.get(&web().key).is_some());
    let undecodable = page(2, &json!("text"), &json!({ "conditions": "text" }));
    assert_eq!(upsert(&mut feed, &undecodable), None);
    assert!(resources.get(&web().key).is_none());
    upsert(&mut feed, &page(3, &json!({}), &Value::Null));
    assert!(resources.get(&web().key).is_some(), "it can be decoded again");
}

/// An API server that accepts everything: a status as version 3, a child as version 50.
fn accepting_api() -> Api {
    testing::api("test", |request| {
        let is_status = request.uri().path().ends_with("/status");
        let status = json!({ "metadata": { "name": "web", "uid": "u-1", "resourceVersion": "3" } });
        std::future::ready(testing::answer(200, &if is_status { status } else { child("web", 50) }))
    })
}

/// The Page with its written status, with or without a condition of another client.
fn with_status(engine: &Engine, version: u64, has_foreign: bool) -> Value {
    let mut shown = resource("Page", Some("ns"), version);
    let (_, status) = engine.controller(0).written_statuses.last(&web().key).unwrap();
    shown["status"] = (*status).clone();
    if has_foreign {
        let mut condition =
            json!({ "type": "Seen", "status": "True", "reason": "R", "message": "" });
        condition["lastTransitionTime"] = "2026-01-01T00:00:00Z".into();
        shown["status"]["conditions"].as_array_mut().unwrap().push(condition);
    }
    shown["metadata"]["managedFields"] = testing::managed_status(&shown["status"]);
    shown
}

#[tokio::test(start_paused = true)]
async fn an_event_with_only_our_status_is_no_work_and_one_with_a_foreign_condition_is() {
    for has_foreign in [false, true] {
        let (engine, mut feed) = pages_with(accepting_api());
        known(&engine, &resource("Page", Some("ns"), 1));
        engine.start(0);
        assert_eq!(next(&engine).await, Some(web()));
        assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
        engine.queue.done(&web());
        // The watch broke: version 2 of another client was never shown, and version 3 is ours.
        let shown = with_status(&engine, 3, has_foreign);
        list(&mut feed, &[shown], 3);
        assert_eq!(next(&engine).await, has_foreign.then(web));
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_can_be_decoded_again_is_not_its_own_predecessor() {
    let (engine, mut feed) = pages();
    upsert(&mut feed, &resource("Page", Some("ns"), 1));
    observed(&engine, &child("web", 5));
    let mut undecodable = resource("Page", Some("ns"), 2);
    undecodable["spec"] = json!("of an older CRD");
    assert_eq!(upsert(&mut feed, &undecodable), None);
    let child = engine.controller(0).children[0].get(&web().key).unwrap();
    let owner = child.controller.clone().unwrap();
    assert!(engine.is_predecessor(&owner, &web()), "the resource may be gone");
    upsert(&mut feed, &resource("Page", Some("ns"), 3));
    assert!(!engine.is_predecessor(&owner, &web()));
}

#[tokio::test(start_paused = true)]
async fn a_restore_from_a_backup_replaces_the_caches() {
    let (engine, mut pages) = pages_with(accepting_api());
    let controller = engine.controller(0);
    let cache = &controller.children[0];
    let mut children = children(&engine);
    engine.start(0);
    list(&mut pages, &[resource("Page", Some("ns"), 1000)], 1000);
    list(&mut children, &[child("web", 900), child("later", 950)], 1000);
    assert_eq!(next(&engine).await, Some(web()));
    controller.written_statuses.remember(web().key, 1001, json!({}), Some(7));
    engine.queue.done(&web());

    let mut before = child("web", 400);
    before["status"] = json!({ "of": "then" });
    list(&mut children, &[before], 500);
    let cached = cache.get(&web().key).unwrap();
    assert_eq!((cached.resource_version, cached.status.is_some()), (400, true));
    assert!(cache.get(&ObjectKey::new("ns", "later")).is_none(), "created after the backup");
    assert_eq!(next(&engine).await, Some(web()), "the owner wakes");
    engine.queue.done(&web());

    list(&mut pages, &[resource("Page", Some("ns"), 300)], 500);
    assert_eq!(controller.resources.get(&web().key).unwrap().version, 300);
    assert_eq!(controller.written_statuses.last(&web().key), None, "the written status is gone");
    assert_eq!(next(&engine).await, Some(web()));
}

#[tokio::test(start_paused = true)]
async fn a_restore_from_a_backup_also_forgets_written_statuses_that_were_never_shown() {
    let (engine, mut pages) = pages();
    let written = &engine.controller(0).written_statuses;
    list(&mut pages, &[resource("Page", Some("ns"), 400)], 1000);
    written.remember(web().key, 1001, json!({}), Some(7));
    list(&mut pages, &[resource("Page", Some("ns"), 400)], 1000);
    assert!(written.last(&web().key).is_some(), "a later event shows it");
    list(&mut pages, &[resource("Page", Some("ns"), 400)], 500);
    assert_eq!(written.last(&web().key), None);
}

#[tokio::test]
async fn a_list_that_is_older_than_our_own_write_does_not_replace_it() {
    let (engine, _) = pages();
    let cache = &engine.controller(0).children[0];
    let mut children = children(&engine);
    list(&mut children, &[child("web", 900)], 1000);
    observed(&engine, &child("web", 1005));
    list(&mut children, &[child("web", 900)], 1002);
    let cached = cache.get(&web().key).unwrap();
    assert_eq!(cached.resource_version, 1005, "written after that list");
    assert!(matches!(cached.entry, ApplyEntry::Missing));
}

fn read_kind() -> ReadKind {
    <Pages as Operator>::Reads::read().remove(0)
}

/// The number of cached Namespaces.
fn namespaces(engine: &Engine) -> usize {
    engine.reads.snapshot(Timestamp::MIN).list(read_kind().type_id, None, &[]).len()
}

#[tokio::test]
async fn an_optional_kind_that_is_not_found_for_a_moment_stays_in_the_cache() {
    let engine = testing::engine(&Registry::new("test").with(Pages), silent_api());
    let read = read_kind();
    let mut reads = feed(&engine, &read.info.clone(), true, Reads::new(read, &engine.controllers));
    let fail = |reads: &mut Feed, count| {
        for _ in 0..count {
            reads.handle(Event::Failed(&testing::not_found()));
        }
    };
    let metadata = json!({ "name": "ns", "uid": "u", "resourceVersion": "1" });
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata });
    for failures in [1, MAX_NOT_FOUND - 1] {
        list(&mut reads, std::slice::from_ref(&namespace), 1);
        fail(&mut reads, failures);
        assert_eq!(namespaces(&engine), 1);
        assert!(engine.missing_caches().is_empty(), "the cache stays usable");
    }
    reads.handle(Event::ListStarted);
    fail(&mut reads, 1);
    assert_eq!(namespaces(&engine), 1, "an incomplete list removes nothing");
    reads.handle(Event::Opened);
    fail(&mut reads, MAX_NOT_FOUND);
    assert_eq!(namespaces(&engine), 0, "the definition exists, but the API is not served");
    list(&mut reads, &[namespace], 1);
    reads.handle(Event::Failed(&ApiError::NotServed));
    assert_eq!(namespaces(&engine), 0, "the definition is gone");
}

#[tokio::test(start_paused = true)]
async fn an_undecodable_read_object_keeps_its_last_state_and_causes_an_event() {
    let recorded: Arc<Mutex<Vec<String>>> = Arc::default();
    let events = Arc::clone(&recorded);
    let api = testing::api("test", move |request: http::Request<Body>| {
        let events = Arc::clone(&events);
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let event: Value = serde_json::from_slice(&body).unwrap();
            let text = format!(
                "{} {} {}: {}",
                event["regarding"]["name"], event["type"], event["reason"], event["note"]
            );
            events.lock().unwrap().push(text.replace('"', ""));
            testing::answer(201, &json!({}))
        }
    });
    let limiter = RateLimiter::new(rate(30));
    let engine = engine_with_events(&Registry::new("test").with(Pages), api, limiter);
    let read = read_kind();
    let mut reads = feed(&engine, &read.info.clone(), true, Reads::new(read, &engine.controllers));
    let namespace = |name: &str, labels: Value| {
        let metadata =
            json!({ "name": name, "uid": name, "resourceVersion": "1", "labels": labels });
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata })
    };
    let good = |name| namespace(name, json!({ "a": "b" }));
    let bad = |name| namespace(name, json!(5));
    let take_events = async || {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        std::mem::take(&mut *recorded.lock().unwrap())
    };

    list(&mut reads, &[good("known"), bad("new")], 1);
    assert_eq!(namespaces(&engine), 1);
    let events = take_events().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].starts_with("new Warning Unreadable: cannot read this object: "));
    assert!(events[0].contains("; it has no effect. "), "{events:?}");

    upsert(&mut reads, &bad("known"));
    list(&mut reads, &[bad("known"), bad("new")], 2);
    assert_eq!(namespaces(&engine), 1, "the last state is kept, also by a list");
    let events = take_events().await;
    assert_eq!(events.len(), 1, "one Event for each object: {events:?}");
    assert!(events[0].starts_with("known Warning"), "{events:?}");
    assert!(events[0].contains("its last readable state stays in effect"), "{events:?}");

    for _ in 0..10 {
        upsert(&mut reads, &good("new"));
        upsert(&mut reads, &bad("new"));
    }
    assert_eq!(take_events().await.len(), 2, "an object that changes often causes no flood");
    tokio::time::sleep(std::time::Duration::from_secs(61)).await;
    upsert(&mut reads, &good("new"));
    upsert(&mut reads, &bad("new"));
    let events = take_events().await.len();
    assert_eq!((namespaces(&engine), events), (2, 1), "a new problem causes a new Event");
    delete(&mut reads, &bad("known"));
    assert_eq!(namespaces(&engine), 1);
}
