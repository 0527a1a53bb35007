//! Which objects a shard receives.
#![allow(clippy::unwrap_used)]

use kubewright_core::Registry;
use kubewright_core::observed::ControllerRef;
use serde_json::json;

use super::*;
use crate::engine::Engine;
use crate::metrics::Metrics;
use crate::testing::{Pages, rate, silent_api, unlimited};
use crate::write::events::Events;
use crate::write::limiter::RateLimiter;

/// Records events.
#[derive(Default)]
struct Log(Vec<String>);

impl Sink for Log {
    fn handle(&mut self, event: Event<'_>) -> Option<u64> {
        let (what, json) = match event {
            Event::Upsert(json) => ("upsert", json),
            Event::Delete(json) => ("delete", json),
            _ => return None,
        };
        let object: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
        self.0.push(format!("{what} {}", object["metadata"]["name"].as_str().unwrap_or("?")));
        None
    }
}

fn uid_in(shard: Shard) -> String {
    (0..10_000_u32).map(|number| number.to_string()).find(|uid| shard.contains(uid)).unwrap()
}

/// The events that the sink of a shard receives for four objects: one of each of two shards, one
/// without an owner, and one that cannot be decoded.
fn received(by: ShardBy, shard: Shard) -> Vec<String> {
    let mut sink = Sharded { sink: Log::default(), shard, by };
    for (name, index) in [("first", 0), ("second", 1)] {
        let uid = uid_in(Shard::new(2, index).unwrap());
        let metadata = match by {
            ShardBy::Itself => json!({ "name": name, "uid": uid }),
            ShardBy::Owner => json!({ "name": name, "uid": "any", "ownerReferences": [
                { "uid": "another", "kind": "K", "name": "n" },
                { "uid": uid, "kind": "K", "name": "n", "controller": true },
            ] }),
        };
        sink.handle(Event::Upsert(json!({ "metadata": metadata }).to_string().as_bytes()));
    }
    sink.handle(Event::Upsert(br#"{"metadata":{"name":"unowned"}}"#));
    sink.handle(Event::Upsert(b"no object"));
    sink.sink.0
}

#[test]
fn a_resource_of_another_shard_is_skipped() {
    let first = received(ShardBy::Itself, Shard::new(2, 0).unwrap());
    assert!(
        first[0] == "upsert first" && !first.contains(&"upsert second".to_owned()),
        "{first:?}"
    );
    let second = received(ShardBy::Itself, Shard::new(2, 1).unwrap());
    assert_eq!(second[0], "upsert second");
    assert!(first.contains(&"upsert ?".to_owned()), "the sink reports undecodable objects");
}

#[test]
fn a_child_of_another_shard_counts_as_deleted() {
    let second = received(ShardBy::Owner, Shard::new(2, 1).unwrap());
    assert_eq!(second, ["delete first", "upsert second", "upsert unowned", "upsert ?"]);
}

#[test]
fn a_single_shard_has_everything() {
    let all = Shard::new(1, 0).unwrap();
    assert_eq!(
        received(ShardBy::Owner, all),
        ["upsert first", "upsert second", "upsert unowned", "upsert ?"]
    );
    assert_eq!(child_selector("web", None), "app.kubernetes.io/managed-by=web");
}

#[tokio::test]
async fn a_resource_of_another_shard_never_counts_as_deleted() {
    let [ours, foreign] = [0, 1].map(|index| Shard::new(2, index).unwrap());
    let api = silent_api();
    let (events, _) = Events::new(api.clone());
    let controllers = unlimited(&Registry::new("test").with(Pages));
    let limiter = RateLimiter::new(rate(30));
    let engine = Engine::new(api, Some(ours), controllers, events, Metrics::new(), limiter);
    let page = |uid: &str| ControllerRef {
        kind: "Page.test.example.com".into(),
        name: "web".into(),
        uid: uid.into(),
    };
    assert!(engine.is_deleted(&page(&uid_in(ours))));
    assert!(!engine.is_deleted(&page(&uid_in(foreign))));
}

#[test]
fn children_are_selected_by_the_buckets_of_their_owners() {
    let selector = child_selector("web", Some(Shard::new(128, 0).unwrap()));
    assert_eq!(selector, "app.kubernetes.io/managed-by=web,kubewright.dev/shard in (00,01)");
}
