//! From what is observed to what should exist: the list of steps, as a pure function.
//!
//! The engine executes the steps, `plan` prints them, tests explore them. Rules (each has a test or
//! a property):
//!
//! - an object is ours only if its controller ownerReference carries the owner's UID; labels prove
//!   nothing
//! - what is not ours is never applied to and never deleted
//! - what is in sync is not written
//! - deletes come first, so that a name, a port or a host is free before its successor asks for it
//! - what is to be the only one of its group waits until those before it are gone, not only asked
//!   to go

use std::collections::HashMap;
use std::fmt;

use crate::desired::Desired;
use crate::kind::{KindInfo, ObjectKey};
use crate::labels::DESIRED_HASH;
use crate::observed::{Entry, Holder, ObservedChild};
use crate::ownership::{self, Missing};
use crate::tree::Tree;

/// One existing object, with its kind.
#[derive(Clone, Copy, Debug)]
pub struct Existing<'a> {
    /// Its kind.
    pub kind: &'a KindInfo,
    /// What is known about it.
    pub child: &'a ObservedChild,
}

/// One step. `index` is the place of a child in the desired list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing of that name exists in our view: create it, and fail if something does.
    Create {
        /// Which desired child.
        index: usize,
    },
    /// It exists, is ours and is not as we want it: apply to exactly that object.
    Apply {
        /// Which desired child.
        index: usize,
        /// The precondition.
        uid: Box<str>,
        /// Why.
        why: Why,
    },
    /// It exists as we want it: no request.
    Keep {
        /// Which desired child.
        index: usize,
        /// Whether this was found out just now, by walking the entry; worth remembering.
        learned: bool,
    },
    /// It exists and is not ours: leave it alone, and say so.
    Refuse {
        /// Which desired child.
        index: usize,
        /// Whose it is.
        holder: Holder,
    },
    /// It is ours and is being deleted: wait until it is gone.
    Wait {
        /// Which desired child.
        index: usize,
    },
    /// It is the only one of its group ([`Desired::is_alone_among`]), and others of that are still
    /// there: wait until they are gone.
    Hold {
        /// Which desired child.
        index: usize,
        /// What is still there.
        before: Vec<(KindInfo, ObjectKey)>,
    },
    /// Its API is not served here, and it is optional.
    Skip {
        /// Which desired child.
        index: usize,
    },
    /// It is ours and no longer wanted: delete exactly this object.
    Delete {
        /// Its kind.
        kind: KindInfo,
        /// Where it is.
        key: ObjectKey,
        /// The precondition.
        uid: Box<str>,
        /// The precondition: not if somebody changed it meanwhile.
        resource_version: u64,
    },
}

/// Why an existing child is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// We want something else than at the last apply.
    Changed,
    /// Somebody changed what we own: this path.
    Drift(Missing),
    /// We cannot tell whether it is as we want it.
    Unknown,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("the resource or the operator wants something else now"),
            Self::Drift(path) => write!(f, "somebody changed {path}"),
            Self::Unknown => f.write_str("it was not applied by this operator in this form"),
        }
    }
}

impl Step {
    /// Whether this step sends a request.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self, Self::Create { .. } | Self::Apply { .. } | Self::Delete { .. })
    }

    /// The same step now that these are known to be gone.
    #[must_use]
    pub fn without(self, gone: &[(&KindInfo, &ObjectKey)]) -> Self {
        let Self::Hold { index, mut before } = self else { return self };
        before.retain(|(kind, key)| !gone.contains(&(kind, key)));
        if before.is_empty() { Self::Create { index } } else { Self::Hold { index, before } }
    }
}

/// The steps for one resource with the UID `owner`.
///
/// `existing` holds every object that `owner` controls, and whatever else is known to have one of
/// the desired names. `served` tells whether a kind's API is there.
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
            return one(owner, index, want, have);
        }
        let is_before = |e: &&Existing<'_>| {
            want.is_alone_among().contains(e.kind)
                && e.child.is_controlled_by(owner)
                && !wanted.contains(&(e.kind, &e.child.key))
        };
        let before = existing
            .iter()
            .filter(is_before)
            .map(|e| (e.kind.clone(), e.child.key.clone()))
            .collect();
        Step::Hold { index, before }.without(&[])
    });
    prune.chain(keep).collect()
}

fn one(owner: &str, index: usize, want: &Desired, have: &ObservedChild) -> Step {
    if !have.is_controlled_by(owner) {
        return Step::Refuse {
            index,
            holder: have.controller.clone().map_or(Holder::Nobody, Holder::Controller),
        };
    }
    if have.deleting {
        return Step::Wait { index };
    }
    match in_sync(want, have) {
        Ok(learned) => Step::Keep { index, learned },
        Err(why) => Step::Apply { index, uid: have.uid.clone(), why },
    }
}

/// Whether `have` is as we want it; `Ok(true)` when that was found out just now.
fn in_sync(want: &Desired, have: &ObservedChild) -> Result<bool, Why> {
    match &have.entry {
        Entry::Missing => Err(Why::Unknown),
        Entry::Verified { of, .. }
            if of.print == want.print() && have.desired_hash == Some(of.hash) =>
        {
            Ok(false)
        }
        // The same object, serialised in another order.
        Entry::Verified { of, .. }
            if of.hash == want.hash() && have.desired_hash == Some(of.hash) =>
        {
            Ok(true)
        }
        // Verified for something else; its bytes are gone, and what we want has changed.
        Entry::Verified { .. } => Err(Why::Changed),
        Entry::Unverified { fields, .. } => {
            let fields: Tree<'_> = serde_json::from_str(fields.get()).map_err(|_| Why::Unknown)?;
            let tree = want.tree();
            if have.desired_hash == Some(want.hash()) {
                ownership::covers(&fields, &tree).map_err(Why::Drift)?;
                return Ok(true);
            }
            // The annotation itself may be what somebody changed: then our entry lost it.
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
