//! One desired child after a run.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::child::{ControllerRef, ObservedChild};
use crate::error::Class;
use crate::internals::desired::Desired;

/// What a run did with one desired child.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It exists as desired.
    InSync,
    /// The resource does not own the object of that name; the engine left the object alone.
    NotOwned(Holder),
    /// An older object of that name is being deleted; the engine creates the child afterwards.
    Terminating,
    /// The objects named here, of the same exclusive group, still exist; the engine creates the
    /// child when they are gone.
    AwaitsDeletion(Box<str>),
    /// It exists in an earlier form: its change waits for the rollout limiter.
    Held,
    /// The engine wrote it, but the stored object does not have this label as written. So the watch
    /// does not show the object.
    Unlabelled(&'static str),
    /// Its kind is [`Optional`](crate::Optional) and the cluster does not serve it.
    NotServed,
    /// The engine could not write it.
    Failed {
        /// Why, and when the engine retries.
        class: Class,
        /// What failed, such as the message of the API server.
        message: String,
    },
}

impl Outcome {
    /// Whether the child exists and works, as desired or in an earlier form.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        matches!(self, Self::InSync | Self::Held)
    }
}

/// Who owns an object that has the name of a child.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// This owner controls the object.
    Controller(Arc<ControllerRef>),
    /// No owner controls the object: a person or another tool created it.
    NoController,
    /// No owner controls the object, but this operator created it for a resource of this name. The
    /// owner reference was lost, for example in a backup.
    Orphan,
}

/// One desired child after a run.
#[derive(Clone, Copy, Debug)]
pub struct ChildState<'a> {
    /// The desired object.
    pub desired: &'a Desired,
    /// The existing object, if it is ours.
    pub observed: Option<&'a ObservedChild>,
    /// What the run did with the child.
    pub outcome: &'a Outcome,
}

impl ChildState<'_> {
    /// Adds to `hasher` all that a report can depend on.
    pub fn add_to(&self, hasher: &mut impl Hasher) {
        let observed = self.observed.map(ObservedChild::inputs);
        (self.desired.fingerprint(), observed, self.outcome).hash(hasher);
    }

    /// `.status` as an `S`, if it exists and has that form.
    #[must_use]
    pub fn status<S: DeserializeOwned>(&self) -> Option<S> {
        serde_json::from_str(self.observed?.status.as_ref()?.get()).ok()
    }
}
