//! The requests of the engine, with bodies as bytes: list, watch, get, apply, delete, create.
//!
//! No retries here: the queue decides when to try again, and sees every failure.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryStreamExt;
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use jiff::fmt::rfc2822::DateTimeParser;
use kube::client::Body;
use kube::core::PartialObjectMeta;
use kubewright_core::internals::desired::Desired;
use kubewright_core::internals::own_status::ForeignPart;
use kubewright_core::{KindInfo, ObjectKey, Timestamp};
use serde_json::{Value, json};
use tokio::io::AsyncBufRead;
use tokio_util::io::StreamReader;
use tower::ServiceExt;

use super::liveness::{Liveness, OPEN_TIMEOUT};
use super::patch::{self, Precondition};
use super::slots::Slots;
use super::transport::{Answer, Transport};
use super::yaml;
use crate::error::{ApiError, ApiResult, Failure};
use crate::metrics::Metrics;

/// The longest time for a request other than a watch. The API server itself gives up after 60 s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(65);
/// Concurrent requests without watches.
const MAX_REQUESTS: usize = 32;

const JSON: &str = "application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const JSON_PATCH: &str = "application/json-patch+json";
/// Server-side apply accepts JSON, because it is YAML.
const APPLY: &str = "application/apply-patch+yaml";

/// A metric label and an HTTP method.
type Verb = (&'static str, Method);

const GET: Verb = ("get", Method::GET);
const LIST: Verb = ("list", Method::GET);
const WATCH: Verb = ("watch", Method::GET);
const PATCH: Verb = ("apply", Method::PATCH);
const PATCH_STATUS: Verb = ("apply_status", Method::PATCH);
const DELETE: Verb = ("delete", Method::DELETE);
const POST: Verb = ("create", Method::POST);

/// How much of each object a list or watch returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Full,
    Metadata,
}

/// A connection to the API server. Every write carries our field manager.
#[derive(Clone)]
pub(crate) struct Api {
    transport: Transport,
    manager: &'static str,
    metrics: Arc<Metrics>,
    slots: Arc<Slots>,
    liveness: Arc<Liveness>,
}

impl Api {
    pub(crate) fn new(transport: Transport, manager: &'static str, metrics: Arc<Metrics>) -> Self {
        let (slots, liveness) = (Arc::new(Slots::new(MAX_REQUESTS)), Arc::default());
        Self { transport, manager, metrics, slots, liveness }
    }

