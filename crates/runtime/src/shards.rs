//! What a process that has only a part of all resources hears of: a filter in front of each sink.
//!
//! Servers that can divide a watch send nothing else in the first place; the others ignore that
//! they were asked to. What belongs to another shard goes no further than here: it never gets into
//! a cache, and never counts as gone or as somebody's.

use std::borrow::Cow;

use kubewright_core::{Shard, labels};
use serde::Deserialize;

use crate::engine::Engine;
use crate::error::ApiError;
use crate::reflector::Sink;

/// By whose UID an object belongs to a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Its own.
    Itself,
    /// Its controller's. One that nobody controls belongs to all.
    Owner,
}

/// A sink that gets what belongs to its shard alone.
pub(crate) struct Sharded<S> {
    pub(crate) sink: S,
    pub(crate) shard: Shard,
    pub(crate) by: By,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(borrow, default)]
    owner_references: Vec<Owner<'a>>,
}

#[derive(Deserialize)]
struct Owner<'a> {
    #[serde(default)]
    controller: bool,
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
}

impl<S> Sharded<S> {
    /// Whether another shard has to do with this object. What cannot be read is for the sink to
    /// complain about.
    fn is_foreign(&self, json: &[u8]) -> bool {
        let Ok(Object { metadata }) = serde_json::from_slice::<Object<'_>>(json) else {
            return false;
        };
        match self.by {
            By::Itself => !self.shard.contains(&metadata.uid),
            By::Owner => metadata
                .owner_references
                .iter()
                .any(|owner| owner.controller && !self.shard.contains(&owner.uid)),
        }
    }
}

impl<S: Sink> Sink for Sharded<S> {
    fn listing(&mut self) {
        self.sink.listing();
    }

    fn upsert(&mut self, json: &[u8]) -> Option<u64> {
        if !self.is_foreign(json) {
            return self.sink.upsert(json);
        }
        // A child may have been ours before.
        if self.by == By::Owner { self.sink.delete(json) } else { None }
    }

    fn delete(&mut self, json: &[u8]) -> Option<u64> {
        self.sink.delete(json)
    }

    fn listed(&mut self, version: u64) {
        self.sink.listed(version);
    }

    fn opened(&mut self) {
        self.sink.opened();
    }

    fn panicked(&mut self) {
        self.sink.panicked();
    }

    fn failed(&mut self, error: &ApiError) {
        self.sink.failed(error);
    }
}

/// The label selector for the children of a program, or of its shard.
pub(crate) fn children_of(manager: &str, shard: Option<Shard>) -> String {
    let ours = format!("{}={}", labels::MANAGED_BY, kubewright_core::names::label_value(manager));
    match shard.and_then(Shard::children) {
        Some(buckets) => format!("{ours},{buckets}"),
        None => ours,
    }
}

