//! The owner of children, and the metadata that the engine writes to each child because of it.

use super::hash;
use super::shard;
use super::tree::Tree;
use crate::kind::{KindInfo, ObjectKey};
use crate::{labels, names};

/// The custom resource that owns children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its kind.
    pub kind: KindInfo,
    /// Its namespace and name.
    pub key: ObjectKey,
    /// Its UID: the only proof of ownership.
    pub uid: String,
}

/// The owner, and the names that all of its children carry.
#[derive(Debug)]
pub(crate) struct Ownership {
    pub(crate) owner: Owner,
    pub(crate) controller: String,
    pub(crate) manager: String,
    pub(crate) sharded: bool,
    pub(crate) adopts: bool,
}

/// The hash of the labels that name the resource for which an object was created: the names of the
/// manager and of the controller, and the name of the resource. The namespace of the object is that
/// of the resource.
pub(crate) fn creator(manager: &str, controller: &str, instance: &str) -> u64 {
    let separator: &[u8] = &[0];
    let parts = [manager.as_bytes(), controller.as_bytes(), instance.as_bytes()];
    hash::of(&parts.join(separator))
}

impl Ownership {
    /// The [`creator`] of its children.
    pub(crate) fn creator(&self) -> u64 {
        let instance = names::label_value(&self.owner.key.name);
        creator(&names::label_value(&self.manager), &self.controller, &instance)
    }

    /// Sets owner reference and labels.
    pub(crate) fn write<'a>(&'a self, metadata: &mut Tree<'a>) {
        metadata.set("ownerReferences", Tree::Items(vec![self.owner_reference()]));
        let labels = metadata.at("labels");
        labels.set(labels::NAME, self.controller.as_str().into());
        labels.set(labels::INSTANCE, names::label_value(&self.owner.key.name).into());
        labels.set(labels::MANAGED_BY, names::label_value(&self.manager).into());
        if self.sharded {
            labels.set(labels::SHARD, shard::bucket(&self.owner.uid).into());
        }
    }

    /// The controller reference. With `blockOwnerDeletion` a foreground deletion waits for the
    /// child.
    fn owner_reference(&self) -> Tree<'_> {
        let owner = &self.owner;
        let mut reference = Tree::Fields(Vec::with_capacity(6));
        reference.set("apiVersion", owner.kind.api_version().into());
        reference.set("blockOwnerDeletion", Tree::Bool(true));
        reference.set("controller", Tree::Bool(true));
        reference.set("kind", Tree::from(&*owner.kind.kind));
        reference.set("name", Tree::from(&*owner.key.name));
        reference.set("uid", Tree::from(&*owner.uid));
        reference
    }
}
