//! The objects that should exist: what `build` returns, and what the engine adds to each before it is applied.
//!
//! [`Children`] is the operator's side: kinds are checked by the compiler. [`Desired`] is the engine's side: one complete
//! object with namespace, owner, labels and hash. Nothing here knows what exists in a cluster.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use serde_json::{Map, Value, json};

use crate::hash::{self, DesiredHash};
use crate::kind::{KindInfo, Kinds, Object, ObjectKey, Owns};
use crate::{labels, names, shard};

/// The objects that should exist for one resource, of the kinds that `O` declares.
#[derive(Debug)]
pub struct Children<O> {
    items: Vec<Child>,
    failed: Option<ChildError>,
    owns: PhantomData<fn() -> O>,
}

/// One object as the operator built it; its Rust type is forgotten, its kind is known to be declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    kind: KindInfo,
    body: Map<String, Value>,
}

/// A defect in an operator's `build`.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The object of this kind has no `metadata.name`.
    #[error("build returned a {0} without metadata.name; set it (names::child_name makes a valid one)")]
    Unnamed(Box<str>),
    /// Two objects of one kind have this name.
    #[error("build returned {0} twice; give each child a name of its own")]
    Twice(Box<str>),
    /// The object of this kind cannot be represented as JSON.
    #[error("build returned a {0} that cannot be written as JSON ({1}); use string keys and finite numbers")]
    NotJson(Box<str>, #[source] serde_json::Error),
    /// A namespaced resource cannot own an object of this kind.
    #[error(
        "build returned the cluster-scoped {0} for a resource in a namespace; Kubernetes does not let a namespaced object \
         own it, so garbage collection could not clean it up: make the custom resource cluster-scoped"
    )]
    ClusterScoped(Box<str>),
    /// A namespaced resource can own only what is in its own namespace; this is not.
    #[error("build returned {0} outside of the resource's namespace {1}; leave metadata.namespace out")]
    OtherNamespace(Box<str>, Box<str>),
    /// This child of a cluster-scoped resource does not say where it belongs.
    #[error("build returned {0} without a namespace for a cluster-scoped resource; set metadata.namespace")]
    NoNamespace(Box<str>),
}

/// How an error names an object, or its kind where it has no name.
fn named(kind: &KindInfo, key: &ObjectKey) -> Box<str> {
    format!("{kind} {key}").into()
}

impl<O: Kinds> Default for Children<O> {
    fn default() -> Self {
        Self::new()
    }
}

impl<O: Kinds> Children<O> {
    /// No children.
    #[must_use]
    pub fn new() -> Self {
        Self { items: Vec::new(), failed: None, owns: PhantomData }
    }

    /// Adds one object. Its kind must be declared in `type Owns`.
    #[allow(clippy::needless_pass_by_value)] // the child is given away: nothing can change it afterwards
    pub fn add<K: Object, At>(&mut self, child: K) -> &mut Self
    where
        O: Owns<K, At>,
    {
        match Child::new(&child) {
            Ok(child) => self.items.push(child),
            Err(error) => self.failed = self.failed.take().or(Some(error)),
        }
        self
    }

    /// Adds one object; for chains.
    #[must_use]
    pub fn with<K: Object, At>(mut self, child: K) -> Self
    where
        O: Owns<K, At>,
    {
        self.add(child);
        self
    }

    /// The objects, in the order in which they were added.
    ///
    /// # Errors
    /// The first object that could not be taken in.
    pub fn into_vec(self) -> Result<Vec<Child>, ChildError> {
        self.failed.map_or(Ok(self.items), Err)
    }
}

impl Child {
    fn new<K: Object>(child: &K) -> Result<Self, ChildError> {
        let kind = KindInfo::of::<K>();
        let not_json = |source| ChildError::NotJson((*kind.kind).into(), source);
        let mut body = match serde_json::to_value(child).map_err(not_json)? {
            Value::Object(body) => body,
            other => return Err(not_json(serde::ser::Error::custom(format!("expected an object, got {other}")))),
        };
        // The status belongs to the kind's own controller; server-side apply would ignore or refuse it.
        body.remove("status");
        Ok(Self { kind, body })
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> &KindInfo {
        &self.kind
    }

    /// The object as JSON.
    #[must_use]
    pub fn body(&self) -> &Map<String, Value> {
        &self.body
    }
}

/// Who owns the children: the facts about the custom resource that go into each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its kind.
    pub kind: KindInfo,
    /// Where it is.
    pub key: ObjectKey,
    /// Its UID: the only proof of ownership.
    pub uid: String,
}

