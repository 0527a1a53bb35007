//! Every request to the API server, and what its answers mean for whoever asked.

use futures::{Stream, StreamExt};
use kube::api::{
    Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams, WatchEvent, WatchParams,
};
use kube::{Client, ResourceExt};
use kubewright::KindInfo;
use kubewright::runtime::{ApiError, Connect, RunError};
use operator_api::preview::PreviewEnvironment;
use serde_json::Value;

use crate::args::ClusterArgs;
use crate::error::Error;
use crate::preview::Preview;

/// What our changes are recorded under in `metadata.managedFields`.
const MANAGER: &str = "kubectl-preview";
/// As many as kubectl asks for at a time.
const PAGE: u32 = 500;
/// How alike two names are that one may be taken for the other, from 0 to 1; as clap has it for
/// subcommands.
const ALIKE: f64 = 0.7;
/// More suggestions help nobody.
const MOST_ALIKE: usize = 3;
/// Seconds after which the API server ends a watch; just below what kube allows.
const WATCH_SECONDS: u32 = 290;

/// A cluster, and the namespace that is meant.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: Client,
    server: String,
    /// The namespace that was asked for, or the context's.
    pub(crate) namespace: String,
}

/// What a watch tells.
pub(crate) enum Event {
    /// This is how it is now.
    Is(Box<Preview>),
    /// It is gone.
    Gone,
    /// The watch is over; look again.
    Over,
}

