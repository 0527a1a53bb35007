//! What an operator says in its own words: of what `build` found out, of the verdict, and warnings
//! by conditions.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use kubewright_core::{
    Children, Condition, Invalid, ObjectKey, Observed, Operator, Registry, Sample, Verdict, View,
};
use serde_json::{Value, json};

use super::{End, reconcile};
use crate::brake::Brake;
use crate::engine::Engine;
use crate::events::Events;
use crate::manager::running;
use crate::metrics::Metrics;
use crate::queue::WorkKey;
use crate::testing::{self, Answer, Page, PageStatus, child, known, observed, resource};

/// Makes one ConfigMap for each Page. The annotation `holder` names who has the page's host; `soon`
/// says what is near.
struct Hosts;

struct Holder(String);

fn annotation<'a>(page: &'a Page, name: &str) -> Option<&'a String> {
    page.metadata.annotations.as_ref()?.get(name)
}

impl Operator for Hosts {
    const NAME: &'static str = "hosts";
    type Resource = Page;
    type Owns = (ConfigMap,);
    type Reads = ();

    fn build(&self, page: &Page, _: &View<'_, ()>) -> Result<Children<Self::Owns>, Invalid> {
        let mut config = ConfigMap::default();
        config.metadata.name.clone_from(&page.metadata.name);
        let mut children = Children::new().with(config);
        if let Some(holder) = annotation(page, "holder") {
            children.tell(Holder(holder.clone()));
        }
        Ok(children)
    }

    fn status(&self, _: &Page, _: &Observed<'_, Self::Owns>) -> PageStatus {
        PageStatus::default()
    }

    fn conditions(&self, page: &Page, _: &Observed<'_, Self::Owns>) -> Vec<Condition> {
        annotation(page, "soon")
            .map(|what| Condition::new("Soon", Some(true), "Near", what).warned())
            .into_iter()
            .collect()
    }

    fn verdict(&self, _: &Page, observed: &Observed<'_, Self::Owns>, verdict: Verdict) -> Verdict {
        match (observed.facts::<Holder>(), verdict) {
            (Some(Holder(other)), Verdict::Ready(_)) => {
                Verdict::Stalled("HostConflict", format!("{other} has it"))
            }
            (_, verdict) => verdict,
        }
    }

    fn samples() -> Vec<Sample<Page>> {
        Vec::new()
    }
}

/// What was written: statuses, and Events.
#[derive(Clone, Default)]
struct Written {
    statuses: Arc<Mutex<Vec<Value>>>,
    events: Arc<Mutex<Vec<String>>>,
    refuses: Arc<Mutex<bool>>,
}

impl Written {
    async fn answer(self, request: http::Request<Body>) -> Answer {
        let path = request.uri().path().to_owned();
        let body: Value =
            serde_json::from_slice(&request.into_body().collect().await.unwrap().to_bytes())
                .unwrap();
        if path.ends_with("/events") {
            self.events
                .lock()
                .unwrap()
                .push(format!("{}: {}", body["reason"], body["note"]).replace('"', ""));
        } else if path.ends_with("/status") {
            self.statuses.lock().unwrap().push(body["status"].clone());
        } else if *self.refuses.lock().unwrap() {
            return testing::answer(500, &json!({ "message": "no room" }));
        }
        testing::answer(200, &child("web", 7))
    }

    /// An engine that knows this Page, and sends Events.
    fn engine(&self, page: &Value) -> Arc<Engine> {
        let written = self.clone();
        let api = testing::api("test", move |request| written.clone().answer(request));
        let (events, send) = Events::new(api.clone());
        tokio::spawn(send);
        let engine = Engine::new(
            api,
            None,
            running(&Registry::new("test").with(Hosts)).0,
            events,
            Metrics::new(),
            Brake::new(30),
        );
        known(&engine, page);
        observed(&engine, &child("web", 1));
        engine
    }

    /// `Ready` and `Stalled` as they were written last, and why.
    fn last(&self) -> (String, String, String) {
        let status = self.statuses.lock().unwrap().last().unwrap().clone();
        let find = |type_: &str| {
            status["conditions"]
                .as_array()
                .unwrap()
                .iter()
                .find(|c| c["type"] == type_)
                .unwrap()
                .clone()
        };
        let text = |condition: &Value, field: &str| condition[field].as_str().unwrap().to_owned();
        let ready = find("Ready");
        (text(&ready, "status"), text(&find("Stalled"), "status"), text(&ready, "reason"))
    }

    /// All Events that are on their way have come.
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

fn key() -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("ns", "web") }
}

#[tokio::test(start_paused = true)]
async fn a_resource_with_all_its_children_is_not_ready_where_the_operator_says_so_and_rests() {
    let written = Written::default();
    let engine = written.engine(&page(&json!({ "holder": "web-2" })));
    for _ in 0..3 {
        assert_eq!(reconcile(&engine, &key()).await, End::Parked);
    }
    assert_eq!(written.last(), ("False".into(), "True".into(), "HostConflict".into()));
    assert_eq!(written.events().await, ["HostConflict: web-2 has it"], "once");
    assert_eq!(written.statuses.lock().unwrap().len(), 1);
    // The next process knows the status alone.
    let with_status = |holder: &str, status: &Value| {
        let mut page = page(&json!({ "holder": holder }));
        page["status"] = status.clone();
        page
    };
    let told = written.statuses.lock().unwrap()[0].clone();
    let engine = written.engine(&with_status("web-2", &told));
    assert_eq!(reconcile(&engine, &key()).await, End::Parked);
    assert_eq!(written.events().await.len(), 1, "nor by the one after it");
    let engine = written.engine(&with_status("web-3", &told));
    assert_eq!(reconcile(&engine, &key()).await, End::Parked);
    assert_eq!(written.events().await[1..], ["HostConflict: web-3 has it"], "which is news");

    let written = Written::default();
    let engine = written.engine(&page(&json!({})));
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(written.last(), ("True".into(), "False".into(), "Ready".into()));
    assert!(written.events().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_tried_again_and_told_whatever_the_operator_says() {
    let written = Written::default();
    *written.refuses.lock().unwrap() = true;
    let engine = written.engine(&page(&json!({ "holder": "web-2" })));
    assert!(matches!(reconcile(&engine, &key()).await, End::Failed(_)));
    assert_eq!(written.last().2, "ApplyFailed");
    assert!(written.events().await[0].starts_with("ApplyFailed: "));
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_warns_does_so_once_also_after_a_restart() {
    let written = Written::default();
    let mut near = page(&json!({ "soon": "it ends" }));
    let engine = written.engine(&near);
    for _ in 0..3 {
        assert_eq!(reconcile(&engine, &key()).await, End::Done);
    }
    assert_eq!(written.events().await, ["Near: it ends"]);
    // The next process knows the status alone.
    near["status"] = written.statuses.lock().unwrap()[0].clone();
    let engine = written.engine(&near);
    assert_eq!(reconcile(&engine, &key()).await, End::Done);
    assert_eq!(written.events().await.len(), 1);
}
