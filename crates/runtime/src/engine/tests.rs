//! What the engine remembers of resources that are gone.
#![allow(clippy::unwrap_used)]

use http_body_util::BodyExt;
use kubewright_core::Registry;
use serde_json::{Value, json};

use super::*;
use crate::testing::{self, Answer, Pages, child, engine_with_events, resource};
use crate::watch::testing::{child_feed, delete_resource, resource_feed, upsert_resource};
use crate::work::worker;

/// The size of each table.
fn remembered(engine: &Engine) -> Vec<(&'static str, usize)> {
    let controller = engine.controller(0);
    vec![
        ("resources", controller.resources.len()),
        ("unreadable resources", controller.unreadable.len()),
        ("children", controller.children[0].remembered()),
        ("written statuses", controller.written_statuses.remembered()),
        ("reads", engine.reads.remembered()),
        ("events", engine.events.remembered()),
        ("queue", engine.queue.remembered()),
        ("throttle", engine.throttle.remembered()),
        ("deadlines", engine.deadlines.remembered()),
        ("limiter", engine.limiter.waiting()),
        ("retries", engine.retries.remembered()),
        ("slots", engine.api.slots().remembered()),
        ("deleted owners", lock(&engine.deleted_owners).len()),
    ]
}

/// The page with this number. Some cannot be decoded.
fn page(number: usize) -> Value {
    let mut page = resource("Page", Some(&format!("ns-{}", number % 100)), 1);
    page["metadata"]["name"] = format!("web-{number}").into();
    page["metadata"]["uid"] = format!("uid-{number}").into();
    if number % 10 == 5 {
        page["spec"] = "of another version".into();
    }
    page
}

/// The child of the page with this number.
fn child_of(number: usize) -> Value {
    let mut child = child(&format!("web-{number}"), 7);
    child["metadata"]["namespace"] = format!("ns-{}", number % 100).into();
    child["metadata"]["ownerReferences"][0]["name"] = format!("web-{number}").into();
    child["metadata"]["ownerReferences"][0]["uid"] = format!("uid-{number}").into();
    child
}

/// Accepts everything, but denies some children.
async fn answer(request: http::Request<kube::client::Body>) -> Answer {
    let path = request.uri().path().to_owned();
    let _ = request.into_body().collect().await;
    let number = path.split("web-").nth(1).and_then(|rest| rest.split('/').next()?.parse().ok());
    let Some(number) = number.filter(|_| !path.ends_with("/events")) else {
        return testing::answer(201, &json!({}));
    };
    if path.ends_with("/status") {
        let mut page = page(number);
        page["metadata"]["resourceVersion"] = "9".into();
        return testing::answer(200, &page);
    }
    if number % 10 == 3 {
        let message = "admission webhook \"w\" denied the request: no";
        return testing::rejection(400, message, &json!([]));
    }
    testing::answer(200, &child_of(number))
}

async fn until_idle(engine: &Engine) {
    let is_busy = || engine.queue.running() > 0 || engine.queue.depths() != [0; 3];
    while is_busy() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn five_thousand_resources_that_come_and_go_leave_nothing_behind() {
    const ALL: usize = 5_000;
    let api = testing::api("test", answer);
    let registry = Registry::new("test").with(Pages);
    let engine = engine_with_events(&registry, api, RateLimiter::new(testing::rate(30)));
    engine.controller(0).children[0].set_served(true);
    let (mut pages, mut children) = (resource_feed(&engine), child_feed(&engine));
    let workers = worker::start(&engine, 8);
    engine.start(0);
    let before = remembered(&engine);
    for number in 0..ALL {
        upsert_resource(&mut pages, &page(number));
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    until_idle(&engine).await;
    let full = remembered(&engine);
    for table in ["resources", "unreadable resources", "children", "events", "retries"] {
        let (_, size) = full.iter().find(|(name, _)| *name == table).unwrap();
        assert!(*size >= ALL / 10, "{table} was not used: {full:?}");
    }
    for number in 0..ALL {
        delete_resource(&mut pages, &page(number));
        delete_resource(&mut children, &child_of(number));
    }
    tokio::time::sleep(Duration::from_mins(10)).await;
    until_idle(&engine).await;
    // Another write: the throttle forgets what was not written lately.
    engine.throttle.acquire(&engine.controller(0).kind, &ObjectKey::new("ns", "other"));
    for ((table, size), (_, before)) in remembered(&engine).into_iter().zip(before) {
        // Some tables keep a little, whatever they had before.
        let kept = if ["throttle", "slots"].contains(&table) { 64 } else { 0 };
        assert!(size <= before + kept, "{table} keeps {size}, and had {before}");
    }
    engine.queue.close();
    worker::join(workers).await;
}
