//! The steps from what is observed to what should exist, as a pure function.
//!
//! The engine executes the plan and tests explore plans. Rules, each with a test:
//!
//! - An object is ours only if its controller owner reference has the owner's UID. Labels prove
//!   nothing. A resource may take back an orphan: the annotation
//!   [`ADOPT`](crate::labels::ADOPT) allows that.
//! - An object that is not ours is never applied and never deleted.
//! - An object that is in sync is not written.
//! - Deletes come first, so that a name, a port or a host is free for the next object.
//! - An object of an exclusive group waits until the older objects of the group are gone.
//! - A step is disruptive if it deletes an object, changes a pod template, or scales to zero. The
//!   engine decides whose change it is, and may hold a disruptive plan back.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};

use serde::Deserialize;

use super::desired::Desired;
use super::leftovers::dropped;
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

/// What to do for one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The objects to delete, before any step.
    pub deletions: Vec<Deletion>,
    /// One step for each desired child, in their order.
    pub steps: Vec<Step>,
}

/// An object that is ours and no longer desired: delete exactly this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Its kind.
    pub kind: KindInfo,
    /// Its namespace and name.
    pub key: ObjectKey,
    /// The precondition.
    pub uid: Box<str>,
    /// The precondition: fail if the object changed meanwhile.
    pub resource_version: u64,
}

/// What to do for one desired child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// No object of that name is known: create it, and fail if one exists.
    Create,
    /// The object is ours and not in sync: apply to exactly this object.
    Apply {
        /// The precondition.
        uid: Box<str>,
        /// Why.
        why: Why,
        /// Whether it replaces or stops pods, for another reason than drift.
        is_disruptive: bool,
        /// Whether it drops fields that another manager may own as well; see
        /// [`leftovers`](super::leftovers).
        may_leave: bool,
    },
    /// The object is ours and not in sync, and its change must wait: leave it as it is.
    Hold,
    /// The object is in sync: no request.
    Keep {
        /// Whether this run compared the entry in `managedFields`; worth remembering.
        verified: bool,
    },
    /// The object is not ours: leave it alone and report that.
    LeaveAlone(Holder),
    /// The object is ours and is being deleted: wait until it is gone.
    Wait,
    /// Older objects of its exclusive group still exist: wait until they are gone.
    AwaitDeletion(Vec<(KindInfo, ObjectKey)>),
    /// The kind is optional and the cluster does not serve it.
    Skip,
}

/// Why an existing child is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The desired object differs from the last applied one.
    Changed,
    /// Somebody changed this path, which we own.
    Drift(Missing),
    /// This label is missing or has another value, and the watch selects on it.
    Unlabelled(&'static str),
    /// It lost its owner reference, and the resource takes it back.
    Orphan,
    /// The state is unknown.
    Unknown,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("the resource or the operator changed"),
            Self::Drift(path) => write!(f, "somebody changed {path}"),
            Self::Unlabelled(label) => write!(f, "it does not have our label {label}"),
            Self::Orphan => f.write_str("it has no owner, and this resource takes it back"),
            Self::Unknown => f.write_str("this operator did not apply it in this form"),
        }
    }
}

impl Plan {
    /// Whether the plan sends a request.
    #[must_use]
    pub fn writes(&self) -> bool {
        let is_write = |step: &Step| matches!(step, Step::Create | Step::Apply { .. });
        !self.deletions.is_empty() || self.steps.iter().any(is_write)
    }

    /// Whether the plan takes away or replaces what runs, for another reason than drift.
    #[must_use]
    pub fn is_disruptive(&self) -> bool {
        !self.deletions.is_empty() || self.steps.iter().any(Step::is_disruptive)
    }

    /// The first object that the plan disrupts, for a person: `Deployment web would replace its
    /// pods, and 2 more objects would change`. Empty if it disrupts none.
    #[must_use]
    pub fn describe_disruption(&self, desired: &[Desired]) -> String {
        let steps = self.steps.iter().zip(desired).filter(|(step, _)| step.is_disruptive());
        let replaced = steps.map(|(_, want)| {
            format!("{} {} would replace or stop its pods", want.kind, want.key.name)
        });
        let deleted = self.deletions.iter();
        let deleted =
            deleted.map(|gone| format!("{} {} would be deleted", gone.kind, gone.key.name));
        let mut all = replaced.chain(deleted);
        let mut text = all.next().unwrap_or_default();
        match all.count() {
            0 => {}
            1 => text.push_str(", and 1 more object would change"),
            // Writing to a String cannot fail.
            more => drop(write!(text, ", and {more} more objects would change")),
        }
        text
    }

    /// The same plan without what can wait: it repairs drift and creates missing objects, and
    /// leaves everything else as it is.
    #[must_use]
    pub fn held(self) -> Self {
        let hold = |step| match step {
            Step::Apply { why: Why::Changed | Why::Unknown, .. } => Step::Hold,
            step => step,
        };
        Self { deletions: Vec::new(), steps: self.steps.into_iter().map(hold).collect() }
    }
}

