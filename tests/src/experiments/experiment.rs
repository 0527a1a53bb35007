//! What an experiment is, and how it is run.

use std::time::Duration;

use serde_json::Value;

/// How much an experiment may take down within the first minute.
pub const BOUND: usize = 5;
/// The time for which [`BOUND`] holds.
pub(super) const FIRST: Duration = Duration::from_mins(1);

/// An experiment: previews that run, a change, and how it is taken back.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// A short name for the command line.
    pub name: &'static str,
    /// What happens, for a person.
    pub about: &'static str,
    /// Where the previews are.
    pub spread: Spread,
    /// Fields of the spec of each preview.
    pub fields: Value,
    /// What is so before the previews are created.
    pub prepare: Vec<Step>,
    /// The change.
    pub act: Vec<Step>,
    /// What takes the change back.
    pub undo: Vec<Step>,
    /// The same, for a person.
    pub how: &'static str,
}

/// Where the previews of an experiment are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// In one namespace.
    Together,
    /// Each in a namespace of its own.
    Apart,
    /// All but one in one namespace. The other one has a namespace of its own, and expires last.
    Beside,
}

/// One part of a change.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sets a label of all namespaces; null removes it.
    Label(&'static str, Option<&'static str>),
    /// Writes this spec of the policy that selects all namespaces.
    Policy(Value),
    /// Installs the CRD of policies.
    Definition,
    /// Installs the CRD of policies without its rules.
    WeakDefinition,
    /// Deletes the CRD of policies.
    DeleteDefinition,
    /// Installs the CRD of HTTPRoutes.
    HttpRoutes,
    /// Ends all previews at one time, which is soon. The one of [`Spread::Beside`] ends 4 s later.
    Expire,
}

/// How an experiment is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The number of previews.
    pub previews: usize,
    /// When to look at them, counted from the change.
    pub after: Vec<Duration>,
    /// How long to wait until all are up again.
    pub patience: Duration,
}
