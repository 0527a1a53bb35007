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
    /// The version of Kubernetes, once one has run.
    pub(crate) kubernetes: Option<String>,
}

impl Bench {
    /// Starts the operator on a control plane.
    pub(crate) fn operate(&self, plane: &Plane, more: &[&str]) -> Result<Operator, Error> {
        Operator::start(&self.operator, plane.kubeconfig(), more)
    }

    /// Runs what the wanted rows need, and the gate.
    pub(crate) async fn run(&mut self) -> Result<(), Error> {
        let plan = self.plan.clone();
        if plan.wants(&[1, 9, 10]) {
            throughput::run(self, plan.small).await?;
        }
        if plan.wants(&[1, 2, 4, 9]) {
            throughput::run(self, plan.large).await?;
        }
        if plan.wants(&[3]) {
            latency::run(self).await?;
        }
        if plan.wants(&[4, 5, 6, 9]) {
            rest::run(self).await?;
        }
        if plan.wants(&[7, 8, 10]) {
            memory::run(self).await?;
        }
        if plan.wants(&[4]) {
            lifecycle::run(self).await?;
        }
        gate::run(self).await
    }
}

/// Tells how far it is.
pub(crate) fn tell(what: impl std::fmt::Display) {
    eprintln!("{what}");
}
