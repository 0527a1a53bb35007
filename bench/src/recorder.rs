//! An API server in memory that records every request. It serves one operator or bare client, over
//! plain HTTP, so that the requests of both can be compared byte by byte.
//!
//! It stores what is applied and sends watch events. It validates and defaults nothing.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::request::{Request, collection_of_object};
use crate::wait::{Look, until};
use crate::workload::{UIDS, Workload, uid};

/// Every client has sent its requests once none arrives for so long.
const QUIET: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_mins(2);

/// A recorded request.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) request: Request,
    /// Number of the resource that a write is for, found by the UID in its body.
    pub(crate) resource: Option<usize>,
    /// Writes for the same resource that were answered before this request arrived.
    pub(crate) answered_before: usize,
}

/// What the server received.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) arrivals: Vec<Arrival>,
    /// The largest number of writes that waited for their answers at one time.
    pub(crate) most_writes_in_flight: usize,
    /// TCP connections that carried a request.
    pub(crate) connections: usize,
}

/// The server. It stops when this value is dropped.
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    kubeconfig: NamedTempFile,
    server: JoinHandle<()>,
}

struct Shared {
    /// A write is answered once no request has arrived for so long. Then every write that the
    /// client sends without waiting for an answer has arrived.
    hold: Duration,
    state: Mutex<Contents>,
}

#[derive(Default)]
struct Contents {
    version: u64,
    objects: BTreeMap<String, Value>,
    watches: Vec<(String, UnboundedSender<Bytes>)>,
    arrivals: Vec<Arrival>,
    last_arrival: Option<tokio::time::Instant>,
    answered: HashMap<usize, usize>,
    in_flight: usize,
    most_in_flight: usize,
    connections: Vec<SocketAddr>,
}

