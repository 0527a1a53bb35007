//! One HTTP request, as the API server receives it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) const JSON: &str = "application/json";

/// A request. `headers` has neither `host` nor `content-length`, which follow from the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) uri: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Request {
    /// A request for JSON.
    pub(crate) fn get(uri: String) -> Self {
        let headers = [("accept".to_owned(), JSON.to_owned())].into();
        Self { method: "GET".into(), uri, headers, body: String::new() }
    }

    pub(crate) fn path(&self) -> &str {
        self.uri.split_once('?').map_or(&*self.uri, |(path, _)| path)
    }

    /// The value of a query parameter, as it is sent.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, query) = self.uri.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// The URI with another value of this query parameter.
    pub(crate) fn uri_with(&self, name: &str, value: &str) -> String {
        let Some((path, query)) = self.uri.split_once('?') else { return self.uri.clone() };
        let pairs = query.split('&').map(|pair| match pair.split_once('=') {
            Some((key, _)) if key == name => format!("{name}={value}"),
            _ => pair.to_owned(),
        });
        format!("{path}?{}", pairs.collect::<Vec<_>>().join("&"))
    }

    pub(crate) fn is_watch(&self) -> bool {
        self.method == "GET" && self.parameter("watch") == Some("true")
    }
}

/// The collection that the object at `path` is in, over all namespaces. A subresource stays:
/// `/apis/g/v1/namespaces/n/ks/web/status` becomes `/apis/g/v1/ks/status`.
pub(crate) fn collection_of_object(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    if let Some(at) = parts.iter().position(|part| *part == "namespaces")
        && parts.len() > at + 3
    {
        parts.drain(at..at + 2);
    }
    // "/api/v1/KIND" has the kind at 3, "/apis/GROUP/VERSION/KIND" at 4.
    let kind = if parts.get(1) == Some(&"api") { 3 } else { 4 };
    if parts.len() > kind + 1 {
        parts.remove(kind + 1);
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_parameter_is_read_and_replaced() {
        let request = Request {
            method: "GET".into(),
            uri: "/a?watch=true&resourceVersion=1".into(),
            headers: BTreeMap::new(),
            body: String::new(),
        };
        assert!(request.is_watch());
        assert_eq!((request.path(), request.parameter("resourceVersion")), ("/a", Some("1")));
        assert_eq!(request.uri_with("resourceVersion", "22"), "/a?watch=true&resourceVersion=22");
        assert_eq!(request.uri_with("limit", "22"), request.uri);
    }

    #[test]
    fn an_object_is_in_the_collection_of_its_kind() {
        for (object, collection) in [
            ("/apis/g/v1/namespaces/n/ks/web", "/apis/g/v1/ks"),
            ("/apis/g/v1/namespaces/n/ks/web/status", "/apis/g/v1/ks/status"),
            ("/api/v1/namespaces/n/services/web", "/api/v1/services"),
            ("/api/v1/namespaces/n", "/api/v1/namespaces"),
        ] {
            assert_eq!(collection_of_object(object), collection);
        }
    }
}
