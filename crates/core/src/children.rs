//! The objects that should exist: what `build` returns, and what the engine adds to each before it
//! is applied.
//!
//! [`Children`] is the operator's side: kinds are checked by the compiler. [`Desired`] is the
//! engine's side. Nothing here knows what exists in a cluster.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::desired::Desired;
use crate::facts::Facts;
use crate::kind::{KindInfo, Kinds, Object, ObjectKey, Owns};

/// The objects that should exist for one resource, of the kinds that `O` declares.
#[derive(Debug)]
pub struct Children<O> {
    items: Vec<Child>,
    failed: Option<ChildError>,
    facts: Facts,
    retire: Option<Retire>,
    owns: PhantomData<fn() -> O>,
}

/// Why a resource is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retire {
    /// CamelCase, for the Event.
    pub reason: &'static str,
    /// For a person.
    pub message: String,
}

/// What an operator gave for one resource.
#[derive(Debug, Default)]
pub struct Parts {
    /// The objects, in the order in which they were added.
    pub children: Vec<Child>,
    /// What was told.
    pub facts: Facts,
    /// Whether the resource itself is to go.
    pub retire: Option<Retire>,
}

/// One object as the operator built it; its Rust type is forgotten, its kind is known to be
/// declared.
#[derive(Clone, Debug)]
pub struct Child {
    kind: KindInfo,
    namespace: Option<String>,
    name: Option<String>,
    /// The object as JSON, of its metadata only what an operator may set.
    json: Vec<u8>,
    /// The kinds of which the resource has one object at a time, where it is of such a group.
    alone_among: Vec<KindInfo>,
}

/// A defect in an operator's `build`.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The object of this kind has no `metadata.name`.
    #[error(
        "build returned a {0} without metadata.name; set it (names::child_name makes a valid one)"
    )]
    Unnamed(Box<str>),
    /// Two objects of one kind have this name.
    #[error("build returned {0} twice; give each child a name of its own")]
    Twice(Box<str>),
    /// The object of this kind cannot be represented as JSON.
    #[error(
        "build returned a {0} that cannot be written as JSON ({1}); use string keys and finite numbers"
    )]
    NotJson(Box<str>, #[source] serde_json::Error),
    /// The object of this kind is nested more deeply than JSON is read.
    #[error(
        "build returned a {0} that is nested more than {MAX_DEPTH} levels deep; no API server takes that: make it flatter"
    )]
    TooDeep(Box<str>),
    /// A namespaced resource cannot own an object of this kind.
    #[error(
        "build returned the cluster-scoped {0} for a resource in a namespace; Kubernetes does not let a namespaced object \
         own it, so garbage collection could not clean it up: make the custom resource cluster-scoped"
    )]
    ClusterScoped(Box<str>),
    /// A namespaced resource can own only what is in its own namespace; this is not.
    #[error(
        "build returned {0} outside of the resource's namespace {1}; leave metadata.namespace out"
    )]
    OtherNamespace(Box<str>, Box<str>),
    /// The resource is to be deleted by an operator that does not declare that it ever does.
    #[error(
        "build retires its resource, and the operator does not declare that; add `const RETIRES: bool = true;`: the right to \
        delete follows from it"
    )]
    Retires,
    /// The resource is to have one object at a time of kinds that the operator does not own, and so
    /// never hears of.
    #[error(
        "build returned {0} as the only one among kinds of which {1} is not in `type Owns`; add it there, or leave it out"
    )]
    AloneAmong(Box<str>, String),
    /// It is to be the only object of a group of kinds that its own is not one of, so that the
    /// others would not wait for it.
    #[error(
        "build returned {0} as the only one among kinds that its own is not one of; add that to the group"
    )]
    NotOfItsGroup(Box<str>),
    /// Two objects are wanted of kinds of which there is one at a time.
    #[error(
        "build returned {0} and {1}, of which it said that there is one at a time; return one of them"
    )]
    NotAlone(Box<str>, Box<str>),
    /// This child of a cluster-scoped resource does not say where it belongs.
    #[error(
        "build returned {0} without a namespace for a cluster-scoped resource; set metadata.namespace"
    )]
    NoNamespace(Box<str>),
}

/// Most objects are no larger as JSON, in bytes. To let the buffer grow to that step by step took a
/// tenth of a run that finds all as it should be.
const USUAL_SIZE: usize = 2048;

