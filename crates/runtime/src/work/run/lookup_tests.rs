//! Runs of resources whose look-ups cannot be answered yet.
#![allow(clippy::unwrap_used)]

use std::any::TypeId;
use std::sync::{Arc, Mutex};

use http::Method;
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::client::Body;
use kubewright_core::kind::ReadKinds as _;
use kubewright_core::{Children, Invalid, Metadata, Operator, Registry, View};
use serde_json::{Value, json};

use super::{RunOutcome, reconcile};
use crate::engine::Engine;
use crate::testing::{self, Answer, Page, Site, child, config_of, known, observed, resource, web};
use crate::watch::sync::State;

type Reads = (Metadata<Namespace>, Site);

/// Creates one ConfigMap for each Page. It looks up nothing, but declares that it may.
struct Readers;

impl Operator for Readers {
    const NAME: &'static str = "readers";
    type Resource = Page;
    type Owns = (ConfigMap,);
    type Reads = Reads;
    type Facts = ();

    fn build(&self, page: &Page, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        Ok(Children::new().with(config_of(page)))
    }
}

/// Records the methods and paths of writes, and the messages of Ready.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Vec<String>>>);

impl Server {
    async fn answer(self, request: http::Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if method != Method::GET {
            let ready = &body["status"]["conditions"][0];
            let kind = path.rsplit('/').next().unwrap_or_default();
            self.0.lock().unwrap().push(format!("{kind} {}", ready["reason"]).replace('"', ""));
        }
        testing::answer(200, &child("web", 7))
    }

    fn engine(&self) -> Arc<Engine> {
        let server = self.clone();
        let api = testing::api("test", move |request| server.clone().answer(request));
        let engine = testing::engine(&Registry::new("test").with(Readers), api);
        known(&engine, &resource("Page", Some("ns"), 1));
        engine
    }

    fn written(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Adds the namespace `ns` to the cache.
fn namespace(engine: &Engine) {
    let type_id = TypeId::of::<Metadata<Namespace>>();
    let read = Reads::read().into_iter().find(|read| read.type_id == type_id).unwrap();
    let json = json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
        "metadata": { "name": "ns", "uid": "u-ns" },
    });
    let object = (read.decode)(json.to_string().as_bytes()).unwrap();
    engine.reads.observe(type_id, &object);
}

#[tokio::test]
async fn a_resource_is_not_built_before_its_namespace_is_known() {
    let server = Server::default();
    let engine = server.engine();
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Repeat);
    assert!(server.written().is_empty());
    namespace(&engine);
    reconcile(&engine, &web()).await;
    assert_eq!(server.written(), ["web null", "status Ready"]);
}

#[tokio::test]
async fn without_a_definition_that_it_looks_up_a_new_resource_waits_and_others_keep_what_they_have()
{
    let server = Server::default();
    let engine = server.engine();
    namespace(&engine);
    let sites = "sites.test.example.com".to_owned();
    let token = engine.sync.register(sites, "Site".to_owned(), vec![0], false, true);
    token.set(State::NotServed);
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Stalled);
    assert_eq!(server.written(), ["status DefinitionMissing"], "nothing is created");

    // The resource owns something, and nothing is known of the kind.
    observed(&engine, &child("old", 3));
    assert_eq!(reconcile(&engine, &web()).await, RunOutcome::Done);
    assert!(server.written().is_empty());

    // The objects of the kind were known before its definition went.
    token.set(State::Synced);
    token.set(State::NotServed);
    reconcile(&engine, &web()).await;
    assert!(server.written().contains(&"web null".to_owned()), "the ConfigMap is applied");
}
