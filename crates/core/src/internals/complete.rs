//! Completes what `build` returned: namespace, owner reference, labels, hash.

use std::collections::HashSet;
use std::sync::Arc;

use super::child::{Child, ChildError};
use super::desired::Desired;
use super::owner::{Owner, Ownership};
use crate::kind::{AnyObject, KindInfo, ObjectKey};

/// What the children of one resource share beside their owner.
#[derive(Clone, Copy, Debug)]
pub struct ChildMetadata<'a> {
    /// The controller's name, for [`labels::NAME`](crate::labels::NAME).
    pub controller: &'a str,
    /// The registry's name, for [`labels::MANAGED_BY`](crate::labels::MANAGED_BY) and as field
    /// manager.
    pub manager: &'a str,
    /// Whether children carry the label [`labels::SHARD`](crate::labels::SHARD).
    pub sharded: bool,
    /// Whether the resource takes back orphans; see [`labels::ADOPT`](crate::labels::ADOPT).
    pub adopts: bool,
}

impl ChildMetadata<'_> {
    /// Completes every child of `owner`.
    ///
    /// # Errors
    /// A [`ChildError`] if a child has no identity or cannot be owned; a defect of the operator.
    pub fn complete(
        &self,
        owner: &Owner,
        children: Vec<Child>,
    ) -> Result<Vec<Desired>, ChildError> {
        let ownership = Arc::new(Ownership {
            owner: owner.clone(),
            controller: self.controller.into(),
            manager: self.manager.into(),
            sharded: self.sharded,
            adopts: self.adopts,
        });
        let mut all = Vec::with_capacity(children.len());
        for child in children {
            let key = key_of(owner, &child)?;
            all.push(Desired::new(key, child, Arc::clone(&ownership)));
        }
        let mut seen = HashSet::with_capacity(all.len());
        match all.iter().find(|desired| !seen.insert((&desired.kind, &desired.key))) {
            Some(twice) => Err(ChildError::Twice(describe(&twice.kind, &twice.key))),
            None => Ok(all),
        }
    }
}

/// The owner that a resource is for its children.
#[must_use]
pub fn owner_of(kind: KindInfo, resource: &dyn AnyObject) -> Owner {
    let meta = resource.meta();
    Owner { kind, key: ObjectKey::of(meta), uid: meta.uid.clone().unwrap_or_default() }
}

fn describe(kind: &KindInfo, key: &ObjectKey) -> Box<str> {
    format!("{kind} {key}").into()
}

/// The key of a child: in the namespace of a namespaced owner, or in its own namespace if the owner
/// is cluster-scoped.
fn key_of(owner: &Owner, child: &Child) -> Result<ObjectKey, ChildError> {
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
            let key = ObjectKey::new(other, name);
            Err(ChildError::OtherNamespace(describe(kind, &key), own.into()))
        }
        (Some(_), _) => {
            Ok(ObjectKey { namespace: Arc::clone(&owner.key.namespace), name: name.into() })
        }
        (None, Some(namespace)) => Ok(ObjectKey::new(namespace, name)),
        (None, None) => Err(ChildError::NoNamespace(describe(kind, &ObjectKey::cluster(name)))),
    }
}