/// How deeply an object may be nested: no deeper is read by `serde_json`.
const MAX_DEPTH: usize = 127;

/// Whether `json` is nested more deeply than [`MAX_DEPTH`].
fn is_too_deep(json: &[u8]) -> bool {
    // Most objects do not have as many parts; to count them takes no time.
    if json.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_text, mut bytes) = (0_usize, false, json.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_text = !in_text,
            // What is escaped ends no text.
            b'\\' => drop(bytes.next()),
            b'{' | b'[' if !in_text => depth += 1,
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
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
        Self {
            items: Vec::new(),
            failed: None,
            facts: Facts::default(),
            retire: None,
            owns: PhantomData,
        }
    }

    /// Adds one object. Its kind must be declared in `type Owns`.
    pub fn add<K: Object, At>(&mut self, child: K) -> &mut Self
    where
        O: Owns<K, At>,
    {
        self.take_in(Child::new(child))
    }

    fn take_in(&mut self, child: Result<Child, ChildError>) -> &mut Self {
        match child {
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

    /// Adds one object of a group of kinds of which the resource never has two objects at a time: a
    /// route, say, that is an Ingress or an `HTTPRoute`. `G` is the group, a tuple of kinds as
    /// in `type Owns`, and part of that.
    ///
    /// An object of the group that the resource has and that is no longer wanted is deleted first,
    /// as always; but that is only asked for, and a finalizer or a refusal may keep it. Until
    /// it is gone, this one is not made, and the resource says what it waits for
    /// ([`Outcome::Held`](crate::observed::Outcome::Held)). Where it goes at once, this one is made
    /// in the same run.
    pub fn add_alone_among<G: Kinds, K: Object, At>(&mut self, child: K) -> &mut Self
    where
        O: Owns<K, At>,
    {
        let group = G::owned().into_iter().map(|owned| owned.info).collect();
        self.take_in(Child::new(child).map(|child| Child { alone_among: group, ..child }))
    }

    /// The same for chains.
    #[must_use]
    pub fn with_alone_among<G: Kinds, K: Object, At>(mut self, child: K) -> Self
    where
        O: Owns<K, At>,
    {
        self.add_alone_among::<G, K, At>(child);
        self
    }

    /// Tells [`status`](crate::Operator::status), [`conditions`](crate::Operator::conditions) and
    /// [`verdict`](crate::Operator::verdict) of this run what was found out, for instance who holds
    /// a host name: they find it as [`Observed::facts`](crate::Observed::facts). One value of
    /// each type; a later one replaces it.
    pub fn tell<T: Send + Sync + 'static>(&mut self, fact: T) -> &mut Self {
        self.facts.tell(fact);
        self
    }

    /// The objects, in the order in which they were added.
    ///
    /// # Errors
    /// The first object that could not be taken in.
    pub fn into_vec(self) -> Result<Vec<Child>, ChildError> {
        self.into_parts().map(|parts| parts.children)
    }

    /// The resource has had its time: an Event tells why, and then it is deleted, and with it all
    /// that it owns. Needs [`RETIRES`](crate::Operator::RETIRES). Return the children all the
    /// same: until it is gone they are kept as they are.
    ///
    /// The engine deletes exactly the version that `build` was given, so that a change that it has
    /// not seen wins; not before the API server's own clock agrees that every moment is past
    /// that [`is_past`](crate::View::is_past) said so of; and not more than so many a minute.
    pub fn retire(&mut self, reason: &'static str, message: impl Into<String>) -> &mut Self {
        self.retire = Some(Retire { reason, message: message.into() });
        self
    }

    /// The objects as [`into_vec`](Self::into_vec) gives them, and everything else that was said.
    ///
    /// # Errors
    /// The first object that could not be taken in.
    pub fn into_parts(self) -> Result<Parts, ChildError> {
        let Self { items, failed, facts, retire, .. } = self;
        failed.map_or(Ok(Parts { children: items, facts, retire }), Err)
    }
}

