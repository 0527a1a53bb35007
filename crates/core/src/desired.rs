//! One object exactly as it should be applied: what the operator built, and what the engine stamps on it.
//!
//! Most runs find everything in place. So what is computed for each run is only a [`Print`], a hash of the bytes that the
//! operator's object serialises to; the complete object and its lasting hash come into being when somebody asks for them.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::children::{Marks, Owner};
use crate::hash::{self, DesiredHash};
use crate::kind::{KindInfo, ObjectKey};
use crate::{labels, names, shard};

/// A hash of an object as the operator built it. It lasts as long as the process: another build of the program may
/// serialise the same object in another order, and a `HashMap` in it is in another order each time. Two equal prints
/// of one child mean the same object; two different ones mean nothing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print(u64);

/// One object exactly as it should be applied.
#[derive(Clone, Debug)]
pub struct Desired {
    /// What kind it is.
    pub kind: KindInfo,
    /// Where it should be.
    pub key: ObjectKey,
    print: Print,
    built: Vec<u8>,
    marks: Arc<Marks>,
    complete: OnceLock<(Value, DesiredHash)>,
}

impl Desired {
    pub(crate) fn new(kind: KindInfo, key: ObjectKey, built: Vec<u8>, marks: Arc<Marks>) -> Self {
        Self { print: Print(hash::of(&built)), kind, key, built, marks, complete: OnceLock::new() }
    }

    /// The complete object, without identity preconditions.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.complete().0
    }

    /// Hash of [`body`](Self::body) without the annotation that carries the hash. The same object has the same hash in every
    /// build and on every machine.
    #[must_use]
    pub fn hash(&self) -> DesiredHash {
        self.complete().1
    }

    /// Hash of the object for comparisons within this process.
    #[must_use]
    pub fn print(&self) -> Print {
        self.print
    }

    /// `.spec` as an `S`, when it has that form.
    #[must_use]
    pub fn spec<S: DeserializeOwned>(&self) -> Option<S> {
        #[derive(Deserialize)]
        struct Spec<S> {
            spec: S,
        }
        serde_json::from_slice::<Spec<S>>(&self.built).ok().map(|object| object.spec)
    }

    fn complete(&self) -> &(Value, DesiredHash) {
        self.complete.get_or_init(|| {
            // serde_json wrote these bytes, so it reads them; what is nested too deeply for that did not get here.
            let read = serde_json::from_slice(&self.built);
            let mut body: Map<String, Value> =
                read.unwrap_or_else(|error| panic!("{} {} cannot be read back: {error}", self.kind, self.key));
            // The status belongs to the kind's own controller; server-side apply would ignore or refuse it.
            body.remove("status");
            self.stamp(&mut body);
            let mut body = Value::Object(body);
            let hash = DesiredHash(hash::of_json(&body));
            if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
                object_at(metadata, "annotations").insert(labels::DESIRED_HASH.into(), hash.to_string().into());
            }
            (body, hash)
        })
    }

    fn stamp(&self, body: &mut Map<String, Value>) {
        let Marks { owner, controller, manager, sharded } = &*self.marks;
        body.insert("apiVersion".into(), self.kind.api_version().into());
        body.insert("kind".into(), (*self.kind.kind).into());
        let metadata = object_at(body, "metadata");
        metadata.insert("name".into(), (*self.key.name).into());
        if let Some(namespace) = self.key.namespace() {
            metadata.insert("namespace".into(), namespace.into());
        }
        metadata.insert("ownerReferences".into(), json!([owner_reference(owner)]));
        let labels = object_at(metadata, "labels");
        labels.insert(labels::NAME.into(), controller.as_str().into());
        labels.insert(labels::INSTANCE.into(), names::label_value(&owner.key.name).into());
        labels.insert(labels::MANAGED_BY.into(), names::label_value(manager).into());
        if *sharded {
            labels.insert(labels::SHARD.into(), shard::bucket(&owner.uid).into());
        }
    }
}

/// The controller reference. `blockOwnerDeletion` lets a foreground deletion wait for the child.
fn owner_reference(owner: &Owner) -> Value {
    json!({
        "apiVersion": owner.kind.api_version(),
        "kind": owner.kind.kind,
        "name": &*owner.key.name,
        "uid": owner.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// The object at `field`, made where there is none.
fn object_at<'a>(map: &'a mut Map<String, Value>, field: &str) -> &'a mut Map<String, Value> {
    let slot = map.entry(field).or_insert_with(|| Value::Object(Map::new()));
    if !slot.is_object() {
        *slot = Value::Object(Map::new());
    }
    match slot {
        Value::Object(object) => object,
        _ => unreachable!("made an object above"),
    }
}
