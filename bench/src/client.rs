//! Requests to the API server as bytes, over the engine's own connections: both pay the same for
//! TLS and HTTP.

use std::path::Path;
use std::sync::Once;

use bytes::Bytes;
use futures::TryStreamExt;
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kubewright_runtime::transport::{Answer, Transport, transport};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::AsyncBufRead;
use tokio_util::io::StreamReader;
use tower::ServiceExt;

use crate::error::Error;

const JSON: &str = "application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
/// Who the bench is among the managers of fields.
pub(crate) const MANAGER: &str = "kubewright-bench";

/// A connection to an API server.
#[derive(Clone)]
pub(crate) struct Api(Transport);

/// The metadata of a list, or of an object.
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
    /// Connects as this kubeconfig says.
    pub(crate) async fn connect(kubeconfig: &Path) -> Result<Self, Error> {
        static ONCE: Once = Once::new();
        // Without one provider chosen, the first connection would panic; one that was chosen before
        // does as well.
        ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let file = Kubeconfig::read_from(kubeconfig).map_err(Error::connection)?;
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(file, &options)
            .await
            .map_err(Error::connection)?;
        Ok(Self(transport(config).map_err(Error::connection)?))
    }

    /// What is at `path`, as JSON.
    pub(crate) async fn get(&self, path: &str) -> Result<Bytes, Error> {
        self.send(Method::GET, path, JSON, None).await
    }

    /// The same, decoded.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        decode(path, &self.get(path).await?)
    }

    /// Creates an object in the collection at `path`; the answer is its metadata.
    pub(crate) async fn create(&self, path: &str, body: String) -> Result<Bytes, Error> {
        self.send(
            Method::POST,
            &format!("{path}?fieldManager={MANAGER}"),
            METADATA,
            Some((JSON, body)),
        )
        .await
    }

    /// Applies as the engine does; the answer is the object's metadata.
    pub(crate) async fn apply(
        &self,
        path: &str,
        manager: &str,
        body: String,
    ) -> Result<Bytes, Error> {
        let path = format!("{path}?fieldManager={manager}&force=true&fieldValidation=Strict");
        self.send(Method::PATCH, &path, METADATA, Some((APPLY, body))).await
    }

    /// Changes the object at `path` by a merge patch; gives its new version.
    pub(crate) async fn merge(&self, path: &str, change: &Value) -> Result<u64, Error> {
        let path = format!("{path}?fieldManager={MANAGER}");
        let answer =
            self.send(Method::PATCH, &path, METADATA, Some((MERGE, change.to_string()))).await?;
        version(&path, &answer)
    }

    /// Deletes the object at `path`; what it owns goes in the background.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), Error> {
        let path = format!("{path}?propagationPolicy=Background");
        self.send(Method::DELETE, &path, METADATA, None).await.map(drop)
    }

    /// The revision that the whole store is at: a list without a version is as new as the store.
    pub(crate) async fn revision(&self) -> Result<u64, Error> {
        let path = "/api/v1/namespaces?limit=1";
        version(path, &self.get(path).await?)
    }

    /// The version that a collection is at.
    pub(crate) async fn position(&self, path: &str) -> Result<u64, Error> {
        version(path, &self.get(&format!("{path}?limit=1")).await?)
    }

    /// Follows metadata of a collection from a version on: a stream of lines, one event each.
    pub(crate) async fn watch(
        &self,
        path: &str,
        from: u64,
    ) -> Result<impl AsyncBufRead + Unpin + use<>, Error> {
        self.lines(
            format!("{path}?watch=true&allowWatchBookmarks=false&resourceVersion={from}"),
            METADATA,
        )
        .await
    }

    /// The same of whole objects; `selector` is a part of the query.
    pub(crate) async fn watch_whole(
        &self,
        path: &str,
        selector: &str,
        from: u64,
    ) -> Result<impl AsyncBufRead + Unpin + use<>, Error> {
        self.lines(
            format!("{path}?watch=true&allowWatchBookmarks=true&resourceVersion={from}{selector}"),
            JSON,
        )
        .await
    }

    async fn lines(
        &self,
        path: String,
        accept: &str,
    ) -> Result<impl AsyncBufRead + Unpin + use<>, Error> {
        let path = format!("{path}&timeoutSeconds=3600");
        let response = self.respond(Method::GET, &path, accept, None).await?;
        let body = response.into_body().into_data_stream().map_err(std::io::Error::other);
        Ok(StreamReader::new(Box::pin(body)))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Option<(&str, String)>,
    ) -> Result<Bytes, Error> {
        let response = self.respond(method, path, accept, body).await?;
        let body = response.into_body().collect().await.map_err(Error::connection)?;
        Ok(body.to_bytes())
    }

    async fn respond(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Option<(&str, String)>,
    ) -> Result<Response<Answer>, Error> {
        let mut request =
            Request::builder().method(method.clone()).uri(path).header(header::ACCEPT, accept);
        if let Some((content_type, _)) = &body {
            request = request.header(header::CONTENT_TYPE, *content_type);
        }
        let body = body.map_or_else(Vec::new, |(_, body)| body.into_bytes());
        let request = request.body(Body::from(body)).map_err(Error::connection)?;
        let response = self.0.clone().oneshot(request).await.map_err(Error::connection)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let body = response.into_body().collect().await.map_err(Error::connection)?.to_bytes();
        let what = format!("{method} {path}");
        Err(Error::Request {
            what,
            message: format!("{status}: {}", String::from_utf8_lossy(&body)),
        })
    }
}

fn version(path: &str, json: &[u8]) -> Result<u64, Error> {
    let found: Versioned = decode(path, json)?;
    found.metadata.resource_version.parse().map_err(|_| Error::Request {
        what: path.to_owned(),
        message: format!("its version {:?} is no number", found.metadata.resource_version),
    })
}

/// An answer in its own form.
pub(crate) fn decode<'a, T: Deserialize<'a>>(what: &str, json: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(json)
        .map_err(|error| Error::Request { what: what.to_owned(), message: error.to_string() })
}
