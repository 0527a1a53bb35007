//! The steps from what is observed to what should exist, as a pure function.
//!
//! The engine executes the steps and tests explore them. Rules, each with a test:
//!
//! - An object is ours only if its controller owner reference has the owner's UID. Labels prove
//!   nothing.
//! - An object that is not ours is never applied and never deleted.
//! - An object that is in sync is not written.
//! - Deletes come first, so that a name, a port or a host is free for the next object.
//! - An object of an exclusive group waits until the older objects of the group are gone.

use std::collections::HashMap;
use std::fmt;

use super::desired::Desired;
use super::managed_fields::{self, Missing};
use super::tree::Tree;
use crate::kind::{KindInfo, ObjectKey};
use crate::labels::DESIRED_HASH;
use crate::observed::{ApplyEntry, Holder, ObservedChild};

/// One existing object, with its kind.
#[derive(Clone, Copy, Debug)]
pub struct Existing<'a> {
    /// Its kind.
    pub kind: &'a KindInfo,
    /// Its observed state.
    pub child: &'a ObservedChild,
}

/// One step. `index` is the position of a child in the desired list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// No object of that name is known: create it, and fail if one exists.
    Create {
        /// The desired child.
        index: usize,
    },
    /// The object is ours and not in sync: apply to exactly this object.
    Apply {
        /// The desired child.
        index: usize,
        /// The precondition.
        uid: Box<str>,
        /// Why.
        why: Why,
    },
    /// The object is in sync: no request.
    Keep {
        /// The desired child.
        index: usize,
        /// Whether this run compared the entry in `managedFields`; worth remembering.
        verified: bool,
    },
    /// The object is not ours: leave it alone and report that.
    LeaveAlone {
        /// The desired child.
        index: usize,
        /// Its owner.
        holder: Holder,
    },
    /// The object is ours and is being deleted: wait until it is gone.
    Wait {
        /// The desired child.
        index: usize,
    },
    /// Older objects of its exclusive group still exist: wait until they are gone.
    AwaitDeletion {
        /// The desired child.
        index: usize,
        /// The older objects.
        before: Vec<(KindInfo, ObjectKey)>,
    },
    /// The kind is optional and the cluster does not serve it.
    Skip {
        /// The desired child.
        index: usize,
    },
    /// The object is ours and no longer desired: delete exactly this version.
    Delete {
        /// Its kind.
        kind: KindInfo,
        /// Its namespace and name.
        key: ObjectKey,
        /// The precondition.
        uid: Box<str>,
        /// The precondition: fail if the object changed meanwhile.
        resource_version: u64,
    },
}

/// Why an existing child is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The desired object differs from the last applied one.
    Changed,
    /// Somebody changed this path, which we own.
    Drift(Missing),
    /// The state is unknown.
    Unknown,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("the resource or the operator changed"),
            Self::Drift(path) => write!(f, "somebody changed {path}"),
            Self::Unknown => f.write_str("this operator did not apply it in this form"),
        }
    }
}

impl Step {
    /// Whether this step sends a request.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Apply { .. } | Self::Delete { .. })
    }

    /// The same step after these objects are gone.
    #[must_use]
    pub fn without(self, gone: &[(&KindInfo, &ObjectKey)]) -> Self {
        let Self::AwaitDeletion { index, mut before } = self else { return self };
        before.retain(|(kind, key)| !gone.contains(&(kind, key)));
        if before.is_empty() {
            Self::Create { index }
        } else {
            Self::AwaitDeletion { index, before }
        }
    }
}

/// The steps for one resource with the UID `owner`.
///
/// `existing` has every known object that `owner` controls or that has a desired name. `served`
/// returns whether the cluster serves a kind.
#[must_use]
pub fn plan(
    owner: &str,
    desired: &[Desired],
    existing: &[Existing<'_>],
    served: impl Fn(&KindInfo) -> bool,
) -> Vec<Step> {
    let by_name: HashMap<(&KindInfo, &ObjectKey), &ObservedChild> =
        existing.iter().map(|e| ((e.kind, &e.child.key), e.child)).collect();
    let wanted: std::collections::HashSet<(&KindInfo, &ObjectKey)> =
        desired.iter().map(|d| (&d.kind, &d.key)).collect();
    let prune = existing
        .iter()
        .filter(|e| {
            e.child.is_controlled_by(owner)
                && !e.child.deleting
                && !wanted.contains(&(e.kind, &e.child.key))
        })
        .map(|e| Step::Delete {
            kind: e.kind.clone(),
            key: e.child.key.clone(),
            uid: e.child.uid.clone(),
            resource_version: e.child.resource_version,
        });
    let keep = desired.iter().enumerate().map(|(index, want)| {
        if !served(&want.kind) {
            return Step::Skip { index };
        }
        if let Some(have) = by_name.get(&(&want.kind, &want.key)) {
            return step_for(owner, index, want, have);
        }
        let is_older = |e: &&Existing<'_>| {
            want.exclusive().contains(e.kind)
                && e.child.is_controlled_by(owner)
                && !wanted.contains(&(e.kind, &e.child.key))
        };
        let before = existing
            .iter()
            .filter(is_older)
            .map(|e| (e.kind.clone(), e.child.key.clone()))
            .collect();
        Step::AwaitDeletion { index, before }.without(&[])
    });
    prune.chain(keep).collect()
}

fn step_for(owner: &str, index: usize, want: &Desired, have: &ObservedChild) -> Step {
    if !have.is_controlled_by(owner) {
        return Step::LeaveAlone {
            index,
            holder: have.controller.clone().map_or(Holder::NoController, Holder::Controller),
        };
    }
    if have.deleting {
        return Step::Wait { index };
    }
    match in_sync(want, have) {
        Ok(verified) => Step::Keep { index, verified },
        Err(why) => Step::Apply { index, uid: have.uid.clone(), why },
    }
}

/// Whether `have` is in sync; `Ok(true)` if this call compared the entry.
fn in_sync(want: &Desired, have: &ObservedChild) -> Result<bool, Why> {
    match &have.entry {
        ApplyEntry::Missing => Err(Why::Unknown),
        ApplyEntry::Verified { covers, .. }
            if covers.fingerprint == want.fingerprint()
                && have.desired_hash == Some(covers.hash) =>
        {
            Ok(false)
        }
        // The same object, serialised in another order.
        ApplyEntry::Verified { covers, .. }
            if covers.hash == want.hash() && have.desired_hash == Some(covers.hash) =>
        {
            Ok(true)
        }
        // The entry was verified for another desired object, and its bytes were dropped.
        ApplyEntry::Verified { .. } => Err(Why::Changed),
        ApplyEntry::Unverified { fields, .. } => {
            let fields: Tree<'_> = serde_json::from_str(fields.get()).map_err(|_| Why::Unknown)?;
            let tree = want.tree();
            if have.desired_hash == Some(want.hash()) {
                managed_fields::covers(&fields, &tree).map_err(Why::Drift)?;
                return Ok(true);
            }
            // If somebody changed the annotation itself, our entry no longer owns it.
            let annotations =
                fields.get("f:metadata").and_then(|metadata| metadata.get("f:annotations"));
            let ours = annotations.is_some_and(|a| a.get(&format!("f:{DESIRED_HASH}")).is_some());
            Err(if ours {
                Why::Changed
            } else {
                Why::Drift(Missing::fields(&["metadata", "annotations", DESIRED_HASH]))
            })
        }
    }
}
