//! Every request to the API server, and the [`Error`] for each of its failures.

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Event;
use kube::api::{
    Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams, WatchEvent, WatchParams,
};
use kube::{Client, ResourceExt};
use kubewright_connect::{Connect, transport};
use kubewright_core::KindInfo;
use operator_api::preview::PreviewEnvironment;
use serde_json::{Value, json};

use crate::args::ClusterArgs;
use crate::error::Error;
use crate::preview::Preview;

/// The field manager of our changes.
const MANAGER: &str = "kubectl-preview";
/// Objects per response, as kubectl requests them.
const PAGE: u32 = 500;
/// The similarity from which one name may be a typing error of another, between 0 and 1; clap
/// uses the same for subcommands.
const SIMILAR: f64 = 0.7;
const MAX_SUGGESTIONS: usize = 3;
/// The API server ends a watch after this; kube allows less than 295 seconds.
const WATCH_SECONDS: u32 = 290;

/// A cluster and the namespace of the previews.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: Client,
    /// Its address.
    server: String,
    pub(crate) namespace: String,
}

/// An event of a watch on one preview.
pub(crate) enum Change {
    Modified(Box<Preview>),
    Deleted,
    /// The watch ended; read the preview again.
    Ended,
}

impl Cluster {
    /// Reads the kubeconfig; sends no request.
    pub(crate) fn connect(args: ClusterArgs) -> Result<Self, Error> {
        let connect = Connect { kubeconfig: args.kubeconfig, context: args.context };
        let config = connect.config()?;
        let server = config.cluster_url.to_string();
        let namespace = args.namespace.unwrap_or_else(|| config.default_namespace.clone());
        match transport::client(config) {
            Ok(client) => Ok(Self { client, server, namespace }),
            Err(cause) => Err(Error::Credentials { server, cause }),
        }
    }

    fn previews(&self, all_namespaces: bool) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<PreviewEnvironment>(&());
        if all_namespaces {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
        }
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Preview, Error> {
        let error = match self.previews(false).get(name).await {
            Ok(object) => return Preview::read(object),
            Err(error) => self.classify(error),
        };
        match error {
            Error::NotFound { namespace, name: _, hint: _ } => {
                let hint = self.hint(name).await;
                Err(Error::NotFound { namespace, name: name.to_owned(), hint })
            }
            error => Err(error),
        }
    }

