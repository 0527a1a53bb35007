//! After a start: the children that lost our label while no process of ours saw it.
//!
//! The watch selects on the label `managed-by`. Wanted children are found by name, but unwanted
//! ones would stay for ever. So each owned kind is listed once by the label with the controller's
//! name.

use kubewright_core::observed::{DecodeError, ObservedChild, decode};
use kubewright_core::{labels, names};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::collection::Collection;
use super::watches::in_namespaces;
use crate::engine::Engine;
use crate::error::ApiResult;
use crate::settings::Settings;
use crate::write::api::Form;

/// Finds the children of one controller that lost our label, and wakes their owners.
pub(crate) async fn find(engine: &Engine, settings: &Settings, controller: usize) {
    let state = engine.controller(controller);
    let manager = names::label_value(engine.manager);
    let selector = format!("{}!={manager},{}={}", labels::MANAGED_BY, labels::NAME, state.name);
    for cache in state.children.iter().filter(|cache| cache.is_served()) {
        let labels = Some(selector.clone());
        let collection =
            Collection { labels, ..Collection::new(cache.kind.clone(), Form::Metadata) };
        for collection in in_namespaces(settings, collection) {
            let found = match list(engine, &collection).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(%collection, %error, "cannot list objects without our label");
                    continue;
                }
            };
            for child in found {
                let Some(owner) = child.controller.clone() else { continue };
                if engine.owner(&owner.uid).is_some() {
                    tracing::info!(%collection, child = %child.key, "found without our label");
                    let key = child.key.clone();
                    cache.record_unwatched(&key, Some(child));
                    engine.wake_owner(&owner.uid);
                }
            }
        }
    }
}

/// Reads the metadata of a small collection from the API server's cache, in one page.
async fn list(engine: &Engine, collection: &Collection) -> ApiResult<Vec<ObservedChild>> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow, default)]
        items: Vec<&'a RawValue>,
    }
    let query = collection.query().with("resourceVersion", "0");
    let bytes = engine.api.list(&collection.path(), collection.form, &query).await?;
    let list: List<'_> = serde_json::from_slice(&bytes).map_err(DecodeError::from)?;
    let decoded = list.items.into_iter();
    let decoded = decoded.map(|item| decode(item.get().as_bytes(), engine.managed_by()));
    Ok(decoded.collect::<Result<_, _>>()?)
}