impl Cluster {
    /// Connects as a kubeconfig says; nothing is asked yet.
    pub(crate) async fn connect(args: ClusterArgs) -> Result<Self, Error> {
        let config =
            Connect { kubeconfig: args.kubeconfig, context: args.context }.config().await?;
        let server = config.cluster_url.to_string();
        let namespace = args.namespace.unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|e| RunError::Client(Box::new(e)))?;
        Ok(Self { client, server, namespace })
    }

    fn previews(&self, everywhere: bool) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<PreviewEnvironment>(&());
        if everywhere {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
        }
    }

    /// One preview.
    pub(crate) async fn get(&self, name: &str) -> Result<Preview, Error> {
        match self.previews(false).get(name).await {
            Ok(object) => Preview::read(object),
            Err(error) => match self.meaning(error) {
                Error::NotFound { namespace, .. } => Err(Error::NotFound {
                    namespace,
                    name: name.to_owned(),
                    hint: self.hint(name).await,
                }),
                error => Err(error),
            },
        }
    }

    /// All previews of the namespace, or of all, as they came.
    pub(crate) async fn list(
        &self,
        everywhere: bool,
        selector: Option<&str>,
    ) -> Result<Vec<DynamicObject>, Error> {
        let api = self.previews(everywhere);
        let mut params =
            ListParams { label_selector: selector.map(str::to_owned), ..ListParams::default() }
                .limit(PAGE);
        let mut all = Vec::new();
        loop {
            let page = api.list(&params).await.map_err(|error| match self.meaning(error) {
                // An empty list is found.
                Error::NotFound { .. } => Error::NoApi { server: self.server.clone() },
                error => error,
            })?;
            all.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    /// What there is in place of a preview that is not there; only names, so what cannot be asked
    /// is left out.
    async fn hint(&self, name: &str) -> String {
        let here = self.list(false, None).await.unwrap_or_default();
        let alike = alike(name, here.iter().map(ResourceExt::name_any));
        if !alike.is_empty() {
            return format!("; there is {}", alike.join(", "));
        }
        let field = format!("metadata.name={name}");
        let elsewhere = self.previews(true).list(&ListParams::default().fields(&field)).await;
        let spaces: Vec<String> = elsewhere
            .map(|list| list.items)
            .unwrap_or_default()
            .iter()
            .filter_map(ResourceExt::namespace)
            .collect();
        match spaces.as_slice() {
            [] if here.is_empty() => {
                ", nor any other; `list -A` shows those of all namespaces".to_owned()
            }
            [] => "; `list` shows those that there are".to_owned(),
            [space] => format!("; there is one in namespace {space}: add -n {space}"),
            spaces => {
                format!("; there are some of this name in the namespaces {}", spaces.join(", "))
            }
        }
    }

    /// What becomes of a preview after it was read, until that is over.
    pub(crate) async fn watch(
        &self,
        preview: &Preview,
    ) -> Result<impl Stream<Item = Result<Event, Error>> + use<>, Error> {
        let params = WatchParams::default()
            .fields(&format!("metadata.name={}", preview.name()))
            .timeout(WATCH_SECONDS);
        let events = self
            .previews(false)
            .watch(&params, preview.version())
            .await
            .map_err(|error| self.meaning(error))?;
        Ok(events.boxed().filter_map(|event| {
            std::future::ready(match event {
                Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                    Some(Preview::read(object).map(|preview| Event::Is(Box::new(preview))))
                }
                Ok(WatchEvent::Deleted(_)) => Some(Ok(Event::Gone)),
                Ok(WatchEvent::Bookmark(_)) => None,
                // The version is too old, or the connection broke: whoever looks again knows.
                Ok(WatchEvent::Error(_)) | Err(_) => Some(Ok(Event::Over)),
            })
        }))
    }

    /// Changes fields of the spec of the very preview that was read, and gives it as it is then.
    pub(crate) async fn change(&self, preview: &Preview, spec: &Value) -> Result<Preview, Error> {
        let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
        // Not the version: each status would be in the way, and nothing else of the spec is decided
        // from.
        let patch = serde_json::json!({ "metadata": { "uid": preview.uid() }, "spec": spec });
        let name = preview.name();
        match self.previews(false).patch(&name, &params, &Patch::Merge(patch)).await {
            Ok(object) => Preview::read(object),
            Err(kube::Error::Api(status)) if is_another(&status) => Err(Error::Replaced { name }),
            Err(error) => match self.meaning(error) {
                Error::NotFound { .. } => Err(Error::Deleted { name }),
                error => Err(error),
            },
        }
    }

    /// Objects of any kind in the namespace of a preview. `None` where the kind is not served.
    pub(crate) async fn objects(
        &self,
        kind: &KindInfo,
        selector: &str,
    ) -> Result<Option<Vec<DynamicObject>>, Error> {
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
            Ok(list) => Ok(Some(list.items)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(self.meaning(error)),
        }
    }

    /// The Events about the object with this UID.
    pub(crate) async fn events(
        &self,
        uid: &str,
    ) -> Result<Vec<k8s_openapi::api::core::v1::Event>, Error> {
        let api = Api::namespaced(self.client.clone(), &self.namespace);
        let params = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        api.list(&params).await.map(|list| list.items).map_err(|error| self.meaning(error))
    }

    fn meaning(&self, error: kube::Error) -> Error {
        let server = self.server.clone();
        let status = match error {
            kube::Error::Api(status) => status,
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
                return Error::Answer(Box::new(error));
            }
            kube::Error::Service(cause) => {
                return RunError::Unreachable { server, source: ApiError::Unreachable(cause) }
                    .into();
            }
            other => {
                return RunError::Unreachable {
                    server,
                    source: ApiError::Unreachable(Box::new(other)),
                }
                .into();
            }
        };
        let message = status.message.clone();
        match status.code {
            401 => Error::Unauthorized { server, message },
            403 => Error::Forbidden { message },
            404 if names_an_object(&status) => Error::NotFound {
                namespace: self.namespace.clone(),
                name: named(&status),
                hint: String::new(),
            },
            404 => Error::NoApi { server },
            400..=499 if status.code != 429 => Error::Refused { message },
            _ => Error::Server { message },
        }
    }
}

/// Whether it is an object that was not found, and not its API.
fn names_an_object(status: &kube::core::Status) -> bool {
    status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}

fn named(status: &kube::core::Status) -> String {
    status.details.as_ref().map(|details| details.name.clone()).unwrap_or_default()
}

/// Whether the object is another one than the patch is for.
fn is_another(status: &kube::core::Status) -> bool {
    status
        .details
        .as_ref()
        .is_some_and(|details| details.causes.iter().any(|cause| cause.field == "metadata.uid"))
}

/// Those of `names` that are most like `name`, the nearest first.
fn alike(name: &str, names: impl Iterator<Item = String>) -> Vec<String> {
    let mut near: Vec<(f64, String)> = names
        .map(|other| (strsim::jaro(name, &other), other))
        .filter(|(alike, _)| *alike > ALIKE)
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().take(MOST_ALIKE).map(|(_, name)| name).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests;
