//! Resources that cannot be decoded, from the watch to the status.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use kubewright_core::Registry;

use super::*;
use crate::testing::{self, Answer, Pages, child, engine_with_events, next, resource, web};
use crate::watch::testing::{delete_resource, list_nothing, resource_feed, upsert_resource};
use crate::work::run::reconcile;
use crate::write::limiter::RateLimiter;

/// Records statuses and Events, and answers statuses with this code.
#[derive(Clone, Default)]
struct Server {
    statuses: Arc<Mutex<Vec<Value>>>,
    events: Arc<Mutex<Vec<String>>>,
    code: Arc<Mutex<u16>>,
}

impl Server {
    async fn answer(self, request: http::Request<kube::client::Body>) -> Answer {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if path.ends_with("/events") {
            let text = |field: &str| body[field].as_str().unwrap().to_owned();
            let event = format!("{}: {}", text("reason"), text("note"));
            self.events.lock().unwrap().push(event);
        } else if path.ends_with("/status") {
            self.statuses.lock().unwrap().push(body["status"].clone());
            let code = *self.code.lock().unwrap();
            if code >= 400 {
                return testing::rejection(code, "not now", &json!([]));
            }
        }
        testing::answer(200, &child("web", 7))
    }

    fn engine(&self) -> Arc<Engine> {
        let engine = self.new_engine();
        engine.start(0);
        engine
    }

    /// An engine that is not started.
    fn new_engine(&self) -> Arc<Engine> {
        let server = self.clone();
        let api = testing::api("test", move |request| server.clone().answer(request));
        let registry = Registry::new("test").with(Pages);
        let engine = engine_with_events(&registry, api, RateLimiter::new(testing::rate(30)));
        engine.controller(0).children[0].set_served(true);
        engine
    }

    async fn events(&self) -> Vec<String> {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        self.events.lock().unwrap().clone()
    }

    fn statuses(&self) -> Vec<Value> {
        self.statuses.lock().unwrap().clone()
    }
}

/// Fields of the status that we own; `Ready`, `Reconciling` and `Stalled` are ours.
fn managed_fields() -> Value {
    let condition = json!({ ".": {}, "f:type": {}, "f:status": {} });
    let mut conditions = json!({});
    for type_ in STANDARD {
        conditions[format!("k:{}", json!({ "type": type_ }))] = condition.clone();
    }
    let status = json!({ "f:endsAt": {}, "f:observedGeneration": {}, "f:conditions": conditions });
    json!([{
        "manager": "test", "operation": "Apply", "subresource": "status",
        "fieldsV1": { "f:status": status },
    }])
}

/// The Page with this status, and with or without a spec that can be decoded.
fn page(version: u64, is_readable: bool, status: &Value) -> Value {
    let mut page = resource("Page", Some("ns"), version);
    if !is_readable {
        page["spec"] = "of a newer definition".into();
    }
    page["status"] = status.clone();
    page["metadata"]["managedFields"] = managed_fields();
    page
}

