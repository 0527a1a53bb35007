//! Requests to the API server as bytes, over the engine's own transport: the bench and the operator
//! pay the same for TLS and HTTP.

use std::path::Path;

use bytes::Bytes;
use futures::TryStreamExt;
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use kube::client::Body;
use kubewright_runtime::Connect;
use kubewright_runtime::transport::{Answer, Transport, transport};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::AsyncBufRead;
use tokio_util::io::StreamReader;
use tower::ServiceExt;

use crate::error::Error;
use crate::request::{self, JSON};

const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
/// The field manager of the bench's own writes.
pub(crate) const MANAGER: &str = "kubewright-bench";

/// A connection to an API server.
#[derive(Clone)]
pub(crate) struct Api(Transport);

/// One page of a list.
#[derive(Deserialize)]
struct Page<'a> {
    metadata: PageMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct PageMeta {
    #[serde(default, rename = "continue")]
    next: String,
}

/// A list or an object, reduced to its version.
#[derive(Deserialize)]
struct Versioned {
    metadata: Version,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    resource_version: String,
}

impl Api {
    /// Connects with this kubeconfig.
    pub(crate) fn connect(kubeconfig: &Path) -> Result<Self, Error> {
        let connect = Connect { kubeconfig: Some(kubeconfig.to_owned()), context: None };
        let config = connect.config().map_err(Error::connection)?;
        Ok(Self(transport(config).map_err(Error::connection)?))
    }

    /// The JSON at `path`.
    pub(crate) async fn get(&self, path: &str) -> Result<Bytes, Error> {
        self.send(Method::GET, path, &[(header::ACCEPT.as_str(), JSON)], String::new()).await
    }

    /// The JSON at `path`, decoded.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        decode(path, &self.get(path).await?)
    }

    /// Creates an object in the collection at `path`. Returns its metadata.
    pub(crate) async fn create(&self, path: &str, body: String) -> Result<Bytes, Error> {
        self.write(Method::POST, format!("{path}?fieldManager={MANAGER}"), JSON, body).await
    }

    /// Applies an object. Returns its metadata.
    pub(crate) async fn apply(&self, path: &str, body: String) -> Result<Bytes, Error> {
        let path = format!("{path}?fieldManager={MANAGER}&force=true");
        self.write(Method::PATCH, path, APPLY, body).await
    }

    /// Changes the object at `path` by a merge patch.
    pub(crate) async fn merge(&self, path: &str, change: &Value) -> Result<(), Error> {
        let path = format!("{path}?fieldManager={MANAGER}");
        self.write(Method::PATCH, path, MERGE, change.to_string()).await.map(drop)
    }

    /// Deletes the object at `path`, and its children in the background.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        let path = format!("{path}?propagationPolicy=Background");
        self.write(Method::DELETE, path, JSON, String::new()).await.map(drop)
    }

    /// Sends a recorded request with this body.
    pub(crate) async fn replay(
        &self,
        request: &request::Request,
        body: String,
    ) -> Result<Bytes, Error> {
        self.send(method(request)?, &request.uri, &headers(request), body).await
    }

    /// Sends a list request, page by page, and calls `each` with the JSON of every object.
    pub(crate) async fn each_item(
        &self,
        list: &request::Request,
        mut each: impl FnMut(&str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut page = list.clone();
        loop {
            let answer = self.replay(&page, String::new()).await?;
            let Page { metadata, items } = decode(&page.uri, &answer)?;
            for item in items.unwrap_or_default() {
                each(item.get())?;
            }
            if metadata.next.is_empty() {
                return Ok(());
            }
            page.uri = format!("{}&continue={}", list.uri, metadata.next);
        }
    }

    /// Opens a recorded watch: a stream of lines, one event each.
    pub(crate) async fn replay_watch(
        &self,
        request: &request::Request,
    ) -> Result<impl AsyncBufRead + Unpin + use<>, Error> {
        self.lines(method(request)?, &request.uri, &headers(request)).await
    }

    /// The revision of the whole store. A list without a version is as new as the store.
    pub(crate) async fn revision(&self) -> Result<u64, Error> {
        let path = "/api/v1/namespaces?limit=1";
        version_number(path, &self.get(path).await?)
    }

    /// The version of a collection.
    pub(crate) async fn version(&self, path: &str) -> Result<u64, Error> {
        version_number(path, &self.get(&format!("{path}?limit=1")).await?)
    }

    /// Watches the metadata of a collection from a version on: a stream of lines, one event each.
    pub(crate) async fn watch(
        &self,
        path: &str,
        from: u64,
    ) -> Result<impl AsyncBufRead + Unpin + use<>, Error> {
        let query = "watch=true&allowWatchBookmarks=false&timeoutSeconds=3600";
        let uri = format!("{path}?{query}&resourceVersion={from}");
        self.lines(Method::GET, &uri, &[(header::ACCEPT.as_str(), METADATA)]).await
    }

    async fn write(
        &self,
        method: Method,
        path: String,
        content_type: &str,
        body: String,
    ) -> Result<Bytes, Error> {
        let headers =
            [(header::ACCEPT.as_str(), METADATA), (header::CONTENT_TYPE.as_str(), content_type)];
        self.send(method, &path, &headers, body).await
    }

    async fn lines(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
    ) -> Result<impl AsyncBufRead + Unpin + use<>, Error> {
        let response = self.respond(method, uri, headers, String::new()).await?;
        let body = response.into_body().into_data_stream().map_err(std::io::Error::other);
        Ok(StreamReader::new(Box::pin(body)))
    }

    async fn send(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Bytes, Error> {
        let response = self.respond(method, uri, headers, body).await?;
        let body = response.into_body().collect().await.map_err(Error::connection)?;
        Ok(body.to_bytes())
    }

    async fn respond(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Response<Answer>, Error> {
        let mut request = Request::builder().method(method.clone()).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.into_bytes())).map_err(Error::connection)?;
        let response = self.0.clone().oneshot(request).await.map_err(Error::connection)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.into_body().collect().await.map_err(Error::connection)?.to_bytes();
        let message = format!("{status}: {}", String::from_utf8_lossy(&body));
        Err(Error::Request { what: format!("{method} {uri}"), message })
    }
}

fn method(request: &request::Request) -> Result<Method, Error> {
    Method::from_bytes(request.method.as_bytes()).map_err(Error::connection)
}

fn headers(request: &request::Request) -> Vec<(&str, &str)> {
    request.headers.iter().map(|(name, value)| (&**name, &**value)).collect()
}

/// The resourceVersion of a list or an object.
pub(crate) fn version(path: &str, json: &[u8]) -> Result<String, Error> {
    decode::<Versioned>(path, json).map(|found| found.metadata.resource_version)
}

fn version_number(path: &str, json: &[u8]) -> Result<u64, Error> {
    let version = version(path, json)?;
    version.parse().map_err(|_| Error::Request {
        what: path.to_owned(),
        message: format!("its resourceVersion {version:?} is not a number"),
    })
}

/// Decodes an answer.
pub(crate) fn decode<'a, T: Deserialize<'a>>(what: &str, json: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(json)
        .map_err(|error| Error::Request { what: what.to_owned(), message: error.to_string() })
}