impl Step {
    fn is_disruptive(&self) -> bool {
        matches!(self, Self::Apply { is_disruptive: true, .. })
    }

    /// The same step after these objects are gone.
    #[must_use]
    pub fn without(self, gone: &[(&KindInfo, &ObjectKey)]) -> Self {
        let Self::AwaitDeletion(mut before) = self else { return self };
        before.retain(|(kind, key)| !gone.contains(&(kind, key)));
        if before.is_empty() { Self::Create } else { Self::AwaitDeletion(before) }
    }
}

/// The plan for one resource with the UID `owner`.
///
/// `existing` has every known object that `owner` controls or that has a desired name. `served`
/// returns whether the cluster serves a kind.
#[must_use]
pub fn plan(
    owner: &str,
    desired: &[Desired],
    existing: &[Existing<'_>],
    served: impl Fn(&KindInfo) -> bool,
) -> Plan {
    let by_name: HashMap<(&KindInfo, &ObjectKey), &ObservedChild> =
        existing.iter().map(|e| ((e.kind, &e.child.key), e.child)).collect();
    let wanted: HashSet<(&KindInfo, &ObjectKey)> =
        desired.iter().map(|d| (&d.kind, &d.key)).collect();
    let unwanted: Vec<&Existing<'_>> = existing
        .iter()
        .filter(|e| e.child.is_controlled_by(owner) && !wanted.contains(&(e.kind, &e.child.key)))
        .collect();
    let deletions = unwanted.iter().filter(|e| !e.child.deleting).map(|e| Deletion {
        kind: e.kind.clone(),
        key: e.child.key.clone(),
        uid: e.child.uid.clone(),
        resource_version: e.child.resource_version,
    });
    let steps = desired.iter().map(|want| {
        if !served(&want.kind) {
            return Step::Skip;
        }
        if let Some(have) = by_name.get(&(&want.kind, &want.key)) {
            return step_for(owner, want, have);
        }
        let before = unwanted.iter().filter(|e| want.exclusive().contains(e.kind));
        let before = before.map(|e| (e.kind.clone(), e.child.key.clone())).collect();
        Step::AwaitDeletion(before).without(&[])
    });
    Plan { deletions: deletions.collect(), steps: steps.collect() }
}

/// The step for a desired child whose name an object has.
#[must_use]
pub fn step_for(owner: &str, want: &Desired, have: &ObservedChild) -> Step {
    let is_orphan = have.orphan_of == Some(want.creator());
    let is_ours = have.is_controlled_by(owner) || is_orphan && want.adopts();
    if !is_ours {
        let none = if is_orphan { Holder::Orphan } else { Holder::NoController };
        return Step::LeaveAlone(have.controller.clone().map_or(none, Holder::Controller));
    }
    if have.deleting {
        return Step::Wait;
    }
    let in_sync = in_sync(want, have).and_then(|verified| match have.missing_label {
        Some(label) => Err(Why::Unlabelled(label)),
        None => Ok(verified),
    });
    match in_sync {
        _ if is_orphan => apply(want, have, Why::Orphan),
        Ok(verified) => Step::Keep { verified },
        Err(why) => apply(want, have, why),
    }
}

fn apply(want: &Desired, have: &ObservedChild, why: Why) -> Step {
    // A person asked to take an orphan back.
    let is_repair = matches!(why, Why::Drift(_) | Why::Unlabelled(_) | Why::Orphan);
    let is_disruptive = !is_repair && disrupts(want, have);
    let may_leave = drops_shared(want, have);
    Step::Apply { uid: have.uid.clone(), why, is_disruptive, may_leave }
}

/// Whether the desired object replaces the pods of the existing one, or stops all of them.
fn disrupts(want: &Desired, have: &ObservedChild) -> bool {
    /// The fields of a spec or a status that count pods.
    #[derive(Deserialize)]
    struct Pods {
        replicas: Option<i64>,
    }
    let has_pods = || {
        let status = have.status.as_ref().and_then(|s| serde_json::from_str::<Pods>(s.get()).ok());
        status.and_then(|pods| pods.replicas).is_some_and(|replicas| replicas > 0)
    };
    let stops = || want.spec::<Pods>().is_some_and(|pods| pods.replicas == Some(0));
    want.template_hash() != have.template_hash || stops() && has_pods()
}

/// Whether the desired object drops fields of the existing one, and other managers have entries.
fn drops_shared(want: &Desired, have: &ObservedChild) -> bool {
    let entry = have.shared_entry.as_ref().and_then(|e| serde_json::from_str(e.get()).ok());
    entry.is_some_and(|entry: Tree<'_>| dropped(&entry, &want.tree()).is_some())
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
