//! Fixtures of the engine's tests: an API server that is a function, and minimal operators.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::client::Body as Sent;
use kube::{CustomResource, KubeSchema};
use kubewright_core::internals::complete::ChildMetadata;
use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::owner::Owner;
use kubewright_core::observed::decode;
use kubewright_core::{
    Children, Declaration, Invalid, KindInfo, Metadata, ObjectKey, Operator, Optional, Registry,
    Status, View, of,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cache::resources::Resource;
use crate::cache::table::Epoch;
use crate::engine::{ControllerState, Engine};
use crate::error::{ApiError, Failure};
use crate::key::WorkKey;
use crate::manager::controllers;
use crate::metrics::Metrics;
use crate::write::api::Api;
use crate::write::events::Events;
use crate::write::limiter::{Rate, RateLimiter};
use crate::write::rollouts::RolloutLimiter;
use crate::write::transport;

/// The answer to a request: an HTTP status, and a body that may never end.
pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// A connection to an API server that answers with `serve`.
pub(crate) fn api<F, A>(manager: &'static str, serve: F) -> Api
where
    F: Fn(Request<Sent>) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let service = tower::service_fn(move |request| {
        let answer = serve(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let client = kube::Client::new(service, "default");
    Api::new(transport::from_client(client), manager, Metrics::new())
}

/// A connection to an API server that never answers.
pub(crate) fn silent_api() -> Api {
    api("test", |_| std::future::pending())
}

struct ConfigMapOwner;

impl Declaration for ConfigMapOwner {
    type Owns = (ConfigMap,);
    type Reads = ();
    type Facts = ();
}

/// A desired child.
pub(crate) fn config_map(name: &str) -> Desired {
    let mut config = ConfigMap::default();
    config.metadata.name = Some(name.to_owned());
    let owner = Owner {
        kind: KindInfo::of::<ConfigMap>(),
        key: ObjectKey::new("ns", "web"),
        uid: "o".into(),
    };
    let children = Children::<ConfigMapOwner>::new().with(config).into_content().unwrap().children;
    let metadata = ChildMetadata { controller: "c", manager: "m", sharded: false, adopts: false };
    metadata.complete(&owner, children.unwrap()).unwrap().remove(0)
}

/// An immediate answer.
pub(crate) fn answer(code: u16, body: &Value) -> Answer {
    text(code, body.to_string())
}

fn whole(text: String) -> UnsyncBoxBody<Bytes, std::io::Error> {
    Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync()
}

fn text(code: u16, text: String) -> Answer {
    Response::builder().status(code).body(whole(text)).unwrap()
}

fn lines(events: &[Value]) -> String {
    let lines: Vec<String> = events.iter().map(Value::to_string).chain([String::new()]).collect();
    lines.join("\n")
}

/// A watch that the server closes after these events.
pub(crate) fn closed(events: &[Value]) -> Answer {
    text(200, lines(events))
}

/// A watch that stays open and silent after these events.
pub(crate) fn silent(events: &[Value]) -> Answer {
    Response::new(whole(lines(events)).with_trailers(std::future::pending()).boxed_unsync())
}

/// A watch that sends this event again after each pause, for ever.
pub(crate) fn repeated(event: &Value, pause: Duration) -> Answer {
    let line = Bytes::from(lines(std::slice::from_ref(event)));
    let frames = futures::stream::unfold(line, move |line| async move {
        tokio::time::sleep(pause).await;
        Some((Ok(hyper::body::Frame::data(line.clone())), line))
    });
    Response::new(http_body_util::StreamBody::new(frames).boxed_unsync())
}

/// A watch whose connection breaks after these events.
pub(crate) fn cut(events: &[Value]) -> Answer {
    let error = async { Some(Err(std::io::Error::other("connection reset"))) };
    Response::new(whole(lines(events)).with_trailers(error).boxed_unsync())
}

/// A watch that the server closes in the middle of an event.
pub(crate) fn closed_within(line: &str) -> Answer {
    text(200, line.to_owned())
}

/// An error answer of the API server with these causes.
pub(crate) fn rejection(code: u16, message: &str, causes: &Value) -> Answer {
    let details = json!({ "causes": causes });
    let status = json!({ "kind": "Status", "code": code, "message": message, "details": details });
    answer(code, &status)
}

/// The error of a request for an object that does not exist.
pub(crate) fn not_found() -> ApiError {
    let message = "not found".to_owned();
    ApiError::Status(Box::new(Failure { code: 404, message, ..Failure::default() }))
}

/// The key of the resource named `web` in the namespace `ns`.
pub(crate) fn web() -> WorkKey {
    WorkKey { controller: 0, key: ObjectKey::new("ns", "web") }
}

/// A resource named `web` with an empty spec, as the API server sends it.
pub(crate) fn resource(kind: &str, namespace: Option<&str>, version: u64) -> Value {
    let mut metadata = json!({ "name": "web", "namespace": namespace, "uid": "u-1" });
    (metadata["resourceVersion"], metadata["generation"]) = (version.to_string().into(), 1.into());
    json!({ "apiVersion": "test.example.com/v1", "kind": kind, "metadata": metadata, "spec": {} })
}

/// The `managedFields` of a resource whose status the manager `test` applied, except conditions of
/// the type `Seen`.
pub(crate) fn managed_status(status: &Value) -> Value {
    let node = |(field, value): (&String, &Value)| {
        let conditions = value.as_array().into_iter().flatten().map(|condition| &condition["type"]);
        let ours = conditions.filter(|type_| *type_ != "Seen");
        let conditions: serde_json::Map<_, _> = ours
            .map(|type_| (format!("k:{}", json!({ "type": type_ })), json!({ "f:status": {} })))
            .collect();
        (format!("f:{field}"), Value::from(conditions))
    };
    let fields: serde_json::Map<_, _> =
        status.as_object().into_iter().flatten().map(node).collect();
    json!([{
        "manager": "test", "operation": "Apply", "subresource": "status",
        "fieldsV1": { "f:status": fields },
    }])
}

/// Adds a resource of the first operator to the cache, and marks all its kinds as served.
pub(crate) fn known(engine: &Engine, resource: &Value) {
    let controller = engine.controller(0);
    for cache in &controller.children {
        cache.set_served(true);
    }
    let object = controller.controller.decode(resource.to_string().as_bytes()).unwrap();
    let version = object.meta().resource_version.as_deref().unwrap().parse().unwrap();
    let known = Resource::new(object, version);
    let known = if resource["status"].is_object() { known.with_status(Vec::new()) } else { known };
    controller.resources.observe(known, None, Epoch::default());
}

/// The metadata of an object in the namespace `ns` that the Page `web` controls, as the API server
/// sends it.
pub(crate) fn child(name: &str, version: u64) -> Value {
    let metadata = json!({
        "name": name,
        "namespace": "ns",
        "uid": format!("uid-of-{name}"),
        "resourceVersion": version.to_string(),
        "labels": { "app.kubernetes.io/managed-by": "test" },
        "ownerReferences": [{
            "apiVersion": "test.example.com/v1", "kind": "Page", "name": "web", "uid": "u-1",
            "controller": true,
        }],
    });
    json!({ "metadata": metadata })
}

/// Adds an object of the first kind that the first operator owns to the cache, as a watch does.
pub(crate) fn observed(engine: &Engine, object: &Value) {
    let child = decode(object.to_string().as_bytes(), engine.managed_by()).unwrap();
    engine.controller(0).children[0].observe(child, 1).unwrap();
}

/// The key that a worker gets now.
pub(crate) async fn next(engine: &Engine) -> Option<WorkKey> {
    let item = tokio::time::timeout(Duration::from_millis(1), engine.queue.next()).await;
    item.ok().flatten().map(|item| item.key)
}

/// A rate with the burst that the engine uses.
pub(crate) fn rate(per_minute: u32) -> Rate {
    Rate { per_minute, burst: 5 }
}

/// The controllers of a registry, with rollout limiters that let everything pass.
pub(crate) fn unlimited(registry: &Registry) -> Vec<ControllerState> {
    let rate = Rate { per_minute: 60_000, burst: 10_000 };
    let mut controllers = controllers(registry, rate).0;
    for state in &mut controllers {
        state.rollouts = RolloutLimiter::running(rate);
    }
    controllers
}

/// An engine of these operators that drops Events.
pub(crate) fn engine(registry: &Registry, api: Api) -> Arc<Engine> {
    let (events, _) = Events::new(api.clone());
    let limiter = RateLimiter::new(rate(30));
    Engine::new(api, None, unlimited(registry), events, Metrics::new(), limiter)
}

/// An engine of these operators that sends Events.
pub(crate) fn engine_with_events(
    registry: &Registry,
    api: Api,
    limiter: RateLimiter,
) -> Arc<Engine> {
    let (events, send) = Events::new(api.clone());
    tokio::spawn(send);
    Engine::new(api, None, unlimited(registry), events, Metrics::new(), limiter)
}

/// A namespaced resource.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(group = "test.example.com", version = "v1", kind = "Page", namespaced, status = "Status")]
pub(crate) struct PageSpec {}

/// A cluster-scoped resource.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(group = "test.example.com", version = "v1", kind = "Site", status = "Status")]
pub(crate) struct SiteSpec {}

/// A ConfigMap with the name of the Page.
pub(crate) fn config_of(page: &Page) -> ConfigMap {
    let mut config = ConfigMap::default();
    config.metadata.name.clone_from(&page.metadata.name);
    config
}

/// Creates one ConfigMap for each Page.
pub(crate) struct Pages;

impl Operator for Pages {
    const NAME: &'static str = "pages";
    type Resource = Page;
    type Owns = (ConfigMap,);
    type Reads = (Optional<Metadata<Namespace>>,);
    type Facts = ();

    fn build(&self, page: &Page, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        Ok(Children::new().with(config_of(page)))
    }
}

/// Creates one ConfigMap for each Page, in an exclusive group.
pub(crate) struct Singles;

impl Operator for Singles {
    const NAME: &'static str = "singles";
    type Resource = Page;
    type Owns = (ConfigMap,);
    type Reads = ();
    type Facts = ();

    fn build(&self, page: &Page, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let mut children = Children::new();
        children.add_exclusive(of::<(ConfigMap,)>(), config_of(page));
        Ok(children)
    }
}

/// Creates one ConfigMap in each of two namespaces for each Site.
pub(crate) struct Sites;

impl Operator for Sites {
    const NAME: &'static str = "sites";
    type Resource = Site;
    type Owns = (Optional<ConfigMap>,);
    type Reads = (Metadata<Namespace>,);
    type Facts = ();

    fn build(&self, site: &Site, _: &View<'_, Self>) -> Result<Children<Self>, Invalid> {
        let mut children = Children::new();
        for namespace in ["doomed", "other"] {
            let mut config = ConfigMap::default();
            config.metadata.name.clone_from(&site.metadata.name);
            config.metadata.namespace = Some(namespace.to_owned());
            children.add(config);
        }
        Ok(children)
    }
}