    /// Our field manager.
    pub(crate) fn manager(&self) -> &'static str {
        self.manager
    }

    /// What this connection counts.
    pub(crate) fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// When the API server was last heard.
    pub(crate) fn liveness(&self) -> &Liveness {
        &self.liveness
    }

    /// The places for requests.
    #[cfg(test)]
    pub(crate) fn slots(&self) -> &Slots {
        &self.slots
    }

    /// Checks that the API server answers.
    pub(crate) async fn version(&self) -> ApiResult<()> {
        self.send(GET, None, "/version".to_owned(), JSON, None).await.map(drop)
    }

    /// Reads one page of a list.
    pub(crate) async fn list(&self, path: &str, form: Form, query: &Query) -> ApiResult<Bytes> {
        let accept = if form == Form::Metadata { METADATA_LIST } else { JSON };
        let answer = self.send(LIST, None, format!("{path}?{query}"), accept, None).await;
        answer.map(Response::into_body)
    }

    /// Opens a watch: a stream of lines with one event each.
    pub(crate) async fn watch(
        &self,
        path: &str,
        form: Form,
        query: &Query,
    ) -> ApiResult<impl AsyncBufRead + Unpin + use<>> {
        let accept = if form == Form::Metadata { METADATA } else { JSON };
        let request = request(WATCH.1, format!("{path}?{query}"), accept, None)?;
        let opened = tokio::time::timeout(OPEN_TIMEOUT, self.respond(WATCH.0, request)).await;
        let response = opened.map_err(|_| ApiError::Timeout(OPEN_TIMEOUT.as_secs()))??;
        let body = response.into_body().into_data_stream().map_err(std::io::Error::other);
        Ok(StreamReader::new(Box::pin(body)))
    }

    /// Reads the metadata of one object, and the time of the API server to the second.
    pub(crate) async fn get(
        &self,
        kind: &KindInfo,
        key: &ObjectKey,
    ) -> ApiResult<(Bytes, Option<Timestamp>)> {
        let path = object_path(kind, key, "");
        let answer = self.send(GET, key.namespace(), path, METADATA, None).await?;
        let date = answer.headers().get(header::DATE);
        let date = date.and_then(|d| DateTimeParser::new().parse_timestamp(d.as_bytes()).ok());
        Ok((answer.into_body(), date))
    }

    /// Applies one object and returns its metadata.
    pub(crate) async fn apply(
        &self,
        want: &Desired,
        precondition: Precondition<'_>,
    ) -> ApiResult<Bytes> {
        let body = patch::object(want, precondition);
        let path = object_path(&want.kind, &want.key, "");
        self.patch(PATCH, want.key.namespace(), path, &body).await
    }

    /// Applies the status of the object with this UID and returns the metadata of the object.
    pub(crate) async fn apply_status(
        &self,
        kind: &KindInfo,
        key: &ObjectKey,
        status: &Value,
        uid: &str,
    ) -> ApiResult<Bytes> {
        let body = patch::Status::new(kind, key, status, uid);
        self.patch(PATCH_STATUS, key.namespace(), object_path(kind, key, "/status"), &body).await
    }

    /// Removes parts of the status of exactly this version of the object.
    pub(crate) async fn remove(
        &self,
        kind: &KindInfo,
        key: &ObjectKey,
        parts: &[&ForeignPart],
        version: u64,
    ) -> ApiResult<()> {
        let test = json!({
            "op": "test", "path": "/metadata/resourceVersion", "value": version.to_string(),
        });
        let remove = |part: &&ForeignPart| json!({ "op": "remove", "path": part.to_string() });
        let operations: Vec<Value> =
            std::iter::once(test).chain(parts.iter().map(remove)).collect();
        let path = object_path(kind, key, "/status");
        self.patch_json(PATCH_STATUS, key.namespace(), path, operations).await
    }

    /// Changes an object by a JSON patch (RFC 6902).
    pub(crate) async fn edit(
        &self,
        kind: &KindInfo,
        key: &ObjectKey,
        operations: Vec<Value>,
    ) -> ApiResult<()> {
        self.patch_json(PATCH, key.namespace(), object_path(kind, key, ""), operations).await
    }

    async fn patch_json(
        &self,
        verb: Verb,
        namespace: Option<&str>,
        path: String,
        operations: Vec<Value>,
    ) -> ApiResult<()> {
        let query = Query::default().with("fieldManager", self.manager);
        let body = Some((JSON_PATCH, Value::from(operations).to_string()));
        self.send(verb, namespace, format!("{path}?{query}"), METADATA, body).await.map(drop)
    }

    async fn patch(
        &self,
        verb: Verb,
        namespace: Option<&str>,
        path: String,
        body: &impl serde::Serialize,
    ) -> ApiResult<Bytes> {
        let body = yaml::encode(body).map_err(|error| ApiError::Decode(error.into()))?;
        let query = Query::default()
            .with("fieldManager", self.manager)
            .with("force", "true")
            .with("fieldValidation", "Strict");
        let (uri, body) = (format!("{path}?{query}"), Some((APPLY, body)));
        self.send(verb, namespace, uri, METADATA, body).await.map(Response::into_body)
    }

    /// Deletes exactly this version of this object. Garbage collection deletes its dependents.
    ///
    /// Returns whether the object is gone. An object with finalizers stays until they are removed.
    pub(crate) async fn delete(
        &self,
        kind: &KindInfo,
        key: &ObjectKey,
        uid: &str,
        version: u64,
    ) -> ApiResult<bool> {
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
            "preconditions": { "uid": uid, "resourceVersion": version.to_string() },
        });
        let body = Some((JSON, options.to_string()));
        let path = object_path(kind, key, "");
        let answer = self.send(DELETE, key.namespace(), path, METADATA, body).await?;
        // The answer is a Status or the object. An object that stays has a deletion timestamp.
        let object: Result<PartialObjectMeta, _> = serde_json::from_slice(answer.body());
        Ok(object.is_ok_and(|object| object.metadata.deletion_timestamp.is_none()))
    }

    /// Creates an Event. Everything else is applied.
    pub(crate) async fn create(&self, path: String, body: &Value) -> ApiResult<()> {
        let query = Query::default().with("fieldManager", self.manager);
        let body = Some((JSON, body.to_string()));
        self.send(POST, None, format!("{path}?{query}"), METADATA, body).await.map(drop)
    }

    async fn send(
        &self,
        (verb, method): Verb,
        namespace: Option<&str>,
        uri: String,
        accept: &str,
        body: Option<(&str, String)>,
    ) -> ApiResult<Response<Bytes>> {
        let request = request(method, uri, accept, body)?;
        let slot = self.slots.acquire(namespace).await;
        let _slot = slot.map_err(|e| ApiError::Unreachable(Box::new(e)))?;
        let answer = async {
            let (head, body) = self.respond(verb, request).await?.into_parts();
            let collected = body.collect().await.map_err(ApiError::Unreachable)?;
            Ok(Response::from_parts(head, collected.to_bytes()))
        };
        tokio::time::timeout(REQUEST_TIMEOUT, answer)
            .await
            .map_err(|_| ApiError::Timeout(REQUEST_TIMEOUT.as_secs()))?
    }

    async fn respond(
        &self,
        verb: &'static str,
        request: Request<Body>,
    ) -> ApiResult<Response<Answer>> {
        let started = Instant::now();
        let result = self.transport.clone().oneshot(request).await;
        let code = result.as_ref().map_or(0, |r| r.status().as_u16());
        self.metrics.requested(verb, code, started.elapsed());
        let response = result.map_err(ApiError::Unreachable)?;
        self.liveness.record();
        if response.status().is_success() {
            return Ok(response);
        }
        // An overloaded API server sends the delay only in this header.
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after: Option<u32> = retry_after.and_then(|v| v.to_str().ok()?.parse().ok());
        let collected = response.into_body().collect().await.map_err(ApiError::Unreachable)?;
        let bytes = collected.to_bytes();
        let mut failure: Failure = serde_json::from_slice(&bytes).unwrap_or_default();
        failure.code = code;
        failure.details.retry_after_seconds =
            failure.details.retry_after_seconds.max(retry_after.unwrap_or_default());
        if failure.message.is_empty() {
            let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
            failure.message = format!("HTTP {code}: {start}");
        }
        Err(ApiError::Status(Box::new(failure)))
    }
}

fn request(
    method: Method,
    uri: String,
    accept: &str,
    body: Option<(&str, String)>,
) -> ApiResult<Request<Body>> {
    let mut builder = Request::builder().method(method).uri(uri).header(header::ACCEPT, accept);
    if let Some((content_type, _)) = &body {
        builder = builder.header(header::CONTENT_TYPE, *content_type);
    }
    let body = body.map_or_else(Vec::new, |(_, body)| body.into_bytes());
    builder.body(Body::from(body)).map_err(|e| ApiError::Unreachable(Box::new(e)))
}

fn object_path(kind: &KindInfo, key: &ObjectKey, subresource: &str) -> String {
    let mut path = kind.path(key.namespace());
    path.push('/');
    escape(&mut path, &key.name);
    path.push_str(subresource);
    path
}

/// Appends a value, escaped for a path or a query.
fn escape(to: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                to.push(char::from(byte));
            }
            _ => drop(write!(to, "%{byte:02X}")),
        }
    }
}

/// A query string with escaped values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(String);

impl Query {
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        escape(&mut self.0, value);
        self
    }

    #[must_use]
    pub(crate) fn with_if(self, name: &str, value: Option<&str>) -> Self {
        match value.filter(|v| !v.is_empty()) {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
