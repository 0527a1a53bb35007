//! What the engine's own tests share: an API server that is a function, and operators that are as
//! small as can be.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as Written;
use kube::client::Body as Sent;
use kube::{CustomResource, KubeSchema};
use kubewright_core::children::{Owner, Stamp};
use kubewright_core::desired::Desired;
use kubewright_core::observed::decode;
use kubewright_core::{
    Children, Invalid, KindInfo, Metadata, ObjectKey, Observed, Operator, Optional, Registry,
    Sample, View,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::Api;
use crate::brake::Brake;
use crate::cache::Epoch;
use crate::cache::parents::Parent;
use crate::engine::Engine;
use crate::error::{ApiError, Failure};
use crate::events::Events;
use crate::manager::running;
use crate::metrics::Metrics;
use crate::queue::WorkKey;
use crate::transport;

/// What a request is answered with: HTTP status, and a body that may never end.
pub(crate) type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// The engine's connection to an API server that answers with `serve`.
pub(crate) fn api<F, A>(manager: &'static str, serve: F) -> Api
where
    F: Fn(Request<Sent>) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let service = tower::service_fn(move |request| {
        let answer = serve(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    Api::new(transport::of_client(kube::Client::new(service, "default")), manager, Metrics::new())
}

/// A child as it should be applied.
pub(crate) fn config_map(name: &str) -> Desired {
    let mut config = ConfigMap::default();
    config.metadata.name = Some(name.to_owned());
    let owner = Owner {
        kind: KindInfo::of::<ConfigMap>(),
        key: ObjectKey::new("ns", "web"),
        uid: "o".into(),
    };
    let children = Children::<(ConfigMap,)>::new().with(config).into_vec().unwrap();
    Stamp { controller: "c", manager: "m", sharded: false }.all(&owner, children).unwrap().remove(0)
}

/// An answer that is there at once.
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

/// A watch that is silent after these events.
pub(crate) fn silent(events: &[Value]) -> Answer {
    Response::new(whole(lines(events)).with_trailers(std::future::pending()).boxed_unsync())
}

/// A watch whose connection is cut after these events.
pub(crate) fn cut(events: &[Value]) -> Answer {
    let error = async { Some(Err(std::io::Error::other("connection reset"))) };
    Response::new(whole(lines(events)).with_trailers(error).boxed_unsync())
}

/// A refusal as the API server sends it, for these causes.
pub(crate) fn refusal(code: u16, message: &str, causes: &Value) -> Answer {
    let details = json!({ "causes": causes });
    answer(
        code,
        &json!({ "kind": "Status", "status": "Failure", "code": code, "message": message, "details": details }),
    )
}

/// A watch that the server closes in the middle of an event.
pub(crate) fn closed_within(line: &str) -> Answer {
    text(200, line.to_owned())
}

/// What is said where there is nothing.
pub(crate) fn not_found() -> ApiError {
    ApiError::Status(Box::new(Failure {
        code: 404,
        message: "not found".to_owned(),
        ..Failure::default()
    }))
}

/// A resource named `web` without a spec, as the API server sends it.
pub(crate) fn resource(kind: &str, namespace: Option<&str>, version: u64) -> Value {
    let metadata = json!({ "name": "web", "namespace": namespace, "uid": "u-1", "resourceVersion": version.to_string(), "generation": 1 });
    json!({ "apiVersion": "test.example.com/v1", "kind": kind, "metadata": metadata, "spec": {} })
}

/// Has the first operator of an engine know a resource, and all its kinds served.
pub(crate) fn known(engine: &Engine, resource: &Value) {
    let running = engine.running(0);
    for cache in &running.children {
        cache.serve(true);
    }
    let object = running.controller.decode(resource.to_string().as_bytes()).unwrap();
    let version = object.meta().resource_version.as_deref().unwrap().parse().unwrap();
    running.parents.observe(Parent::new(object, version), None, Epoch::default());
}

/// The metadata of an object in the namespace `ns` that the Page `web` controls, as the API server
/// sends it.
pub(crate) fn child(name: &str, version: u64) -> Value {
    let owner = json!({ "apiVersion": "test.example.com/v1", "kind": "Page", "name": "web", "uid": "u-1", "controller": true });
    let (uid, version) = (format!("uid-of-{name}"), version.to_string());
    json!({ "metadata": { "name": name, "namespace": "ns", "uid": uid, "resourceVersion": version, "ownerReferences": [owner] } })
}

/// What a watch makes of an object of the first kind that the first operator owns.
pub(crate) fn observed(engine: &Engine, object: &Value) {
    let child = decode(object.to_string().as_bytes(), engine.manager).unwrap();
    engine.running(0).children[0].observe(child, 1).unwrap();
}

/// What is to be worked on next, now.
pub(crate) async fn next(engine: &Engine) -> Option<WorkKey> {
    tokio::time::timeout(Duration::from_millis(1), engine.queue.next())
        .await
        .ok()
        .flatten()
        .map(|given| given.key)
}

/// An engine of these operators that is connected to `api`.
pub(crate) fn engine(registry: &Registry, api: Api) -> Arc<Engine> {
    // Events go nowhere.
    let (events, _) = Events::new(api.clone());
    Engine::new(api, None, running(registry).0, events, Metrics::new(), Brake::new(30))
}

#[derive(Serialize, Deserialize, Clone, Debug, Default, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageStatus {
    pub(crate) observed_generation: Option<i64>,
    #[serde(default)]
    pub(crate) conditions: Vec<Written>,
}

/// A resource in a namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(
    group = "test.example.com",
    version = "v1",
    kind = "Page",
    namespaced,
    status = "PageStatus"
)]
pub(crate) struct PageSpec {}

/// A resource of the whole cluster.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default)]
#[kube(group = "test.example.com", version = "v1", kind = "Site", status = "PageStatus")]
pub(crate) struct SiteSpec {}

/// Makes one ConfigMap for each Page.
pub(crate) struct Pages;

impl Operator for Pages {
    const NAME: &'static str = "pages";
    type Resource = Page;
    type Owns = (ConfigMap,);
    type Reads = (Optional<Metadata<Namespace>>,);

    fn build(
        &self,
        page: &Page,
        _: &View<'_, Self::Reads>,
    ) -> Result<Children<Self::Owns>, Invalid> {
        let mut config = ConfigMap::default();
        config.metadata.name.clone_from(&page.metadata.name);
        Ok(Children::new().with(config))
    }

    fn status(&self, _: &Page, _: &Observed<'_, Self::Owns>) -> PageStatus {
        PageStatus::default()
    }

    fn samples() -> Vec<Sample<Page>> {
        Vec::new()
    }
}

/// The same, and it is the only one at any time, however it is named.
pub(crate) struct Singles;

impl Operator for Singles {
    const NAME: &'static str = "singles";
    type Resource = Page;
    type Owns = (ConfigMap,);
    type Reads = ();

    fn build(
        &self,
        page: &Page,
        _: &View<'_, Self::Reads>,
    ) -> Result<Children<Self::Owns>, Invalid> {
        let mut config = ConfigMap::default();
        config.metadata.name.clone_from(&page.metadata.name);
        Ok(Children::new().with_alone_among::<(ConfigMap,), _, _>(config))
    }

    fn status(&self, _: &Page, _: &Observed<'_, Self::Owns>) -> PageStatus {
        PageStatus::default()
    }

    fn samples() -> Vec<Sample<Page>> {
        Vec::new()
    }
}

/// Makes one ConfigMap in each of two namespaces for each Site.
pub(crate) struct Sites;

impl Operator for Sites {
    const NAME: &'static str = "sites";
    type Resource = Site;
    type Owns = (Optional<ConfigMap>,);
    type Reads = (Metadata<Namespace>,);

    fn build(
        &self,
        site: &Site,
        _: &View<'_, Self::Reads>,
    ) -> Result<Children<Self::Owns>, Invalid> {
        let mut children = Children::new();
        for namespace in ["doomed", "other"] {
            let mut config = ConfigMap::default();
            config.metadata.name.clone_from(&site.metadata.name);
            config.metadata.namespace = Some(namespace.to_owned());
            children.add(config);
        }
        Ok(children)
    }

    fn status(&self, _: &Site, _: &Observed<'_, Self::Owns>) -> PageStatus {
        PageStatus::default()
    }

    fn samples() -> Vec<Sample<Site>> {
        Vec::new()
    }
}