/// Who stamps: names that are the same for every resource of a controller.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// The controller's name, for [`labels::NAME`].
    pub controller: &'a str,
    /// The registry's name, for [`labels::MANAGED_BY`] and as field manager.
    pub manager: &'a str,
    /// Whether children say which shard they belong to, by [`labels::SHARD`].
    pub sharded: bool,
}

/// One object exactly as it should be applied, and the hash of that.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// What kind it is.
    pub kind: KindInfo,
    /// Where it should be.
    pub key: ObjectKey,
    /// The complete object, without identity preconditions.
    pub body: Value,
    /// Hash of `body` without the annotation that carries the hash.
    pub hash: DesiredHash,
}

impl Stamp<'_> {
    /// Completes every child: namespace, controller ownerReference, recommended labels, desired-hash annotation.
    ///
    /// # Errors
    /// A [`ChildError`] where a child cannot be owned or identified; all of these are defects of the operator.
    pub fn all(&self, owner: &Owner, children: Vec<Child>) -> Result<Vec<Desired>, ChildError> {
        let mut seen = BTreeSet::new();
        children
            .into_iter()
            .map(|child| {
                let desired = self.one(owner, child)?;
                if !seen.insert((desired.kind.clone(), desired.key.clone())) {
                    return Err(ChildError::Twice(named(&desired.kind, &desired.key)));
                }
                Ok(desired)
            })
            .collect()
    }

    fn one(&self, owner: &Owner, child: Child) -> Result<Desired, ChildError> {
        let Child { kind, mut body } = child;
        let mut metadata = match body.remove("metadata") {
            Some(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        };
        let key = place(&kind, owner, &metadata)?;
        // A child may have been copied from an object that was looked up: its identity must not come along.
        metadata.retain(|field, _| ["labels", "annotations", "finalizers"].contains(&field.as_str()));
        body.insert("apiVersion".into(), kind.api_version().into());
        body.insert("kind".into(), (*kind.kind).into());
        metadata.insert("name".into(), (*key.name).into());
        match key.namespace() {
            Some(namespace) => metadata.insert("namespace".into(), namespace.into()),
            None => metadata.remove("namespace"),
        };
        metadata.insert("ownerReferences".into(), json!([owner_reference(owner)]));
        let labels = object_at(&mut metadata, "labels");
        labels.insert(labels::NAME.into(), self.controller.into());
        labels.insert(labels::INSTANCE.into(), names::label_value(&owner.key.name).into());
        labels.insert(labels::MANAGED_BY.into(), names::label_value(self.manager).into());
        if self.sharded {
            labels.insert(labels::SHARD.into(), shard::bucket(&owner.uid).into());
        }
        body.insert("metadata".into(), Value::Object(metadata));

        let mut body = Value::Object(body);
        let hash = DesiredHash(hash::of(body.to_string().as_bytes()));
        if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
            object_at(metadata, "annotations").insert(labels::DESIRED_HASH.into(), hash.to_string().into());
        }
        Ok(Desired { kind, key, body, hash })
    }
}

/// Where the child goes: beside a namespaced owner, or where a child of a cluster-scoped owner says.
fn place(kind: &KindInfo, owner: &Owner, metadata: &Map<String, Value>) -> Result<ObjectKey, ChildError> {
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).filter(|t| !t.is_empty());
    let name = text("name").ok_or_else(|| ChildError::Unnamed((*kind.kind).into()))?;
    if !kind.namespaced {
        return match owner.key.namespace() {
            Some(_) => Err(ChildError::ClusterScoped((*kind.kind).into())),
            None => Ok(ObjectKey::cluster(name)),
        };
    }
    match (owner.key.namespace(), text("namespace")) {
        (Some(own), Some(other)) if own != other => {
            Err(ChildError::OtherNamespace(named(kind, &ObjectKey::new(other, name)), own.into()))
        }
        (Some(own), _) => Ok(ObjectKey::new(own, name)),
        (None, Some(namespace)) => Ok(ObjectKey::new(namespace, name)),
        (None, None) => Err(ChildError::NoNamespace(named(kind, &ObjectKey::cluster(name)))),
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