fn unreadable(version: u64, status: &Value) -> Value {
    page(version, false, status)
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_cannot_be_decoded_is_reported_in_its_status_and_an_event_and_heals() {
    let server = Server::default();
    let engine = server.engine();
    let mut feed = resource_feed(&engine);
    let foreign = json!({ "type": "Seen", "status": "True", "reason": "R", "message": "m",
        "lastTransitionTime": "2026-01-01T00:00:00Z" });
    let mut status = json!({ "conditions": [foreign], "endsAt": "2030-01-01T00:00:00Z" });
    status["url"] = "http://evil.example".into();
    upsert_resource(&mut feed, &unreadable(1, &status));
    assert_eq!(next(&engine).await, Some(web()));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Stalled);
    engine.queue.done(&web());

    let written = server.statuses()[0].clone();
    assert_eq!(written["endsAt"], "2030-01-01T00:00:00Z", "the rest of the status stays");
    assert_eq!(written["url"], Value::Null, "what another client wrote does not become ours");
    assert_eq!(written["observedGeneration"], 1);
    let conditions = written["conditions"].as_array().unwrap();
    let of_type = |type_: &str| conditions.iter().find(|c| c["type"] == type_).unwrap();
    assert_eq!(of_type("Ready")["status"], "False");
    assert_eq!(of_type("Stalled")["status"], "True");
    assert_eq!(conditions.len(), 3, "another client owns the other condition: {written}");
    let message = of_type("Stalled")["message"].as_str().unwrap();
    assert!(message.starts_with("cannot read this object: invalid type: string"), "{message}");
    assert!(message.contains("install the matching CustomResourceDefinition"), "{message}");
    assert_eq!(server.events().await, [format!("Unreadable: {message}")]);

    // The watch shows our status.
    upsert_resource(&mut feed, &unreadable(2, &written));
    assert_eq!(next(&engine).await, Some(web()));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Stalled);
    engine.queue.done(&web());
    assert_eq!((server.statuses().len(), server.events().await.len()), (1, 1), "once");

    upsert_resource(&mut feed, &page(3, true, &written));
    assert_eq!(next(&engine).await, Some(web()));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    let healed = server.statuses()[1].clone();
    assert_eq!(healed["conditions"][0]["status"], "True", "{healed}");
    assert_eq!(engine.controller(0).unreadable.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_restart_repeats_neither_the_status_nor_the_event_of_an_unreadable_resource() {
    let server = Server::default();
    let first = server.engine();
    upsert_resource(&mut resource_feed(&first), &unreadable(1, &Value::Null));
    reconcile(&first, &web()).await;
    let written = server.statuses()[0].clone();
    let second = server.new_engine();
    upsert_resource(&mut resource_feed(&second), &unreadable(2, &written));
    second.start(0);
    assert_eq!(next(&second).await, Some(web()), "the sweep includes it");
    assert_eq!(reconcile(&second, &web()).await, RunOutcome::Stalled);
    assert_eq!((server.statuses().len(), server.events().await.len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_cannot_be_decoded_is_still_an_edit_when_it_can_be() {
    let server = Server::default();
    let engine = server.engine();
    let mut feed = resource_feed(&engine);
    let mut page = unreadable(1, &json!({ "observedGeneration": 1 }));
    page["metadata"]["generation"] = 2.into();
    upsert_resource(&mut feed, &page);
    reconcile(&engine, &web()).await;
    for version in [2, 3] {
        page["status"] = server.statuses().pop().unwrap();
        page["metadata"]["resourceVersion"] = version.to_string().into();
        assert_eq!(page["status"]["observedGeneration"], 2);
        assert_eq!(edits::is_unfinished(&page["status"], 2), Some(true), "{}", page["status"]);
        upsert_resource(&mut feed, &page);
        assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Stalled);
    }
    assert_eq!(server.statuses().len(), 1, "once");
}

#[tokio::test(start_paused = true)]
async fn a_status_that_cannot_be_written_is_tried_again() {
    let server = Server::default();
    let engine = server.engine();
    upsert_resource(&mut resource_feed(&engine), &unreadable(1, &Value::Null));
    for (code, outcome) in [
        (403, RunOutcome::Failed(Class::Transient)),
        (422, RunOutcome::Failed(Class::Bug)),
        (404, RunOutcome::Repeat),
        (200, RunOutcome::Stalled),
    ] {
        *server.code.lock().unwrap() = code;
        assert_eq!(reconcile(&engine, &web()).await, outcome, "{code}");
    }
    assert_eq!(server.events().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_resource_is_forgotten_when_it_is_gone() {
    let server = Server::default();
    for is_listed in [false, true] {
        let engine = server.engine();
        let mut feed = resource_feed(&engine);
        upsert_resource(&mut feed, &unreadable(1, &Value::Null));
        reconcile(&engine, &web()).await;
        assert_eq!((engine.controller(0).unreadable.len(), engine.events.remembered()), (1, 1));
        if is_listed {
            list_nothing(&mut feed);
        } else {
            delete_resource(&mut feed, &unreadable(2, &Value::Null));
        }
        assert_eq!((engine.controller(0).unreadable.len(), engine.events.remembered()), (0, 0));
        assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    }
}