    /// The previews of the namespace or of all namespaces.
    pub(crate) async fn list(
        &self,
        all_namespaces: bool,
        selector: Option<&str>,
    ) -> Result<Vec<DynamicObject>, Error> {
        let api = self.previews(all_namespaces);
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector = selector.map(str::to_owned);
        let mut objects = Vec::new();
        loop {
            let page = api.list(&params).await.map_err(|error| match self.classify(error) {
                // An empty list is not an error.
                Error::NotFound { .. } => Error::NoApi { server: self.server.clone() },
                error => error,
            })?;
            objects.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(objects),
            }
        }
    }

    /// Where to find a preview that does not exist here; empty if the user may not list previews.
    async fn hint(&self, name: &str) -> String {
        let Ok(here) = self.list(false, None).await else { return String::new() };
        let similar = similar_names(name, here.iter().map(ResourceExt::name_any));
        if !similar.is_empty() {
            return format!("; similar names: {}", similar.join(", "));
        }
        let field = format!("metadata.name={name}");
        let elsewhere = self.previews(true).list(&ListParams::default().fields(&field)).await;
        let namespaces: Vec<String> = elsewhere
            .map(|list| list.items)
            .unwrap_or_default()
            .iter()
            .filter_map(ResourceExt::namespace)
            .collect();
        match namespaces.as_slice() {
            [] if here.is_empty() => {
                ", nor any other; `kubectl preview list -A` lists all namespaces".to_owned()
            }
            [] => "; `kubectl preview list` lists its previews".to_owned(),
            [one] => format!("; namespace {one} has one: add -n {one}"),
            several => format!("; these namespaces have one: {}", several.join(", ")),
        }
    }

    /// The changes of a preview after the version that was read.
    pub(crate) async fn watch(
        &self,
        preview: &Preview,
    ) -> Result<impl Stream<Item = Result<Change, Error>> + use<>, Error> {
        let params = WatchParams::default()
            .fields(&format!("metadata.name={}", preview.name()))
            .timeout(WATCH_SECONDS);
        let api = self.previews(false);
        let events = api
            .watch(&params, preview.resource_version())
            .await
            .map_err(|error| self.classify(error))?;
        Ok(events.boxed().filter_map(async |event| match event {
            Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                Some(Preview::read(object).map(|preview| Change::Modified(Box::new(preview))))
            }
            Ok(WatchEvent::Deleted(_)) => Some(Ok(Change::Deleted)),
            Ok(WatchEvent::Bookmark(_)) => None,
            // The version is too old, or the connection broke.
            Ok(WatchEvent::Error(_)) | Err(_) => Some(Ok(Change::Ended)),
        }))
    }

    /// Changes fields of the spec, and returns the changed preview.
    pub(crate) async fn patch(&self, preview: &Preview, spec: &Value) -> Result<Preview, Error> {
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        // The UID protects a preview that was created again. A resource version would conflict
        // with every update of the status.
        let patch = json!({ "metadata": { "uid": preview.uid() }, "spec": spec });
        let name = preview.name();
        match self.previews(false).patch(&name, &params, &Patch::Merge(patch)).await {
            Ok(object) => Preview::read(object),
            Err(kube::Error::Api(status)) if is_uid_conflict(&status) => {
                Err(Error::Replaced { name })
            }
            Err(error) => match self.classify(error) {
                Error::NotFound { .. } => Err(Error::Deleted { name }),
                error => Err(error),
            },
        }
    }

    /// Objects of the namespace; empty if the cluster does not serve the kind.
    pub(crate) async fn objects(
        &self,
        kind: &KindInfo,
        selector: &str,
    ) -> Result<Vec<DynamicObject>, Error> {
        let resource = ApiResource {
            group: kind.group.to_string(),
            version: kind.version.to_string(),
            api_version: kind.api_version(),
            kind: kind.kind.to_string(),
            plural: kind.plural.to_string(),
        };
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
        match api.list(&ListParams::default().labels(selector)).await {
            Ok(list) => Ok(list.items),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
            Err(error) => Err(self.classify(error)),
        }
    }

    /// The Events of the object with this UID.
    pub(crate) async fn events(&self, uid: &str) -> Result<Vec<Event>, Error> {
        let api = Api::namespaced(self.client.clone(), &self.namespace);
        let params = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        api.list(&params).await.map(|list| list.items).map_err(|error| self.classify(error))
    }

    fn classify(&self, error: kube::Error) -> Error {
        let server = self.server.clone();
        let status = match error {
            kube::Error::Api(status) => status,
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
                return Error::Response(error);
            }
            kube::Error::Service(cause) => return Error::Unreachable { server, cause },
            other => return Error::Unreachable { server, cause: Box::new(other) },
        };
        // Only the message about an object names it; a missing API has no name.
        let name = status.details.as_ref().map(|details| details.name.clone()).unwrap_or_default();
        let message = status.message.clone();
        match status.code {
            401 => Error::Unauthorized { server, message },
            403 => Error::Forbidden { message },
            404 if name.is_empty() => Error::NoApi { server },
            404 => Error::NotFound { namespace: self.namespace.clone(), name, hint: String::new() },
            400..=499 if status.code != 429 => Error::Rejected { message },
            _ => Error::Server { message },
        }
    }
}

/// Whether the name belongs to another object than the patch expects.
fn is_uid_conflict(status: &kube::core::Status) -> bool {
    status
        .details
        .as_ref()
        .is_some_and(|details| details.causes.iter().any(|cause| cause.field == "metadata.uid"))
}

/// The names that are most similar to `name`, the most similar first.
fn similar_names(name: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let mut similar: Vec<(f64, String)> = names
        .map(|other| (strsim::jaro(name, &other), other))
        .filter(|(similarity, _)| *similarity > SIMILAR)
        .collect();
    similar.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    similar.into_iter().take(MAX_SUGGESTIONS).map(|(_, name)| name).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;
