//! Objects that are not as they should be, on their way into the caches.
#![allow(clippy::unwrap_used)]

use std::sync::Mutex;

use http_body_util::BodyExt;
use kube::client::Body;
use kubewright_core::kind::ReadKinds as _;
use kubewright_core::observed::Entry;
use kubewright_core::view::Source as _;
use kubewright_core::{KindInfo, ObjectKey, Operator, Registry};
use serde_json::{Value, json};

use super::*;
use crate::api::{Api, Form};
use crate::brake::Brake;
use crate::cache::reads::Times;
use crate::events::Events;
use crate::manager::running;
use crate::metrics::Metrics;
use crate::queue::WorkKey;
use crate::reconcile::{End, reconcile};
use crate::testing::{self, Pages, child, known, next, observed, resource};

/// A store's feed from a collection of this kind.
fn feed<S: Store>(engine: &Arc<Engine>, kind: &KindInfo, optional: bool, store: S) -> Feed<S> {
    let kind = kind.clone();
    let collection = Collection {
        kind,
        namespace: None,
        labels: None,
        fields: None,
        shard: None,
        form: Form::Full,
    };
    let token = engine.sync.register("objects".to_owned(), vec![0], optional);
    Feed::new(Arc::clone(engine), collection, token, store)
}

/// A feed of Pages into an engine.
fn pages() -> (Arc<Engine>, Feed<Parents>) {
    pages_with(testing::api("test", |_| std::future::pending()))
}

fn pages_with(api: Api) -> (Arc<Engine>, Feed<Parents>) {
    let engine = testing::engine(&Registry::new("test").with(Pages), api);
    let feed = feed(&engine, &engine.running(0).kind, false, Parents(0));
    (engine, feed)
}

/// The key of the one resource that there is.
fn web() -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("ns", "web") }
}

/// Has a list come that is complete as of this version.
fn list(feed: &mut dyn Sink, objects: &[Value], version: u64) {
    feed.listing();
    for object in objects {
        feed.upsert(object.to_string().as_bytes());
    }
    feed.listed(version);
}

fn page(version: u64, spec: &Value, status: &Value) -> Vec<u8> {
    let metadata = json!({ "name": "web", "namespace": "ns", "uid": "u-1", "resourceVersion": version.to_string() });
    json!({ "apiVersion": "test.example.com/v1", "kind": "Page", "metadata": metadata, "spec": spec, "status": status })
        .to_string()
        .into_bytes()
}

#[tokio::test]
async fn when_a_resource_was_changed_is_kept_without_the_fields_that_say_so() {
    let (engine, mut feed) = pages();
    let mut page = resource("Page", Some("ns"), 5);
    page["metadata"]["managedFields"] = json!([{ "manager": "m", "time": "2030-01-31T12:00:00Z", "fieldsV1": { "f:spec": { "f:a": {} } } }]);
    feed.upsert(page.to_string().as_bytes());
    let kept = engine.running(0).parents.get(&web().key).unwrap();
    assert_eq!(kept.changed_at(), Some("2030-01-31T12:00:00Z".parse().unwrap()));
    assert_eq!(kept.object.meta().managed_fields, None);
    page["metadata"] = resource("Page", Some("ns"), 6)["metadata"].clone();
    feed.upsert(page.to_string().as_bytes());
    assert_eq!(engine.running(0).parents.get(&web().key).unwrap().changed_at(), None);
}

#[tokio::test]
async fn a_status_that_cannot_be_read_does_not_keep_a_resource_from_being_worked_on() {
    let (engine, mut feed) = pages();
    let parents = &engine.running(0).parents;
    for (version, status) in
        [(1, json!({ "conditions": "of an older operator" })), (2, json!("text")), (3, json!([]))]
    {
        assert_eq!(feed.upsert(&page(version, &json!({}), &status)), Some(version), "{status}");
        let known = parents.get(&ObjectKey::new("ns", "web")).unwrap();
        assert_eq!(known.version, version, "{status}");
        assert_eq!(
            engine.running(0).controller.status(&*known.object).unwrap(),
            Value::Null,
            "it is written anew"
        );
    }
}

#[tokio::test]
async fn a_resource_whose_spec_cannot_be_read_is_not_worked_on_as_it_was_before() {
    let (engine, mut feed) = pages();
    let parents = &engine.running(0).parents;
    feed.upsert(&page(1, &json!({}), &Value::Null));
    assert!(parents.get(&ObjectKey::new("ns", "web")).is_some());
    assert_eq!(feed.upsert(&page(2, &json!("text"), &json!({ "conditions": "text" }))), None);
    assert!(parents.get(&ObjectKey::new("ns", "web")).is_none());
    feed.upsert(&page(3, &json!({}), &Value::Null));
    assert!(parents.get(&ObjectKey::new("ns", "web")).is_some(), "it can be read again");
}