impl Recorder {
    /// Listens on a free port. A write is answered once no request has arrived for `hold`.
    pub(crate) async fn start(hold: Duration) -> Result<Self, Error> {
        let failed = |source| Error::File { path: "127.0.0.1:0".into(), source };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut kubeconfig = NamedTempFile::new().map_err(failed)?;
        let contents = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{ "name": "c", "cluster": { "server": format!("http://{address}") } }],
            "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
            "users": [{ "name": "u", "user": {} }],
        });
        kubeconfig.write_all(contents.to_string().as_bytes()).map_err(failed)?;
        let shared = Arc::new(Shared { hold, state: Mutex::default() });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move {
            // A server that ends early shows as requests that fail.
            let _ = axum::serve(listener, service).await;
        });
        Ok(Self { shared, kubeconfig, server })
    }

    pub(crate) fn kubeconfig(&self) -> &Path {
        self.kubeconfig.path()
    }

    /// Creates `count` resources once every kind is watched, waits until the client has written
    /// every status and sends nothing more, and returns what it sent.
    pub(crate) async fn record(
        &self,
        workload: Workload,
        count: usize,
    ) -> Result<Recording, Error> {
        let collections = workload.kinds().map(|kind| kind.path(None));
        let is_watched = |contents: &Contents| {
            collections
                .iter()
                .all(|path| contents.watches.iter().any(|(watched, _)| watched == path))
        };
        until("the client watches every kind", LIMIT, POLL, async || {
            let contents = self.shared.contents();
            Ok(if is_watched(&contents) { Look::Found(()) } else { contents.describe() })
        })
        .await?;
        for number in 0..count {
            let body = workload.body(&workload.object_name(number))?;
            let object =
                serde_json::from_str(&body).map_err(|error| Error::Workload(error.to_string()))?;
            self.shared.contents().create(&workload.path(0, number), object, &uid(number));
        }
        let mut before = 0;
        until("the client writes the status of every resource", LIMIT, QUIET, async || {
            let contents = self.shared.contents();
            let is_quiet = contents.arrivals.len() == before;
            before = contents.arrivals.len();
            let statuses = contents.objects.values().filter(|o| o.get("status").is_some()).count();
            Ok(if statuses >= count && is_quiet {
                Look::Found(Recording {
                    arrivals: contents.arrivals.clone(),
                    most_writes_in_flight: contents.most_in_flight,
                    connections: contents.connections.len(),
                })
            } else {
                contents.describe()
            })
        })
        .await
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn handle(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: axum::extract::Request,
) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let headers = head.headers.iter().filter_map(|(name, value)| {
        let is_derived = ["host", "content-length"].contains(&name.as_str());
        (!is_derived).then(|| Some((name.to_string(), value.to_str().ok()?.to_owned())))?
    });
    let request = Request {
        method: head.method.to_string(),
        uri: head.uri.to_string(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let resource = resource_in(&request.body);
    shared.contents().arrive(request.clone(), resource, client);
    if request.method == "GET" {
        return shared.contents().read(&request);
    }
    loop {
        let last = shared.contents().last_arrival;
        let Some(quiet_at) = last.map(|last| last + shared.hold) else { break };
        if tokio::time::Instant::now() >= quiet_at {
            break;
        }
        tokio::time::sleep_until(quiet_at).await;
    }
    let mut contents = shared.contents();
    contents.in_flight -= 1;
    if let Some(resource) = resource {
        *contents.answered.entry(resource).or_default() += 1;
    }
    match request.method.as_str() {
        "PATCH" => contents.apply(&request),
        // An Event; it is not stored.
        "POST" => (StatusCode::CREATED, request.body).into_response(),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

/// The number of the resource whose UID is in `body`.
fn resource_in(body: &str) -> Option<usize> {
    let at = body.find(UIDS)? + UIDS.len();
    body.get(at..at + 12)?.parse().ok()
}

/// The fields of an applied status in the form of `fieldsV1`, as deep as the engine reads them.
fn owned(status: &Value) -> Value {
    let node = |(field, value): (&String, &Value)| {
        let conditions = value.as_array().into_iter().flatten();
        let conditions = conditions
            .filter_map(|condition| condition.get("type"))
            .map(|type_| (format!("k:{}", json!({ "type": type_ })), json!({ "f:status": {} })));
        (format!("f:{field}"), Value::Object(conditions.collect()))
    };
    Value::Object(status.as_object().into_iter().flatten().map(node).collect())
}

impl Contents {
    fn describe<T>(&self) -> Look<T> {
        Look::Seen(format!("{} requests", self.arrivals.len()))
    }

    fn arrive(&mut self, request: Request, resource: Option<usize>, client: SocketAddr) {
        if !self.connections.contains(&client) {
            self.connections.push(client);
        }
        if request.method != "GET" {
            self.in_flight += 1;
            self.most_in_flight = self.most_in_flight.max(self.in_flight);
            self.last_arrival = Some(tokio::time::Instant::now());
        }
        let answered_before =
            resource.and_then(|resource| self.answered.get(&resource)).copied().unwrap_or(0);
        self.arrivals.push(Arrival { request, resource, answered_before });
    }

    fn read(&mut self, request: &Request) -> Response {
        if request.is_watch() {
            let (events, receiver) = unbounded_channel();
            self.watches.push((request.path().to_owned(), events));
            let lines = futures::stream::unfold(receiver, |mut receiver| async move {
                Some((Ok::<_, Infallible>(receiver.recv().await?), receiver))
            });
            return Body::from_stream(lines).into_response();
        }
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(path, _)| collection_of_object(path) == request.path())
            .map(|(_, object)| object)
            .collect();
        let list = json!({
            "apiVersion": "v1", "kind": "List",
            "metadata": { "resourceVersion": self.version.to_string() }, "items": items,
        });
        list.to_string().into_response()
    }

    /// Server-side apply of an object or of its status, without merging.
    fn apply(&mut self, request: &Request) -> Response {
        let Ok(body) = serde_json::from_str::<Value>(&request.body) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let manager = request.parameter("fieldManager").unwrap_or_default();
        let object = if let Some(path) = request.path().strip_suffix("/status") {
            let Some(mut object) = self.objects.get(path).cloned() else {
                return StatusCode::NOT_FOUND.into_response();
            };
            object["metadata"]["managedFields"] = json!([{
                "manager": manager, "operation": "Apply", "subresource": "status",
                "apiVersion": object["apiVersion"], "fieldsType": "FieldsV1",
                "fieldsV1": { "f:status": owned(&body["status"]) },
            }]);
            object["status"] = body["status"].clone();
            self.store(path, object)
        } else {
            let mut object = body;
            object["metadata"]["managedFields"] = json!([{
                "manager": manager, "operation": "Apply",
                "apiVersion": object["apiVersion"], "fieldsType": "FieldsV1", "fieldsV1": {},
            }]);
            let uid = format!("11111111-0000-4000-8000-{:012}", self.version);
            self.create(request.path(), object, &uid)
        };
        object.to_string().into_response()
    }

    fn create(&mut self, path: &str, mut object: Value, uid: &str) -> Value {
        let metadata = &mut object["metadata"];
        metadata["uid"] = uid.into();
        metadata["generation"] = 1.into();
        metadata["creationTimestamp"] = "2026-01-01T00:00:00Z".into();
        self.store(path, object)
    }

    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let event = match self.objects.insert(path.to_owned(), object.clone()) {
            Some(_) => "MODIFIED",
            None => "ADDED",
        };
        let line = Bytes::from(format!("{{\"type\":\"{event}\",\"object\":{object}}}\n"));
        let collection = collection_of_object(path);
        self.watches
            .retain(|(path, events)| *path != collection || events.send(line.clone()).is_ok());
        object
    }
}
