//! What is measured, one cell for each question. Each run of a cell has a control plane of its own.

pub(crate) mod gate;
pub(crate) mod latency;
pub(crate) mod lifecycle;
pub(crate) mod memory;
pub(crate) mod rest;
pub(crate) mod throughput;

use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::figures::Figures;
use crate::operator::Operator;
use crate::plan::Plan;
use crate::plane::Plane;

/// How long a run may take to converge.
pub(crate) const CONVERGE: Duration = Duration::from_mins(10);
/// How long after the last change CPU time still counts: what was set off by it is done then.
pub(crate) const AFTERWARDS: Duration = Duration::from_secs(1);

/// What all cells share.
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    pub(crate) operator: PathBuf,
    pub(crate) figures: Figures,
    /// Cells that could not be measured to their end, and why.
    pub(crate) failures: Vec<String>,
    /// The version of Kubernetes, once one has run.
    pub(crate) kubernetes: Option<String>,
}

impl Bench {
    /// Nothing is measured yet.
    pub(crate) fn new(plan: Plan, operator: PathBuf) -> Self {
        Self { plan, operator, figures: Figures::default(), failures: Vec::new(), kubernetes: None }
    }

    /// Starts the operator on a control plane.
    pub(crate) fn operate(&self, plane: &Plane, more: &[&str]) -> Result<Operator, Error> {
        Operator::start(&self.operator, plane.kubeconfig(), more)
    }

    /// Runs what the wanted rows need, and at last the gate. A cell that fails is told and leaves
    /// its rows unmeasured; the others go on. Only where the gate does not open is there an
    /// error, and no figure counts.
    pub(crate) async fn run(&mut self) -> Result<(), Error> {
        let plan = self.plan.clone();
        if plan.wants(&[1, 9, 10]) {
            let done = throughput::run(self, plan.small).await;
            self.note("throughput", done);
        }
        if plan.wants(&[1, 2, 4, 9]) {
            let done = throughput::run(self, plan.large).await;
            self.note("throughput", done);
        }
        if plan.wants(&[3]) {
            let done = latency::run(self).await;
            self.note("latency", done);
        }
        if plan.wants(&[4, 5, 6, 9]) {
            let done = rest::run(self).await;
            self.note("rest", done);
        }
        if plan.wants(&[7, 8, 10]) {
            let done = memory::run(self).await;
            self.note("memory", done);
        }
        if plan.wants(&[4]) {
            let done = lifecycle::run(self).await;
            self.note("lifecycle", done);
        }
        gate::run(self).await
    }

    fn note(&mut self, cell: &str, done: Result<(), Error>) {
        if let Err(error) = done {
            tell(format!("{cell}: {error}"));
            self.failures.push(format!("{cell}: {error}"));
        }
    }
}

/// Tells how far it is.
pub(crate) fn tell(what: impl std::fmt::Display) {
    eprintln!("{what}");
}
