//! One desired child after a run.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::child::{ControllerRef, ObservedChild};
use crate::error::Class;
use crate::internals::desired::Desired;

/// The outcome of a run for one desired child.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It exists as desired.
    InSync,
    /// An object of that name has another owner; the engine left it alone.
    NotOwned(Holder),
    /// An older object of that name is being deleted; the engine creates the child afterwards.
    Terminating,
    /// This object of its exclusive group still exists; the engine creates the child when the
    /// object is gone.
    AwaitsDeletion(Box<str>),
    /// Its kind is [`Optional`](crate::Optional) and the cluster does not serve it.
    NotServed,
    /// The API server rejected it.
    Failed {
        /// Whether a retry can help.
        class: Class,
        /// The message of the API server.
        message: String,
    },
}

/// The owner of an object that has a desired name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// This owner controls the object.
    Controller(Arc<ControllerRef>),
    /// No owner controls the object: a person or another tool created it.
    NoController,
}

/// One desired child after a run.
#[derive(Clone, Copy, Debug)]
pub struct ChildState<'a> {
    /// The desired object.
    pub desired: &'a Desired,
    /// The existing object, if it is ours.
    pub observed: Option<&'a ObservedChild>,
    /// The outcome of the run.
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
