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
    /// If the operator itself returns [`Readiness::Stalled`], and the children are not stalled for
    /// the same reason, the engine also publishes an Event. The engine then waits for a change, but
    /// it retries a failed child even if the readiness is `Stalled`.
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
