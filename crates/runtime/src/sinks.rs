//! From watch events to caches to the queue: one sink for each kind of cache.

use std::any::TypeId;
use std::collections::HashSet;
use std::sync::Arc;

use kubewright_core::kind::{AnyObject, ReadKind};
use kubewright_core::observed::{DecodeError, decode, decode_identity};
use kubewright_core::registry::Controller;
use kubewright_core::{KindInfo, ObjectKey};

use crate::cache::children::{ChildCache, Owners};
use crate::cache::parents::Parent;
use crate::engine::Engine;
use crate::error::ApiError;
use crate::queue::{Priority, WorkKey};
use crate::reflector::{Collection, Sink};
use crate::sync::{State, Token};

/// What all sinks do alike: know their collection, say when they are in step, and collect what a list contains.
struct Common {
    engine: Arc<Engine>,
    collection: Collection,
    token: Token,
    /// Keys of a list that is coming in.
    seen: Option<HashSet<ObjectKey>>,
}

impl Common {
    fn see(&mut self, key: &ObjectKey) {
        if let Some(seen) = &mut self.seen {
            seen.insert(key.clone());
        }
    }

    fn namespace(&self) -> Option<&str> {
        self.collection.namespace.as_deref()
    }

    fn undecodable(&self, error: &DecodeError) {
        self.engine.metrics.undecodable(&self.collection.kind.kind);
        tracing::error!(collection = %self.collection, %error, "an object could not be decoded and is not worked on");
    }

    fn opened(&self) {
        self.token.set(State::Synced);
    }

    fn panicked(&self) {
        self.engine.metrics.undecodable(&self.collection.kind.kind);
        tracing::error!(collection = %self.collection, "decoding an object panicked; it is not worked on");
    }

    fn failed(&mut self, error: &ApiError) {
        self.engine.metrics.watch_failed(&self.collection.kind.kind);
        let state = if error.is_not_found() { State::NotServed } else { State::Failing(error.to_string()) };
        if self.token.set(state) {
            let kind = &self.collection.kind;
            match error.code() {
                Some(404) => tracing::warn!(
                    "{} is not served by this cluster: install its CustomResourceDefinition {}",
                    kind.api_version() + " " + &kind.kind,
                    kind.resource()
                ),
                Some(401 | 403) => tracing::error!("not allowed to watch {}: {error}; apply the generated RBAC", self.collection),
                _ => tracing::warn!("cannot watch {}, trying again: {error}", self.collection),
            }
        }
    }
}

/// Custom resources of one controller.
pub(crate) struct ParentSink {
    common: Common,
    controller: usize,
}

impl ParentSink {
    pub(crate) fn new(engine: Arc<Engine>, collection: Collection, token: Token, controller: usize) -> Self {
        Self { common: Common { engine, collection, token, seen: None }, controller }
    }

    fn gone(&self, key: ObjectKey, uid: &str) {
        self.common.engine.parent_gone(&WorkKey { controller: self.controller, key }, uid);
    }
}

impl Sink for ParentSink {
    fn listing(&mut self) {
        self.common.seen = Some(HashSet::new());
    }

    fn upsert(&mut self, json: &[u8]) {
        let (key, uid, version) = match decode_identity(json) {
            Ok(identity) => identity,
            Err(error) => return self.common.undecodable(&error),
        };
        // Even one that cannot be decoded exists: it must not count as deleted.
        self.common.see(&key);
        let engine = &self.common.engine;
        let running = engine.running(self.controller);
        let decoded = running.controller.decode(json).or_else(|error| without_status(json, &*running.controller).ok_or(error));
        let object = match decoded {
            Ok(object) => object,
            Err(error) => {
                tracing::error!(resource = %key, "does not have the form of its kind; is another version of the CRD installed?");
                // What is cached is not what exists any more: nothing more is done for it, until it can be read again.
                if running.parents.forget(&key, &uid).is_some() {
                    self.gone(key, &uid);
                }
                return self.common.undecodable(&error.into());
            }
        };
        let work = WorkKey { controller: self.controller, key };
        engine.owners().insert(uid.clone(), work.clone());
        let effect = running.parents.observe(Parent { object, uid, version });
        if let Some(gone) = effect.gone {
            engine.owner_gone(&gone);
        }
        if effect.work {
            engine.enqueue(work, Priority::Change);
        }
    }

    fn delete(&mut self, json: &[u8]) {
        match decode_identity(json) {
            Ok((key, uid, _)) => {
                let running = self.common.engine.running(self.controller);
                if running.parents.forget(&key, &uid).is_some() {
                    self.gone(key, &uid);
                }
            }
            Err(error) => self.common.undecodable(&error),
        }
    }

    fn listed(&mut self, _version: u64) {
        let seen = self.common.seen.take().unwrap_or_default();
        let running = self.common.engine.running(self.controller);
        for (key, uid) in running.parents.listed(self.common.namespace(), &seen) {
            self.gone(key, &uid);
        }
        self.common.token.set(State::Synced);
    }

    fn opened(&mut self) {
        self.common.opened();
    }

    fn panicked(&mut self) {
        self.common.panicked();
    }

    fn failed(&mut self, error: &ApiError) {
        self.common.failed(error);
    }
}

/// The resource without its status: one that an older operator wrote may not have today's form, and is written anew anyway.
fn without_status(json: &[u8], controller: &dyn Controller) -> Option<Arc<dyn AnyObject>> {
    let mut value: serde_json::Value = serde_json::from_slice(json).ok()?;
    value.as_object_mut()?.remove("status")?;
    controller.decode(value.to_string().as_bytes()).ok()
}