/// An API server that takes everything: a status as version 3, a child as version 50.
fn taker() -> Api {
    testing::api("test", |request| {
        let is_status = request.uri().path().ends_with("/status");
        let status = json!({ "metadata": { "name": "web", "uid": "u-1", "resourceVersion": "3" } });
        std::future::ready(testing::answer(200, &if is_status { status } else { child("web", 50) }))
    })
}

/// The Page as the watch shows it once its status was written, with somebody else's condition or
/// without.
fn with_status(engine: &Engine, version: u64, foreign: bool) -> Value {
    let mut shown = resource("Page", Some("ns"), version);
    let (_, status) = engine.running(0).written.last(&web().key).unwrap();
    shown["status"] = (*status).clone();
    if foreign {
        let condition = json!({ "type": "Seen", "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" });
        shown["status"]["conditions"].as_array_mut().unwrap().push(condition);
    }
    shown
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_status_that_is_shown_together_with_ours_is_news_and_ours_alone_is_none() {
    for foreign in [false, true] {
        let (engine, mut feed) = pages_with(taker());
        known(&engine, &resource("Page", Some("ns"), 1));
        engine.start(0);
        assert_eq!(next(&engine).await, Some(web()));
        assert_eq!(reconcile(&engine, &web()).await, End::Done);
        engine.queue.done(&web());
        // The watch was cut: what somebody else wrote at version 2 was never shown, and version 3
        // is ours.
        let shown = with_status(&engine, 3, foreign);
        list(&mut feed, &[shown], 3);
        assert_eq!(next(&engine).await, foreign.then(web));
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_can_be_read_again_is_not_its_own_predecessor() {
    let (engine, mut feed) = pages();
    feed.upsert(resource("Page", Some("ns"), 1).to_string().as_bytes());
    observed(&engine, &child("web", 5));
    let mut unreadable = resource("Page", Some("ns"), 2);
    unreadable["spec"] = json!("of an older CRD");
    assert_eq!(feed.upsert(unreadable.to_string().as_bytes()), None);
    let owner = engine.running(0).children[0].get(&web().key).unwrap().controller.clone().unwrap();
    assert!(engine.is_predecessor(&owner, &web()), "nobody knows whether it comes again");
    feed.upsert(resource("Page", Some("ns"), 3).to_string().as_bytes());
    assert!(!engine.is_predecessor(&owner, &web()));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_was_restored_from_a_backup_is_believed() {
    let (engine, mut parents) = pages_with(taker());
    let running = engine.running(0);
    let mut children = feed(
        &engine,
        &running.children[0].kind,
        false,
        Children::new(Arc::clone(&running.children[0])),
    );
    engine.start(0);
    list(&mut parents, &[resource("Page", Some("ns"), 1000)], 1000);
    list(&mut children, &[child("web", 900), child("later", 950)], 1000);
    assert_eq!(next(&engine).await, Some(web()));
    running.written.remember(web().key, 1001, json!({}), Some(7));
    engine.queue.done(&web());

    let mut before = child("web", 400);
    before["status"] = json!({ "of": "then" });
    list(&mut children, &[before], 500);
    let known = running.children[0].get(&web().key).unwrap();
    assert_eq!((known.resource_version, known.status.is_some()), (400, true));
    assert!(running.children[0].get(&ObjectKey::new("ns", "later")).is_none(), "it was made later");
    assert_eq!(next(&engine).await, Some(web()), "it is as it was then");
    engine.queue.done(&web());

    list(&mut parents, &[resource("Page", Some("ns"), 300)], 500);
    assert_eq!(running.parents.get(&web().key).unwrap().version, 300);
    assert_eq!(running.written.last(&web().key), None, "what was written is not there");
    assert_eq!(next(&engine).await, Some(web()));
}

#[tokio::test(start_paused = true)]
async fn a_status_that_was_written_before_a_cluster_was_set_back_does_not_count_though_it_was_never_shown()
 {
    let (engine, mut parents) = pages();
    list(&mut parents, &[resource("Page", Some("ns"), 400)], 1000);
    engine.running(0).written.remember(web().key, 1001, json!({}), Some(7));
    list(&mut parents, &[resource("Page", Some("ns"), 400)], 1000);
    assert!(engine.running(0).written.last(&web().key).is_some(), "the next event shows it");
    list(&mut parents, &[resource("Page", Some("ns"), 400)], 500);
    assert_eq!(engine.running(0).written.last(&web().key), None);
}

#[tokio::test]
async fn a_list_that_is_older_than_our_own_write_is_not_believed() {
    let (engine, _) = pages();
    let cache = &engine.running(0).children[0];
    let mut children = feed(&engine, &cache.kind, false, Children::new(Arc::clone(cache)));
    list(&mut children, &[child("web", 900)], 1000);
    observed(&engine, &child("web", 1005));
    list(&mut children, &[child("web", 900)], 1002);
    assert_eq!(cache.get(&web().key).unwrap().resource_version, 1005, "written after that list");
    assert!(matches!(cache.get(&web().key).unwrap().entry, Entry::Missing));
}

/// How many Namespaces are known.
fn namespaces(engine: &Engine) -> usize {
    let type_id = <Pages as Operator>::Reads::read()[0].type_id;
    engine.reads.snapshot(Times::default()).list(type_id, None, &[]).len()
}

#[tokio::test]
async fn an_api_server_that_does_not_know_an_optional_kind_for_a_moment_empties_nothing() {
    let engine = testing::engine(
        &Registry::new("test").with(Pages),
        testing::api("test", |_| std::future::pending()),
    );
    let read = <Pages as Operator>::Reads::read().remove(0);
    let kind = read.info.clone();
    let mut reads = feed(&engine, &kind, true, Reads::new(read));
    let missing = || testing::not_found();
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "ns", "uid": "u", "resourceVersion": "1" } });
    for failures in [1, CERTAIN - 1] {
        list(&mut reads, std::slice::from_ref(&namespace), 1);
        (0..failures).for_each(|_| reads.failed(&missing()));
        assert_eq!(namespaces(&engine), 1);
        assert!(engine.waiting_for().is_empty(), "what is known is good for work");
    }
    reads.listing();
    reads.failed(&missing());
    assert_eq!(namespaces(&engine), 1, "a list that was cut takes nothing away either");
    reads.opened();
    (0..CERTAIN).for_each(|_| reads.failed(&missing()));
    assert_eq!(namespaces(&engine), 0, "its definition says that it is served, and it is not");
    list(&mut reads, &[namespace], 1);
    reads.failed(&ApiError::NotServed);
    assert_eq!(namespaces(&engine), 0, "its definition is gone");
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_up_and_cannot_be_read_counts_as_it_was_and_is_told_about_where_it_is() {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let events = Arc::clone(&told);
    let api = testing::api("test", move |request: http::Request<Body>| {
        let events = Arc::clone(&events);
        async move {
            let event: Value =
                serde_json::from_slice(&request.into_body().collect().await.unwrap().to_bytes())
                    .unwrap();
            let told = format!(
                "{} {} {}: {}",
                event["regarding"]["name"], event["type"], event["reason"], event["note"]
            );
            events.lock().unwrap().push(told.replace('"', ""));
            testing::answer(201, &json!({}))
        }
    });
    let (events, send) = Events::new(api.clone());
    tokio::spawn(send);
    let engine = Engine::new(
        api,
        None,
        running(&Registry::new("test").with(Pages)).0,
        events,
        Metrics::new(),
        Brake::new(30),
    );
    let read = <Pages as Operator>::Reads::read().remove(0);
    let mut reads = feed(&engine, &read.info.clone(), true, Reads::new(read));
    let namespace = |name: &str, labels: Value| {
        let metadata =
            json!({ "name": name, "uid": name, "resourceVersion": "1", "labels": labels });
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata })
    };
    let (good, bad) =
        (|name| namespace(name, json!({ "a": "b" })), |name| namespace(name, json!(5)));
    let all = async || {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        std::mem::take(&mut *told.lock().unwrap())
    };

    list(&mut reads, &[good("known"), bad("never-known")], 1);
    assert_eq!(namespaces(&engine), 1);
    let told = all().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("never-known Warning Unreadable: this operator cannot read it: "),
        "{told:?}"
    );
    assert!(told[0].contains("nothing of it counts until it can be"), "{told:?}");

    reads.upsert(bad("known").to_string().as_bytes());
    list(&mut reads, &[bad("known"), bad("never-known")], 2);
    assert_eq!(
        namespaces(&engine),
        1,
        "what was known of it is kept, and is not taken for deleted"
    );
    let told = all().await;
    assert_eq!(told.len(), 1, "each once: {told:?}");
    assert!(
        told[0].starts_with("known Warning") && told[0].contains("what it said before counts"),
        "{told:?}"
    );

    reads.upsert(good("never-known").to_string().as_bytes());
    reads.upsert(bad("never-known").to_string().as_bytes());
    assert_eq!(
        (namespaces(&engine), all().await.len()),
        (2, 1),
        "it could be read meanwhile, so it is news"
    );
    reads.delete(bad("known").to_string().as_bytes());
    assert_eq!(namespaces(&engine), 1);
}
