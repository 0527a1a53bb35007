//! How an operator changes the readiness, and how conditions and failures cause Events.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use kubewright_core::{
    Children, Condition, Invalid, Observed, Operator, Readiness, Registry, Report, Status, View,
};
use serde_json::{Value, json};

use super::{RunOutcome, reconcile};
use crate::engine::Engine;
use crate::testing::{
    self, Answer, Page, child, config_of, engine_with_events, known, observed, rate, resource, web,
};
use crate::write::limiter::RateLimiter;

/// Creates one ConfigMap for each Page, and counts its reports. The annotation `holder` names the
/// Page that has the host; the annotation `soon` is the message of a warning.
#[derive(Clone, Default)]
struct Hosts(Arc<AtomicUsize>);

/// The Page that has the host.
#[derive(Default, Hash)]
struct Holder(Option<String>);

fn annotation<'a>(page: &'a Page, name: &str) -> Option<&'a String> {
    page.metadata.annotations.as_ref()?.get(name)
}

impl Operator for Hosts {
    const NAME: &'static str = "hosts";
    type Resource = Page;
    type Owns = (ConfigMap,);
    type Reads = ();
    type Facts = Holder;

    fn build(&self, page: &Page, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let holder = Holder(annotation(page, "holder").cloned());
        Ok(Children::new().with(config_of(page)).with_facts(holder))
    }

    fn report(
        &self,
        page: &Page,
        observed: &Observed<'_, Self>,
        Holder(holder): &Holder,
    ) -> Report<Status> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let mut report = Report::new(observed, Status::default());
        if let Some(message) = annotation(page, "soon") {
            let condition = Condition::new("Soon", Some(true), "Near", message);
            report = report.with_condition(condition.with_warning());
        }
        match (holder, &report.readiness) {
            (Some(holder), Readiness::Ready(_)) if holder != "web" => {
                let message = format!("{holder} has the host");
                report.with_readiness(Readiness::Stalled("HostConflict", message))
            }
            _ => report,
        }
    }
}

/// Records statuses and Events.
#[derive(Clone, Default)]
struct Server {
    statuses: Arc<Mutex<Vec<Value>>>,
    events: Arc<Mutex<Vec<String>>>,
    /// Whether it rejects children.
    rejects: Arc<Mutex<bool>>,
}

impl Server {
    async fn answer(self, request: http::Request<Body>) -> Answer {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        if path.ends_with("/events") {
            let event = format!("{}: {}", body["reason"], body["note"]).replace('"', "");
            self.events.lock().unwrap().push(event);
        } else if path.ends_with("/status") {
            self.statuses.lock().unwrap().push(body["status"].clone());
        } else if *self.rejects.lock().unwrap() {
            return testing::answer(500, &json!({ "message": "no room" }));
        }
        testing::answer(200, &child("web", 7))
    }

    /// An engine with this Page in its cache.
    fn engine_of(&self, operator: Hosts, page: &Value) -> Arc<Engine> {
        let server = self.clone();
        let api = testing::api("test", move |request| server.clone().answer(request));
        let registry = Registry::new("test").with(operator);
        let engine = engine_with_events(&registry, api, RateLimiter::new(rate(30)));
        known(&engine, page);
        observed(&engine, &child("web", 1));
        engine
    }

    fn engine(&self, page: &Value) -> Arc<Engine> {
        self.engine_of(Hosts::default(), page)
    }

    /// The last written status of `Ready` and `Stalled`, and the reason.
    fn last(&self) -> (String, String, String) {
        let status = self.statuses.lock().unwrap().last().unwrap().clone();
        let conditions = status["conditions"].as_array().unwrap();
        let find = |type_| conditions.iter().find(|c| c["type"] == type_).unwrap();
        let text = |type_, field| find(type_)[field].as_str().unwrap().to_owned();
        (text("Ready", "status"), text("Stalled", "status"), text("Ready", "reason"))
    }

    /// All Events, also those that were just sent.
    async fn events(&self) -> Vec<String> {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        self.events.lock().unwrap().clone()
    }
}

fn page(annotations: &Value) -> Value {
    let mut page = resource("Page", Some("ns"), 1);
    page["metadata"]["annotations"] = annotations.clone();
    page
}

#[tokio::test(start_paused = true)]
async fn an_operator_can_report_a_resource_with_healthy_children_as_stalled() {
    let server = Server::default();
    let engine = server.engine(&page(&json!({ "holder": "web-2" })));
    for _ in 0..3 {
        assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Stalled);
    }
    assert_eq!(server.last(), ("False".into(), "True".into(), "HostConflict".into()));
    assert_eq!(server.events().await, ["HostConflict: web-2 has the host"], "one Event");
    assert_eq!(server.statuses.lock().unwrap().len(), 1);
    // After a restart only the status is known.
    let with_status = |holder: &str, status: &Value| {
        let mut page = page(&json!({ "holder": holder }));
        page["status"] = status.clone();
        page
    };
    let status = server.statuses.lock().unwrap()[0].clone();
    let engine = server.engine(&with_status("web-2", &status));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Stalled);
    assert_eq!(server.events().await.len(), 1, "a restart does not repeat the Event");
    let engine = server.engine(&with_status("web-3", &status));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Stalled);
    assert_eq!(server.events().await[1..], ["HostConflict: web-3 has the host"], "a new message");

    let server = Server::default();
    let engine = server.engine(&page(&json!({})));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(server.last(), ("True".into(), "False".into(), "Ready".into()));
    assert!(server.events().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn facts_are_inputs_of_the_status_and_equal_facts_skip_the_report() {
    let (server, hosts) = (Server::default(), Hosts::default());
    let status = {
        let engine = server.engine(&page(&json!({ "holder": "web" })));
        assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
        server.statuses.lock().unwrap()[0].clone()
    };
    let mut shown = page(&json!({ "holder": "web" }));
    shown["status"] = status;
    let engine = server.engine_of(hosts.clone(), &shown);
    for _ in 0..3 {
        assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    }
    let reports = hosts.0.load(Ordering::Relaxed);
    assert_eq!(reports, 1, "only the first run computes a report");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_retried_and_reported_whatever_the_operator_reports() {
    let server = Server::default();
    *server.rejects.lock().unwrap() = true;
    let engine = server.engine(&page(&json!({ "holder": "web-2" })));
    assert!(matches!(reconcile(&engine, &web()).await, RunOutcome::Failed(_)));
    assert_eq!(server.last().2, "ApplyFailed");
    assert!(server.events().await[0].starts_with("ApplyFailed: "));
}

#[tokio::test(start_paused = true)]
async fn a_condition_warns_once_also_after_a_restart() {
    let server = Server::default();
    let mut near = page(&json!({ "soon": "the page ends" }));
    let engine = server.engine(&near);
    for _ in 0..3 {
        assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    }
    assert_eq!(server.events().await, ["Near: the page ends"]);
    near["status"] = server.statuses.lock().unwrap()[0].clone();
    let engine = server.engine(&near);
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert_eq!(server.events().await.len(), 1);
}
