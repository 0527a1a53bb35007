//! One object exactly as it should be applied: what the operator built, and what the engine stamps
//! on it.
//!
//! Most runs find everything in place. So what is computed for each run is only a [`Print`], a hash
//! of the bytes that the operator's object serialises to; the complete object and its lasting hash
//! come into being when somebody asks for them.

use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::children::{Marks, Owner};
use crate::hash::{self, DesiredHash};
use crate::kind::{KindInfo, ObjectKey};
use crate::tree::Tree;
use crate::{labels, names, shard};

/// A hash of an object as the operator built it. It lasts as long as the process: another build of
/// the program may serialise the same object in another order, and a `HashMap` in it is in another
/// order each time. Two equal prints of one child mean the same object; two different ones mean
/// nothing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    alone_among: Vec<KindInfo>,
    hash: OnceLock<DesiredHash>,
    body: OnceLock<Value>,
}

impl Desired {
    pub(crate) fn new(kind: KindInfo, key: ObjectKey, built: Vec<u8>, marks: Arc<Marks>) -> Self {
        let print = Print(hash::of(&built));
        Self {
            print,
            kind,
            key,
            built,
            marks,
            alone_among: Vec::new(),
            hash: OnceLock::new(),
            body: OnceLock::new(),
        }
    }

    pub(crate) fn alone_among(self, kinds: Vec<KindInfo>) -> Self {
        Self { alone_among: kinds, ..self }
    }

    /// The kinds of which its owner has one object at a time, where it is one of those:
    /// [`Children::add_alone_among`](crate::Children::add_alone_among).
    #[must_use]
    pub fn is_alone_among(&self) -> &[KindInfo] {
        &self.alone_among
    }

    /// The complete object, without identity preconditions: to show, and to look into at leisure.
    #[must_use]
    pub fn body(&self) -> &Value {
        self.body.get_or_init(|| {
            serde_json::to_value(self.tree()).unwrap_or_else(|error| self.unreadable(&error))
        })
    }

    /// The complete object, without identity preconditions: to compare and to send.
    #[must_use]
    pub fn tree(&self) -> Tree<'_> {
        let mut tree = self.stamped();
        let hash = *self.hash.get_or_init(|| hash_of(&tree));
        tree.at("metadata").at("annotations").set(labels::DESIRED_HASH, hash.to_string().into());
        tree
    }

    /// Hash of [`body`](Self::body) without the annotation that carries the hash. The same object
    /// has the same hash in every build and on every machine.
    #[must_use]
    pub fn hash(&self) -> DesiredHash {
        *self.hash.get_or_init(|| hash_of(&self.stamped()))
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

    /// The object without the annotation that carries its hash.
    fn stamped(&self) -> Tree<'_> {
        let Marks { owner, controller, manager, sharded } = &*self.marks;
        let mut tree: Tree<'_> =
            serde_json::from_slice(&self.built).unwrap_or_else(|error| self.unreadable(&error));
        // The status belongs to the kind's own controller; server-side apply would ignore or refuse
        // it.
        tree.remove("status");
        tree.set("apiVersion", self.kind.api_version().into());
        tree.set("kind", Tree::from(&*self.kind.kind));
        let metadata = tree.at("metadata");
        metadata.set("name", Tree::from(&*self.key.name));
        if let Some(namespace) = self.key.namespace() {
            metadata.set("namespace", namespace.into());
        }
        metadata.set("ownerReferences", Tree::Items(vec![owner_reference(owner)]));
        let labels = metadata.at("labels");
        labels.set(labels::NAME, controller.as_str().into());
        labels.set(labels::INSTANCE, names::label_value(&owner.key.name).into());
        labels.set(labels::MANAGED_BY, names::label_value(manager).into());
        if *sharded {
            labels.set(labels::SHARD, shard::bucket(&owner.uid).into());
        }
        tree
    }

    /// `serde_json` wrote the bytes, so it reads them; what is nested too deeply for that did not
    /// get here.
    fn unreadable(&self, error: &serde_json::Error) -> ! {
        panic!("{} {} cannot be read back: {error}", self.kind, self.key)
    }
}

fn hash_of(tree: &Tree<'_>) -> DesiredHash {
    // To write a tree cannot fail: its keys are strings, and its numbers finite.
    DesiredHash(hash::of(&serde_json::to_vec(tree).unwrap_or_default()))
}

/// The controller reference. `blockOwnerDeletion` lets a foreground deletion wait for the child.
fn owner_reference(owner: &Owner) -> Tree<'_> {
    let mut reference = Tree::Fields(Vec::with_capacity(6));
    reference.set("apiVersion", owner.kind.api_version().into());
    reference.set("blockOwnerDeletion", Tree::Bool(true));
    reference.set("controller", Tree::Bool(true));
    reference.set("kind", Tree::from(&*owner.kind.kind));
    reference.set("name", Tree::from(&*owner.key.name));
    reference.set("uid", Tree::from(&*owner.uid));
    reference
}
