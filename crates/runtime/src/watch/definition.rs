//! The store of one CustomResourceDefinition: an optional kind is watched while it exists.

use kubewright_core::KindInfo;
use kubewright_core::observed::{DecodeError, decode, decode_identity};
use tokio::sync::watch;

use super::collection::Collection;
use super::feed::{Source, Store};
use crate::write::api::Form;

type Crd =
    k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// Whether the definition exists; unknown at first.
pub(super) struct Definition {
    is_defined: watch::Sender<Option<bool>>,
    is_found: bool,
}

impl Definition {
    pub(super) fn new(is_defined: watch::Sender<Option<bool>>) -> Self {
        Self { is_defined, is_found: false }
    }

    fn publish(&self) {
        self.is_defined
            .send_if_modified(|known| known.replace(self.is_found) != Some(self.is_found));
    }
}

impl Store for Definition {
    fn list_started(&mut self) {
        self.is_found = false;
    }

    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let definition = decode(json, source.engine.manager)?;
        // A definition that is being deleted deletes its objects: they must not be created again.
        self.is_found = !definition.deleting;
        self.publish();
        Ok(definition.resource_version)
    }

    fn delete(&mut self, _: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        self.is_found = false;
        self.publish();
        decode_identity(json).map(|(.., version)| version)
    }

    fn listed(&mut self, _: &Source, _: u64) {
        self.publish();
    }
}

/// The definition of a kind, as a collection of at most one object.
pub(super) fn definition_of(kind: &KindInfo) -> Collection {
    let fields = Some(format!("metadata.name={}", kind.resource()));
    Collection { fields, ..Collection::new(KindInfo::of::<Crd>(), Form::Metadata) }
}
