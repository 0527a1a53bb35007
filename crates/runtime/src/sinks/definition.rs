//! Whether one CustomResourceDefinition exists: an optional kind is watched while it does.

use kubewright_core::KindInfo;
use kubewright_core::observed::{DecodeError, decode, decode_identity};
use tokio::sync::watch;

use super::{Source, Store};
use crate::api::Form;
use crate::reflector::Collection;

pub(crate) struct Definition {
    present: watch::Sender<Option<bool>>,
    found: bool,
}

impl Definition {
    pub(crate) fn new(present: watch::Sender<Option<bool>>) -> Self {
        Self { present, found: false }
    }

    fn set(&self, present: bool) {
        self.present.send_if_modified(|known| known.replace(present) != Some(present));
    }
}

impl Store for Definition {
    fn listing(&mut self) {
        self.found = false;
    }

    fn upsert(&mut self, source: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        let definition = decode(json, source.engine.manager)?;
        // One that is being deleted takes no objects any more, and takes those that there are with
        // it: they must not be made again.
        self.found = !definition.deleting;
        self.set(self.found);
        Ok(definition.resource_version)
    }

    fn delete(&mut self, _: &Source, json: &[u8]) -> Result<u64, DecodeError> {
        self.found = false;
        self.set(false);
        decode_identity(json).map(|(.., version)| version)
    }

    fn listed(&mut self, _: &Source, _: u64) {
        self.set(self.found);
    }
}

/// The definition of a kind, as a collection of at most one object.
pub(crate) fn definition_of(kind: &KindInfo) -> Collection {
    use kube::Resource;
    type Crd = k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    let crd = KindInfo {
        group: Crd::group(&()),
        version: Crd::version(&()),
        kind: Crd::kind(&()),
        plural: Crd::plural(&()),
        namespaced: false,
    };
    Collection {
        kind: crd,
        namespace: None,
        labels: None,
        fields: Some(format!("metadata.name={}", kind.resource())),
        shard: None,
        form: Form::Metadata,
    }
}
