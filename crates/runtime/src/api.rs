//! The few requests that the engine sends, as bytes: list, watch, get, apply, delete.
//!
//! No retries here: the queue decides when to try again, and sees every failure.

mod patch;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::TryStreamExt;
use http::response::Parts;
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use jiff::fmt::rfc2822::DateTimeParser;
use kube::client::Body;
use kube::core::PartialObjectMeta;
use kubewright_core::desired::Desired;
use kubewright_core::observed::DecodeError;
use kubewright_core::{KindInfo, ObjectKey, Timestamp};
use serde_json::json;
use tokio::io::AsyncBufRead;
use tokio::sync::Semaphore;
use tokio_util::io::StreamReader;
use tower::ServiceExt;

use crate::error::{ApiError, Failure};
use crate::metrics::Metrics;
use crate::transport::{Answer, Transport};
use crate::yaml;

pub(crate) use patch::Precondition;

/// Longest time for the answer to anything but a watch; the API server itself gives up after 60 s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(65);

const JSON: &str = "application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/// Server-side apply takes JSON too: it is YAML.
const APPLY: &str = "application/apply-patch+yaml";

/// Requests at once, watches apart: HTTP/1.1 needs a connection for each.
const MAX_REQUESTS: usize = 32;
/// How long the API server may take to accept a watch.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of an object the answer should carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// All of it.
    Full,
    /// Only its metadata.
    Metadata,
}

/// A connection to the API server, with our name on every write.
#[derive(Clone)]
pub(crate) struct Api {
    transport: Transport,
    manager: &'static str,
    metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("manager", &self.manager).finish_non_exhaustive()
    }
}

impl Api {
    pub(crate) fn new(transport: Transport, manager: &'static str, metrics: Arc<Metrics>) -> Self {
        Self { transport, manager, metrics, places: Arc::new(Semaphore::new(MAX_REQUESTS)) }
    }

