//! Keeps a cache in step with one collection of the API server: list once, watch for ever.
//!
//! The initial state is read in pages. It could be streamed (KEP-3157), but then the API server
//! encodes and sends each object by itself, which takes it half as much CPU time again, and us as
//! long; what that is meant to save, lists that are held whole, pages do not have either. Objects
//! are handed on as bytes, one at a time: what is kept of them is the [`Sink`]'s decision,
//! and a relist never holds everything twice.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::time::Instant;

use kubewright_core::KindInfo;

use crate::api::{Api, Form, Query};
use crate::backoff::Backoff;
use crate::error::{ApiError, Failure};

/// Objects in a page.
const PAGE: &str = "500";
/// How long the server keeps a watch open, in seconds, before jitter; it is opened again from where
/// it ended.
const WATCH_SECONDS: u64 = 290;
/// How long a watch may be silent before the connection counts as dead. Bookmarks come about every
/// minute.
const SILENCE: Duration = Duration::from_secs(150);
/// Failures in a row after which the position itself is doubted, and everything is listed anew.
const DOUBT: u32 = 3;

/// What is watched.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    pub(crate) kind: KindInfo,
    /// One namespace, or all.
    pub(crate) namespace: Option<String>,
    pub(crate) labels: Option<String>,
    pub(crate) fields: Option<String>,
    /// A part of the collection, where the server can divide it.
    pub(crate) shard: Option<String>,
    pub(crate) form: Form,
}

impl Collection {
    /// Whether both contain the same objects, in whatever form.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        (&self.kind, &self.namespace, &self.labels, &self.fields, &self.shard)
            == (&other.kind, &other.namespace, &other.labels, &other.fields, &other.shard)
    }

    fn query(&self) -> Query {
        Query::default()
            .with_if("labelSelector", self.labels.as_deref())
            .with_if("fieldSelector", self.fields.as_deref())
            .with_if("shardSelector", self.shard.as_deref())
    }
}

impl std::fmt::Display for Collection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind.resource())?;
        self.namespace.as_deref().map_or(Ok(()), |n| write!(f, " in {n}"))
    }
}

/// Where the objects go.
pub(crate) trait Sink: Send {
    /// The initial state begins: what does not come until `listed` is gone.
    fn listing(&mut self);
    /// An object as it is now; gives its version, where it could be decoded.
    fn upsert(&mut self, json: &[u8]) -> Option<u64>;
    /// An object as it was when it was deleted, or when it left the selection; gives the version at
    /// which that was.
    fn delete(&mut self, json: &[u8]) -> Option<u64>;
    /// The initial state is complete, as of this version.
    fn listed(&mut self, version: u64);
    /// The watch goes on from where it was: what is cached is up to date again.
    fn opened(&mut self);
    /// Handling an object panicked.
    fn panicked(&mut self);
    /// The collection could not be read; it is tried again.
    fn failed(&mut self, error: &ApiError);
}

/// A round that ends sooner counts as a failure: a server or proxy that closes every watch at once
/// must not be flooded.
const SHORT: Duration = Duration::from_secs(5);

/// Runs until it is dropped.
pub(crate) async fn run(api: &Api, collection: &Collection, sink: &mut dyn Sink) {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(15));
    let mut position: Option<u64> = None;
    let mut failures = 0;
    loop {
        let started = Instant::now();
        let round = match position.take() {
            Some(version) => watch(api, collection, sink, version).await,
            None => pages(api, collection, sink).await,
        };
        if started.elapsed() >= SHORT {
            backoff.reset();
            failures = 0;
        }
        if round.is_ok() {
            failures = 0;
        }
        match round {
            Ok(End::Listed(version)) => position = Some(version),
            Ok(End::Closed(version)) => {
                position = Some(version);
                if started.elapsed() < SHORT {
                    tokio::time::sleep(backoff.next()).await;
                }
            }
            Err((error, version)) => {
                tracing::debug!(collection = %collection, %error, "the watch ended");
                if !error.is_expired() {
                    sink.failed(&error);
                }
                failures += 1;
                position = version.filter(|_| failures < DOUBT);
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}

/// One bad object must not end the watch for all others: a panic of a sink is an object that cannot
/// be decoded.
pub(crate) fn guarded(
    sink: &mut dyn Sink,
    handle: impl FnOnce(&mut dyn Sink) -> Option<u64>,
) -> Option<u64> {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| handle(sink)));
    outcome.unwrap_or_else(|_| {
        sink.panicked();
        None
    })
}