/// Objects of one owned kind.
pub(crate) struct ChildSink {
    common: Common,
    cache: Arc<ChildCache>,
}

impl ChildSink {
    pub(crate) fn new(engine: Arc<Engine>, collection: Collection, token: Token, cache: Arc<ChildCache>) -> Self {
        Self { common: Common { engine, collection, token, seen: None }, cache }
    }

    fn wake(&self, owners: &Owners) {
        for uid in owners {
            self.common.engine.wake_owner(uid);
        }
    }
}

impl Sink for ChildSink {
    fn listing(&mut self) {
        self.common.seen = Some(HashSet::new());
    }

    fn upsert(&mut self, json: &[u8]) {
        match decode(json, self.common.engine.manager) {
            Ok(child) => {
                self.common.see(&child.key);
                self.wake(&self.cache.observe(child));
            }
            Err(error) => self.common.undecodable(&error),
        }
    }

    fn delete(&mut self, json: &[u8]) {
        match decode_identity(json) {
            Ok((key, _, version)) => self.wake(&self.cache.forget(&key, version)),
            Err(error) => self.common.undecodable(&error),
        }
    }

    fn listed(&mut self, version: u64) {
        let seen = self.common.seen.take().unwrap_or_default();
        self.wake(&self.cache.listed(self.common.namespace(), &seen, version));
        if self.cache.serve(true) && self.cache.optional {
            tracing::info!("{} is served now", self.cache.kind.resource());
            self.common.engine.sweep_owners_of(&self.cache.kind);
        }
        self.common.token.set(State::Synced);
    }

    fn opened(&mut self) {
        self.common.opened();
    }

    fn panicked(&mut self) {
        self.common.panicked();
    }

    fn failed(&mut self, error: &ApiError) {
        if self.cache.optional && error.is_not_found() {
            // That is what optional means: nothing to complain about.
            self.common.token.set(State::NotServed);
            if self.cache.serve(false) {
                self.common.engine.sweep_owners_of(&self.cache.kind);
            }
            return;
        }
        self.common.failed(error);
    }
}

/// Objects that are looked up.
pub(crate) struct ReadSink {
    common: Common,
    read: ReadKind,
}

impl ReadSink {
    pub(crate) fn new(engine: Arc<Engine>, collection: Collection, token: Token, read: ReadKind) -> Self {
        Self { common: Common { engine, collection, token, seen: None }, read }
    }

    fn type_id(&self) -> TypeId {
        self.read.type_id
    }

    fn wake(&self, who: HashSet<WorkKey>) {
        for key in who {
            self.common.engine.enqueue(key, Priority::Change);
        }
    }
}

impl Sink for ReadSink {
    fn listing(&mut self) {
        self.common.seen = Some(HashSet::new());
    }

    fn upsert(&mut self, json: &[u8]) {
        let object: Arc<dyn AnyObject> = match (self.read.decode)(json) {
            Ok(object) => object,
            Err(error) => return self.common.undecodable(&error.into()),
        };
        self.common.see(&ObjectKey::of(object.meta()));
        self.wake(self.common.engine.reads.observe(self.type_id(), &object));
    }

    fn delete(&mut self, json: &[u8]) {
        match decode_identity(json) {
            Ok((key, _, _)) => self.wake(self.common.engine.reads.forget(self.type_id(), &key)),
            Err(error) => self.common.undecodable(&error),
        }
    }

    fn listed(&mut self, _version: u64) {
        let seen = self.common.seen.take().unwrap_or_default();
        self.wake(self.common.engine.reads.listed(self.type_id(), self.common.namespace(), &seen));
        self.common.token.set(State::Synced);
    }

    fn opened(&mut self) {
        self.common.opened();
    }

    fn panicked(&mut self) {
        self.common.panicked();
    }

    fn failed(&mut self, error: &ApiError) {
        if self.read.optional && error.is_not_found() {
            self.common.token.set(State::NotServed);
            let gone = self.common.engine.reads.listed(self.type_id(), self.common.namespace(), &HashSet::new());
            self.wake(gone);
            return;
        }
        self.common.failed(error);
    }
}

/// Whether one CustomResourceDefinition exists: an optional kind is watched while it does.
pub(crate) struct DefinitionSink {
    common: Common,
    present: tokio::sync::watch::Sender<Option<bool>>,
    found: bool,
}

impl DefinitionSink {
    pub(crate) fn new(
        engine: Arc<Engine>,
        collection: Collection,
        token: Token,
        present: tokio::sync::watch::Sender<Option<bool>>,
    ) -> Self {
        Self { common: Common { engine, collection, token, seen: None }, present, found: false }
    }

    fn set(&self, present: bool) {
        self.present.send_if_modified(|known| known.replace(present) != Some(present));
    }
}

impl Sink for DefinitionSink {
    fn listing(&mut self) {
        self.found = false;
    }

    fn upsert(&mut self, json: &[u8]) {
        match decode(json, self.common.engine.manager) {
            // One that is being deleted takes no objects any more, and takes those that there are with it: they must not
            // be made again.
            Ok(definition) => self.found = !definition.deleting,
            Err(error) => return self.common.undecodable(&error),
        }
        self.set(self.found);
    }

    fn delete(&mut self, _json: &[u8]) {
        self.found = false;
        self.set(false);
    }

    fn listed(&mut self, _version: u64) {
        self.set(self.found);
        self.common.token.set(State::Synced);
    }

    fn opened(&mut self) {
        self.common.opened();
    }

    fn panicked(&mut self) {
        self.common.panicked();
    }

    fn failed(&mut self, error: &ApiError) {
        self.common.failed(error);
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
        form: crate::api::Form::Metadata,
    }
}
