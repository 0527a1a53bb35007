//! The answer of [`Operator::report`](crate::Operator::report).

use crate::condition::Condition;
use crate::declaration::Declaration;
use crate::observed::Observed;
use crate::readiness::Readiness;

/// What an operator reports about a resource: its status, its own conditions and its readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report<S> {
    /// The status. The engine sets its `observedGeneration` and `conditions`.
    pub status: S,
    /// Conditions beside `Ready`, `Reconciling` and `Stalled`.
    pub conditions: Vec<Condition>,
    /// Where `Ready`, `Reconciling` and `Stalled` come from.
    ///
    /// If the operator returns [`Readiness::Stalled`] although its children are not stalled, the
    /// engine also publishes an Event, and waits for a change. It retries a failed child, whatever
    /// the readiness is.
    pub readiness: Readiness,
}

impl<S> Report<S> {
    /// A report with the readiness of the children and no conditions of the operator's own.
    #[must_use]
    pub fn new<O: Declaration>(observed: &Observed<'_, O>, status: S) -> Self {
        Self { status, conditions: Vec::new(), readiness: observed.readiness().clone() }
    }

    /// Adds a condition.
    #[must_use]
    pub fn with_condition(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Replaces the readiness.
    #[must_use]
    pub fn with_readiness(self, readiness: Readiness) -> Self {
        Self { readiness, ..self }
    }
}