impl Child {
    fn new<K: Object>(mut child: K) -> Result<Self, ChildError> {
        let kind = KindInfo::of::<K>();
        // A child may have been copied from an object that was looked up: its identity must not
        // come along.
        let ObjectMeta { name, namespace, labels, annotations, finalizers, .. } =
            std::mem::take(child.meta_mut());
        *child.meta_mut() = ObjectMeta { labels, annotations, finalizers, ..ObjectMeta::default() };
        let not_json = |source| ChildError::NotJson((*kind.kind).into(), source);
        let mut json = Vec::with_capacity(USUAL_SIZE);
        serde_json::to_writer(&mut json, &child).map_err(not_json)?;
        if !json.starts_with(b"{") {
            return Err(not_json(serde::ser::Error::custom("it is not an object")));
        }
        if is_too_deep(&json) {
            return Err(ChildError::TooDeep((*kind.kind).into()));
        }
        let (namespace, name) =
            (namespace.filter(|n| !n.is_empty()), name.filter(|n| !n.is_empty()));
        Ok(Self { kind, namespace, name, json, alone_among: Vec::new() })
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> &KindInfo {
        &self.kind
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
    /// The controller's name, for [`labels::NAME`](crate::labels::NAME).
    pub controller: &'a str,
    /// The registry's name, for [`labels::MANAGED_BY`](crate::labels::MANAGED_BY) and as field
    /// manager.
    pub manager: &'a str,
    /// Whether children say which shard they belong to, by
    /// [`labels::SHARD`](crate::labels::SHARD).
    pub sharded: bool,
}

/// What is stamped on all children of one resource.
#[derive(Debug)]
pub(crate) struct Marks {
    pub(crate) owner: Owner,
    pub(crate) controller: String,
    pub(crate) manager: String,
    pub(crate) sharded: bool,
}

impl Stamp<'_> {
    /// Completes every child: namespace, controller ownerReference, recommended labels,
    /// desired-hash annotation.
    ///
    /// # Errors
    /// A [`ChildError`] where a child cannot be owned or identified; all of these are defects of
    /// the operator.
    pub fn all(&self, owner: &Owner, children: Vec<Child>) -> Result<Vec<Desired>, ChildError> {
        let marks = Arc::new(Marks {
            owner: owner.clone(),
            controller: self.controller.into(),
            manager: self.manager.into(),
            sharded: self.sharded,
        });
        let mut all = Vec::with_capacity(children.len());
        for child in children {
            let key = place(owner, &child)?;
            all.push(
                Desired::new(child.kind, key, child.json, Arc::clone(&marks))
                    .alone_among(child.alone_among),
            );
        }
        let mut seen = HashSet::with_capacity(all.len());
        match all.iter().find(|desired| !seen.insert((&desired.kind, &desired.key))) {
            Some(twice) => Err(ChildError::Twice(named(&twice.kind, &twice.key))),
            None => check_alone(&all).map(|()| all),
        }
    }
}

/// Whether what is to be the only one of its group is that.
fn check_alone(all: &[Desired]) -> Result<(), ChildError> {
    for one in all.iter().filter(|one| !one.is_alone_among().is_empty()) {
        let is_other = |other: &&Desired| (&other.kind, &other.key) != (&one.kind, &one.key);
        if let Some(other) =
            all.iter().filter(is_other).find(|other| one.is_alone_among().contains(&other.kind))
        {
            return Err(ChildError::NotAlone(
                named(&one.kind, &one.key),
                named(&other.kind, &other.key),
            ));
        }
    }
    Ok(())
}

/// Where the child goes: beside a namespaced owner, or where a child of a cluster-scoped owner
/// says.
fn place(owner: &Owner, child: &Child) -> Result<ObjectKey, ChildError> {
    let kind = &child.kind;
    let name = child.name.as_deref().ok_or_else(|| ChildError::Unnamed((*kind.kind).into()))?;
    if !kind.namespaced {
        return match owner.key.namespace() {
            Some(_) => Err(ChildError::ClusterScoped((*kind.kind).into())),
            None => Ok(ObjectKey::cluster(name)),
        };
    }
    match (owner.key.namespace(), child.namespace.as_deref()) {
        (Some(own), Some(other)) if own != other => {
            Err(ChildError::OtherNamespace(named(kind, &ObjectKey::new(other, name)), own.into()))
        }
        (Some(_), _) => {
            Ok(ObjectKey { namespace: Arc::clone(&owner.key.namespace), name: name.into() })
        }
        (None, Some(namespace)) => Ok(ObjectKey::new(namespace, name)),
        (None, None) => Err(ChildError::NoNamespace(named(kind, &ObjectKey::cluster(name)))),
    }
}