impl Engine {
    /// Whether this process has to do with the resource of this UID, if there is one.
    pub(crate) fn is_ours(&self, uid: &str) -> bool {
        self.shard.is_none_or(|shard| shard.contains(uid))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use kubewright_core::observed::ControllerRef;
    use serde_json::json;

    use super::*;
    use crate::api::Api;
    use crate::brake::Brake;
    use crate::events::Events;
    use crate::metrics::Metrics;

    #[derive(Default)]
    struct Log(Vec<String>);

    impl Log {
        fn note(&mut self, what: &str, json: &[u8]) {
            let object: serde_json::Value = serde_json::from_slice(json).unwrap_or_default();
            self.0.push(format!("{what} {}", object["metadata"]["name"].as_str().unwrap_or("?")));
        }
    }

    impl Sink for Log {
        fn listing(&mut self) {}
        fn upsert(&mut self, json: &[u8]) -> Option<u64> {
            self.note("upsert", json);
            None
        }
        fn delete(&mut self, json: &[u8]) -> Option<u64> {
            self.note("delete", json);
            None
        }
        fn listed(&mut self, _: u64) {}
        fn opened(&mut self) {}
        fn panicked(&mut self) {}
        fn failed(&mut self, _: &ApiError) {}
    }

    fn uid_of(shard: Shard) -> String {
        (0..10_000_u32).map(|number| number.to_string()).find(|uid| shard.contains(uid)).unwrap()
    }

    /// What gets through to the sink of one shard of two, of objects that are named after where
    /// they belong.
    fn through(by: By, shard: Shard) -> Vec<String> {
        let mut sink = Sharded { sink: Log::default(), shard, by };
        for (name, index) in [("first", 0), ("second", 1)] {
            let uid = uid_of(Shard::new(2, index).unwrap());
            let metadata = match by {
                By::Itself => json!({ "name": name, "uid": uid }),
                By::Owner => json!({ "name": name, "uid": "any", "ownerReferences": [
                    { "uid": "another", "kind": "K", "name": "n" },
                    { "uid": uid, "kind": "K", "name": "n", "controller": true },
                ] }),
            };
            sink.upsert(json!({ "metadata": metadata }).to_string().as_bytes());
        }
        sink.upsert(br#"{"metadata":{"name":"nobody's"}}"#);
        sink.upsert(b"no object");
        sink.sink.0
    }

    #[test]
    fn a_resource_of_another_shard_goes_no_further() {
        let first = through(By::Itself, Shard::new(2, 0).unwrap());
        assert!(
            first.starts_with(&["upsert first".to_owned()])
                && !first.contains(&"upsert second".to_owned()),
            "{first:?}"
        );
        let second = through(By::Itself, Shard::new(2, 1).unwrap());
        assert!(second.starts_with(&["upsert second".to_owned()]), "{second:?}");
        assert!(
            first.contains(&"upsert ?".to_owned()),
            "what cannot be read is complained about: {first:?}"
        );
    }

    #[test]
    fn a_child_whose_owner_another_shard_has_is_gone_for_this_one() {
        let second = through(By::Owner, Shard::new(2, 1).unwrap());
        assert_eq!(second, ["delete first", "upsert second", "upsert nobody's", "upsert ?"]);
    }

    #[test]
    fn one_process_alone_has_everything() {
        let all = Shard::new(1, 0).unwrap();
        assert_eq!(
            through(By::Owner, all),
            ["upsert first", "upsert second", "upsert nobody's", "upsert ?"]
        );
        assert_eq!(children_of("web", None), "app.kubernetes.io/managed-by=web");
    }

    #[tokio::test]
    async fn the_resource_of_another_shard_is_never_taken_for_one_that_is_gone() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Nobody is there: nothing is asked.
        let client =
            kube::Client::try_from(kube::Config::new("http://127.0.0.1:1".parse().unwrap()))
                .unwrap();
        let (metrics, [ours, foreign]) =
            (Metrics::new(), [0, 1].map(|index| Shard::new(2, index).unwrap()));
        let api = Api::new(crate::transport::of_client(client), "web", Arc::clone(&metrics));
        let (events, _) = Events::new(api.clone());
        let controllers = crate::manager::running(
            &kubewright_core::Registry::new("web").with(crate::testing::Pages),
        )
        .0;
        let engine = Engine::new(api, Some(ours), controllers, events, metrics, Brake::new(30));
        let page = |uid: &str| ControllerRef {
            kind: "Page.test.example.com".into(),
            name: "web".into(),
            uid: uid.into(),
        };
        assert!(engine.is_gone(&page(&uid_of(ours))));
        assert!(!engine.is_gone(&page(&uid_of(foreign))));
    }

    #[test]
    fn children_are_selected_by_the_buckets_of_their_owners() {
        let selector = children_of("web", Some(Shard::new(128, 0).unwrap()));
        assert_eq!(selector, "app.kubernetes.io/managed-by=web,kubewright.dev/shard in (00,01)");
    }
}