/// How a round ended without an error.
enum End {
    /// The initial state was read in pages; watch from this version.
    Listed(u64),
    /// The server closed the watch; go on from this version.
    Closed(u64),
}

/// An error, and the version from which a watch can go on.
type Broken = (ApiError, Option<u64>);

async fn watch(
    api: &Api,
    collection: &Collection,
    sink: &mut dyn Sink,
    version: u64,
) -> Result<End, Broken> {
    let seconds = (WATCH_SECONDS + fastrand::u64(0..20)).to_string();
    let query = collection.query().with("watch", "true").with("allowWatchBookmarks", "true");
    let query =
        query.with("timeoutSeconds", &seconds).with("resourceVersion", &version.to_string());
    let path = collection.kind.path(collection.namespace.as_deref());
    match api.watch(&path, collection.form, &query).await {
        Err(error) if error.is_expired() => Err((error, None)),
        Err(error) => Err((error, Some(version))),
        Ok(lines) => {
            sink.opened();
            follow(lines, sink, version).await
        }
    }
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    type_: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// What is read of a bookmark, and of an object that the sink cannot read.
#[derive(Deserialize)]
struct Versioned<'a> {
    #[serde(borrow)]
    metadata: Version<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version<'a> {
    #[serde(borrow, default)]
    resource_version: Cow<'a, str>,
}

/// Follows a watch to its end. `version` is where it began.
async fn follow(
    mut lines: impl AsyncBufRead + Unpin,
    sink: &mut dyn Sink,
    mut version: u64,
) -> Result<End, Broken> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = match tokio::time::timeout(SILENCE, lines.read_until(b'\n', &mut line)).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Err((ApiError::Unreachable(Box::new(error)), Some(version))),
            Err(_) => return Err((ApiError::Timeout(SILENCE.as_secs()), Some(version))),
        };
        // A line that was not finished did not come.
        if read == 0 || line.last() != Some(&b'\n') {
            return Ok(End::Closed(version));
        }
        let event: Event<'_> = serde_json::from_slice(&line).map_err(broken)?;
        let json = event.object.get();
        let decoded = match &*event.type_ {
            "ADDED" | "MODIFIED" => guarded(sink, |sink| sink.upsert(json.as_bytes())),
            "DELETED" => guarded(sink, |sink| sink.delete(json.as_bytes())),
            "BOOKMARK" => None,
            _ => {
                let failure: Failure = serde_json::from_str(json).unwrap_or_default();
                let error = ApiError::Status(Box::new(failure));
                let position = (!error.is_expired()).then_some(version);
                return Err((error, position));
            }
        };
        version = if let Some(version) = decoded {
            version
        } else {
            let Versioned { metadata } = serde_json::from_str(json).map_err(broken)?;
            metadata.resource_version.parse().map_err(|_| unordered(&metadata.resource_version))?
        };
    }
}

fn broken(error: serde_json::Error) -> Broken {
    (ApiError::Decode(error.into()), None)
}

/// A version that cannot be compared with others.
fn unordered(version: &str) -> Broken {
    broken(serde::de::Error::custom(format!(
        "{version:?} is not a resourceVersion; every Kubernetes API server sends integers"
    )))
}

#[derive(Deserialize)]
struct Page<'a> {
    metadata: PageMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: String,
}

async fn pages(api: &Api, collection: &Collection, sink: &mut dyn Sink) -> Result<End, Broken> {
    let path = collection.kind.path(collection.namespace.as_deref());
    let mut next = String::new();
    loop {
        let query = collection.query().with("limit", PAGE).with_if("continue", Some(&next));
        let bytes = api.list(&path, collection.form, &query).await.map_err(|e| (e, None))?;
        let page: Page<'_> = serde_json::from_slice(&bytes).map_err(broken)?;
        if next.is_empty() {
            sink.listing();
        }
        for item in page.items.unwrap_or_default() {
            guarded(sink, |sink| sink.upsert(item.get().as_bytes()));
        }
        if page.metadata.next.is_empty() {
            let version = page
                .metadata
                .resource_version
                .parse()
                .map_err(|_| unordered(&page.metadata.resource_version))?;
            sink.listed(version);
            return Ok(End::Listed(version));
        }
        next = page.metadata.next;
    }
}

#[cfg(test)]
mod tests;