    /// Our field manager.
    pub(crate) fn manager(&self) -> &'static str {
        self.manager
    }

    /// Whether the API server answers at all.
    pub(crate) async fn version(&self) -> Result<(), ApiError> {
        self.send(Verb::Get, "/version".to_owned(), JSON, None).await.map(|_| ())
    }

    /// One page of a list.
    pub(crate) async fn list(
        &self,
        path: &str,
        form: Form,
        query: &Query,
    ) -> Result<Bytes, ApiError> {
        let accept = if form == Form::Metadata { METADATA_LIST } else { JSON };
        self.send(Verb::List, format!("{path}?{query}"), accept, None).await
    }

    /// A watch: a stream of lines, one event each.
    pub(crate) async fn watch(
        &self,
        path: &str,
        form: Form,
        query: &Query,
    ) -> Result<impl AsyncBufRead + Unpin + use<>, ApiError> {
        let accept = if form == Form::Metadata { METADATA } else { JSON };
        let request = request(Method::GET, format!("{path}?{query}"), accept, None)?;
        let opened = tokio::time::timeout(OPEN_TIMEOUT, self.respond(Verb::Watch, request)).await;
        let response = opened.map_err(|_| ApiError::Timeout(OPEN_TIMEOUT.as_secs()))??;
        let body = response.into_body().into_data_stream().map_err(std::io::Error::other);
        Ok(StreamReader::new(Box::pin(body)))
    }

    /// One object.
    pub(crate) async fn get(
        &self,
        kind: &KindInfo,
        key: &ObjectKey,
        form: Form,
    ) -> Result<Bytes, ApiError> {
        let accept = if form == Form::Metadata { METADATA } else { JSON };
        self.send(Verb::Get, object_path(kind, key, ""), accept, None).await
    }

    /// The metadata of one object, and what time it is by the API server's clock, to the second.
    pub(crate) async fn look(
        &self,
        kind: &KindInfo,
        key: &ObjectKey,
    ) -> Result<(Bytes, Option<Timestamp>), ApiError> {
        let (head, answer) =
            self.exchange(Verb::Get, object_path(kind, key, ""), METADATA, None).await?;
        let date = head
            .headers
            .get(header::DATE)
            .and_then(|date| DateTimeParser::new().parse_timestamp(date.as_bytes()).ok());
        Ok((answer, date))
    }

    /// Applies one object; the answer is its metadata.
    pub(crate) async fn apply(
        &self,
        want: &Desired,
        must: Precondition<'_>,
    ) -> Result<Bytes, ApiError> {
        self.patch(Verb::Apply, object_path(&want.kind, &want.key, ""), &patch::object(want, must))
            .await
    }

    /// Applies the status of the object with this UID; the answer is the object's metadata.
    pub(crate) async fn apply_status(
        &self,
        kind: &KindInfo,
        key: &ObjectKey,
        status: &serde_json::Value,
        uid: &str,
    ) -> Result<Bytes, ApiError> {
        self.patch(
            Verb::ApplyStatus,
            object_path(kind, key, "/status"),
            &patch::Status { kind, key, status, uid },
        )
        .await
    }

    /// Applies one annotation of the object with this UID; whether it has it then: what changes
    /// requests on their way may drop it.
    pub(crate) async fn annotate(
        &self,
        kind: &KindInfo,
        key: &ObjectKey,
        uid: &str,
        (name, value): (&str, &str),
    ) -> Result<bool, ApiError> {
        let object = json!({
            "apiVersion": kind.api_version(), "kind": kind.kind,
            "metadata": { "name": &*key.name, "namespace": key.namespace(), "uid": uid, "annotations": { name: value } },
        });
        let answer = self.patch(Verb::Apply, object_path(kind, key, ""), &object).await?;
        let taken: PartialObjectMeta =
            serde_json::from_slice(&answer).map_err(DecodeError::from)?;
        Ok(taken
            .metadata
            .annotations
            .is_some_and(|all| all.get(name).is_some_and(|taken| taken == value)))
    }

    async fn patch(
        &self,
        verb: Verb,
        path: String,
        body: &impl serde::Serialize,
    ) -> Result<Bytes, ApiError> {
        let body = yaml::encode(body).map_err(|error| ApiError::Decode(error.into()))?;
        let query = Query::default()
            .with("fieldManager", self.manager)
            .with("force", "true")
            .with("fieldValidation", "Strict");
        self.send(verb, format!("{path}?{query}"), METADATA, Some((APPLY, body))).await
    }

    /// Deletes exactly this version of exactly this object; what it owns goes in the background.
    /// Whether it is gone: a finalizer keeps it until somebody takes that away, and then the
    /// event of its deletion tells.
    pub(crate) async fn delete(
        &self,
        kind: &KindInfo,
        key: &ObjectKey,
        uid: &str,
        version: u64,
    ) -> Result<bool, ApiError> {
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
            "preconditions": { "uid": uid, "resourceVersion": version.to_string() },
        });
        let body = Some((JSON, options.to_string()));
        let answer = self.send(Verb::Delete, object_path(kind, key, ""), METADATA, body).await?;
        Ok(is_gone(&answer))
    }

    /// Creates an object; used for Events alone, everything else is applied.
    pub(crate) async fn create(
        &self,
        path: String,
        body: &serde_json::Value,
    ) -> Result<(), ApiError> {
        let query = Query::default().with("fieldManager", self.manager);
        self.send(Verb::Create, format!("{path}?{query}"), METADATA, Some((JSON, body.to_string())))
            .await
            .map(|_| ())
    }

    async fn send(
        &self,
        verb: Verb,
        uri: String,
        accept: &str,
        body: Option<(&str, String)>,
    ) -> Result<Bytes, ApiError> {
        self.exchange(verb, uri, accept, body).await.map(|(_, answer)| answer)
    }

    async fn exchange(
        &self,
        verb: Verb,
        uri: String,
        accept: &str,
        body: Option<(&str, String)>,
    ) -> Result<(Parts, Bytes), ApiError> {
        let request = request(verb.method(), uri, accept, body)?;
        let _place = self.places.acquire().await.map_err(|e| ApiError::Unreachable(Box::new(e)))?;
        let answer = async {
            let (head, body) = self.respond(verb, request).await?.into_parts();
            let collected = body.collect().await.map_err(ApiError::Unreachable)?;
            Ok((head, collected.to_bytes()))
        };
        tokio::time::timeout(REQUEST_TIMEOUT, answer)
            .await
            .map_err(|_| ApiError::Timeout(REQUEST_TIMEOUT.as_secs()))?
    }

    async fn respond(
        &self,
        verb: Verb,
        request: Request<Body>,
    ) -> Result<Response<Answer>, ApiError> {
        let started = Instant::now();
        let result = self.transport.clone().oneshot(request).await;
        let code = result.as_ref().map_or(0, |r| r.status().as_u16());
        self.metrics.request(verb.as_str(), code, started.elapsed());
        let response = result.map_err(ApiError::Unreachable)?;
        if response.status().is_success() {
            return Ok(response);
        }
        // An overloaded API server says it here alone.
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let collected = response.into_body().collect().await.map_err(ApiError::Unreachable)?;
        let bytes = collected.to_bytes();
        let mut failure: Failure = serde_json::from_slice(&bytes).unwrap_or_default();
        failure.code = code;
        failure.details.retry_after_seconds =
            failure.details.retry_after_seconds.max(retry_after.unwrap_or_default());
        if failure.message.is_empty() {
            failure.message =
                format!("HTTP {code}: {}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
        }
        Err(ApiError::Status(Box::new(failure)))
    }
}

/// Whether what was to be deleted is gone by this answer: a Status, or the object as it was. One
/// that stays has the time since when it is being deleted.
fn is_gone(answer: &[u8]) -> bool {
    let answered: Result<PartialObjectMeta, _> = serde_json::from_slice(answer);
    answered.is_ok_and(|answered| answered.metadata.deletion_timestamp.is_none())
}

/// What a request is for, as a metric label.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Get,
    List,
    Watch,
    Apply,
    ApplyStatus,
    Delete,
    Create,
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Apply => "apply",
            Self::ApplyStatus => "apply_status",
            Self::Delete => "delete",
            Self::Create => "create",
        }
    }

    fn method(self) -> Method {
        match self {
            Self::Get | Self::List | Self::Watch => Method::GET,
            Self::Apply | Self::ApplyStatus => Method::PATCH,
            Self::Delete => Method::DELETE,
            Self::Create => Method::POST,
        }
    }
}

fn request(
    method: Method,
    uri: String,
    accept: &str,
    body: Option<(&str, String)>,
) -> Result<Request<Body>, ApiError> {
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

/// Appends a value as it may stand in a path or a query.
fn escape(to: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                to.push(char::from(byte))
            }
            // Writing to a String cannot fail.
            _ => drop(write!(to, "%{byte:02X}")),
        }
    }
}

/// A query string; values are escaped.
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
