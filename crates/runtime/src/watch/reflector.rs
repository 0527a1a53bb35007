//! Keeps sinks up to date with one collection: lists it once in pages, then watches it for ever.
//!
//! Streaming lists (KEP-3157) cost the API server half as much CPU again, and pages already avoid
//! lists that are held in memory whole. Objects are handed on as bytes, one at a time, so a relist
//! never holds two copies.

use std::borrow::Cow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures::FutureExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::time::Instant;

use super::collection::Collection;
use super::gate::{Gate, Turn};
use crate::error::{ApiError, Failure};
use crate::work::backoff::Backoff;
use crate::write::api::Api;
use crate::write::liveness::{Liveness, Silence};

/// Objects in a page.
const PAGE: &str = "500";
/// How long the API server keeps a watch open, in seconds, before jitter.
const WATCH_SECONDS: u64 = 290;
/// The longest silence of a healthy watch: bookmarks arrive about once per minute.
const SILENCE: Duration = Duration::from_secs(90);
/// After this many failures in a row the collection is listed again.
const MAX_FAILURES: u32 = 3;
/// A shorter round counts as a failure: a server or proxy that closes every watch at once must not
/// be flooded.
const SHORT: Duration = Duration::from_secs(5);

/// An event of a collection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event<'a> {
    /// A list starts. Objects that do not follow before `Listed` are gone.
    ListStarted,
    /// The current state of an object.
    Upsert(&'a [u8]),
    /// The last state of an object that was deleted or left the selection.
    Delete(&'a [u8]),
    /// The list is complete as of this version.
    Listed(u64),
    /// The watch continues: the cache is up to date again.
    Opened,
    /// The sink panicked while it handled an object: this one, unless the object was deleted.
    Panicked(Option<&'a [u8]>),
    /// The collection could not be read. The reflector tries again.
    Failed(&'a ApiError),
}

/// A receiver of events.
pub(super) trait Sink: Send {
    /// Handles an event. Returns the version of its object, if the object could be decoded.
    fn handle(&mut self, event: Event<'_>) -> Option<u64>;
}

/// Sends an event to all sinks. A sink that panics over one object affects nothing else.
fn send(sinks: &mut [Box<dyn Sink>], event: Event<'_>) -> Option<u64> {
    sinks.iter_mut().fold(None, |version, sink| {
        let existing = match event {
            Event::Upsert(json) => Some(json),
            Event::Delete(_) => None,
            _ => return sink.handle(event),
        };
        let handled = catch_unwind(AssertUnwindSafe(|| sink.handle(event)));
        handled.unwrap_or_else(|_| sink.handle(Event::Panicked(existing))).or(version)
    })
}

/// How a round ended without an error, and the version to continue from.
enum End {
    Listed(u64),
    /// The API server closed the watch, or the watch must be opened again.
    Closed(u64),
}

/// An error, and the version to continue from; `None` to list again.
type Broken = (ApiError, Option<u64>);

/// Runs until the future is dropped.
pub(super) async fn run(
    api: &Api,
    gate: &Gate,
    collection: &Collection,
    sinks: &mut [Box<dyn Sink>],
) {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(15));
    let mut position: Option<u64> = None;
    let mut failures = 0;
    let mut turn: Option<Turn<'_>> = None;
    loop {
        let started = Instant::now();
        let round = match position.take() {
            Some(version) => watch(api, collection, sinks, version, &mut turn).await,
            None => list(api, collection, sinks).await,
        };
        let is_short = started.elapsed() < SHORT;
        if !is_short {
            backoff.reset();
        }
        if !is_short || round.is_ok() {
            failures = 0;
        }
        match round {
            Ok(End::Listed(version)) => position = Some(version),
            Ok(End::Closed(version)) => {
                position = Some(version);
                if is_short {
                    tokio::time::sleep(backoff.next()).await;
                }
            }
            Err((error, version)) => {
                // The next watch has its turn.
                turn = None;
                tracing::debug!(%collection, %error, "the watch ended");
                if !error.is_expired() {
                    send(sinks, Event::Failed(&error));
                }
                failures += 1;
                position = version.filter(|_| failures < MAX_FAILURES);
                if error.is_access_denied() {
                    turn = gate.wait().await;
                } else {
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
    }
}

async fn watch(
    api: &Api,
    collection: &Collection,
    sinks: &mut [Box<dyn Sink>],
    version: u64,
    turn: &mut Option<Turn<'_>>,
) -> Result<End, Broken> {
    let seconds = (WATCH_SECONDS + fastrand::u64(0..20)).to_string();
    let query = collection
        .query()
        .with("watch", "true")
        .with("allowWatchBookmarks", "true")
        .with("timeoutSeconds", &seconds)
        .with("resourceVersion", &version.to_string());
    match api.watch(&collection.path(), collection.form, &query).await {
        Err(error) if error.is_expired() => Err((error, None)),
        Err(error) => Err((error, Some(version))),
        Ok(lines) => {
            if let Some(turn) = turn.take() {
                turn.succeeded();
            }
            send(sinks, Event::Opened);
            follow(api.liveness(), lines, sinks, version).await
        }
    }
}

/// One event of a watch.
struct Line<'a> {
    type_: Cow<'a, str>,
    /// The JSON of the object; unchecked if `parse` found the line in its usual form.
    object: &'a [u8],
}

impl<'a> Line<'a> {
    /// Parses a line with its line break.
    ///
    /// API servers write both fields in this order and without spaces. Then the object is not
    /// scanned for its end: who reads it finds its defects.
    fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Any<'a> {
            #[serde(rename = "type", borrow)]
            type_: Cow<'a, str>,
            #[serde(borrow)]
            object: &'a RawValue,
        }
        if let Some(usual) = Self::parse_usual(line) {
            return Ok(usual);
        }
        let Any { type_, object } = serde_json::from_slice(line)?;
        Ok(Self { type_, object: object.get().as_bytes() })
    }

    fn parse_usual(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_prefix(br#"{"type":""#)?.strip_suffix(b"}\n")?;
        let type_ = ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
            .into_iter()
            .find(|type_| rest.starts_with(type_.as_bytes()))?;
        let object = rest[type_.len()..].strip_prefix(br#"","object":"#)?;
        Some(Self { type_: type_.into(), object })
    }
}

/// A bookmark, or an object that no sink could decode.
#[derive(Deserialize)]
struct Versioned<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    resource_version: Cow<'a, str>,
    #[serde(default, rename = "continue")]
    next: String,
}

/// What a watch sent.
enum Received {
    /// This number of bytes; zero at the end.
    Bytes(usize),
    /// Nothing for so long that the watch must be opened again.
    Nothing,
}

/// Reads a line of a watch, with its end.
async fn next_line(
    liveness: &Liveness,
    lines: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
) -> Result<Received, ApiError> {
    let timeout = |silence: Duration| ApiError::Timeout(silence.as_secs());
    let silent_at = Instant::now() + SILENCE;
    let mut reading = std::pin::pin!(lines.read_until(b'\n', line));
    let read: io::Result<usize> = loop {
        // What is already there counts, however long ago the last line was.
        if let Some(read) = reading.as_mut().now_or_never() {
            break read;
        }
        let until = match liveness.check() {
            Silence::Wait(until) => until.min(silent_at),
            Silence::Probe => return Ok(Received::Nothing),
            Silence::Lost(silence) => return Err(timeout(silence)),
        };
        match tokio::time::timeout_at(until, reading.as_mut()).await {
            Ok(read) => break read,
            Err(_) if Instant::now() >= silent_at => return Err(timeout(SILENCE)),
            Err(_) => {}
        }
    };
    let read = read.map_err(|error| ApiError::Unreachable(Box::new(error)))?;
    liveness.record();
    Ok(Received::Bytes(read))
}

/// Follows a watch that starts at `version` to its end.
async fn follow(
    liveness: &Liveness,
    mut lines: impl AsyncBufRead + Unpin,
    sinks: &mut [Box<dyn Sink>],
    mut version: u64,
) -> Result<End, Broken> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = match next_line(liveness, &mut lines, &mut line).await {
            Ok(Received::Bytes(read)) => read,
            Ok(Received::Nothing) => return Ok(End::Closed(version)),
            Err(error) => return Err((error, Some(version))),
        };
        // An incomplete line does not count.
        if read == 0 || line.last() != Some(&b'\n') {
            return Ok(End::Closed(version));
        }
        let Line { type_, object } = Line::parse(&line).map_err(broken)?;
        let decoded = match &*type_ {
            "ADDED" | "MODIFIED" => send(sinks, Event::Upsert(object)),
            "DELETED" => send(sinks, Event::Delete(object)),
            "BOOKMARK" => None,
            _ => {
                let failure: Failure = serde_json::from_slice(object).unwrap_or_default();
                let error = ApiError::Status(Box::new(failure));
                let position = (!error.is_expired()).then_some(version);
                return Err((error, position));
            }
        };
        version = if let Some(version) = decoded {
            version
        } else {
            let object: Versioned<'_> = serde_json::from_slice(object).map_err(broken)?;
            parse_version(&object.metadata.resource_version)?
        };
    }
}

fn broken(error: serde_json::Error) -> Broken {
    (ApiError::Decode(error.into()), None)
}

fn parse_version(version: &str) -> Result<u64, Broken> {
    let not_a_number = || {
        broken(serde::de::Error::custom(format!(
            "{version:?} is not a resourceVersion; every Kubernetes API server sends integers"
        )))
    };
    version.parse().map_err(|_| not_a_number())
}

async fn list(
    api: &Api,
    collection: &Collection,
    sinks: &mut [Box<dyn Sink>],
) -> Result<End, Broken> {
    let path = collection.path();
    let mut next = String::new();
    loop {
        let query = collection.query().with("limit", PAGE).with_if("continue", Some(&next));
        let bytes = api.list(&path, collection.form, &query).await.map_err(|e| (e, None))?;
        let page: Page<'_> = serde_json::from_slice(&bytes).map_err(broken)?;
        if next.is_empty() {
            send(sinks, Event::ListStarted);
        }
        for item in page.items.unwrap_or_default() {
            send(sinks, Event::Upsert(item.get().as_bytes()));
        }
        if page.metadata.next.is_empty() {
            let version = parse_version(&page.metadata.resource_version)?;
            send(sinks, Event::Listed(version));
            return Ok(End::Listed(version));
        }
        next = page.metadata.next;
    }
}

#[cfg(test)]
mod tests;
