//! The measurements, one file for each question. Every run has a control plane of its own.

mod crowd;
mod gate;
mod latency;
mod lifecycle;
mod memory;
mod rest;
mod throughput;

use crate::bench::{Bench, progress};
use crate::error::Error;
use crate::workload::Workload;

/// Measures what the selected rows need. A failed measurement is recorded, and the others continue.
///
/// # Errors
/// No figure counts: the operator and the bare client send different requests, or the gate failed.
pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    use Workload::{Echo, Website};
    let plan = bench.plan.clone();
    if plan.wants(&[1, 2, 3, 4, 6, 9, 10]) {
        bench.record(Echo).await?;
    }
    if plan.wants(&[11]) {
        bench.record(Website).await?;
    }
    if plan.wants(&[1, 9, 10]) {
        let done = throughput::run(bench, Echo, plan.small, plan.repeats).await;
        note(bench, "throughput", done);
    }
    if plan.wants(&[1, 2, 4, 9]) {
        let done = throughput::run(bench, Echo, plan.large, plan.repeats).await;
        note(bench, "throughput", done);
    }
    if plan.wants(&[3]) {
        let done = latency::run(bench).await;
        note(bench, "latency", done);
    }
    if plan.wants(&[4, 5, 6, 9]) {
        let done = rest::run(bench).await;
        note(bench, "rest", done);
    }
    if plan.wants(&[7, 8, 10]) {
        let done = memory::run(bench, Echo, &plan.levels, plan.climbs).await;
        note(bench, "memory", done);
    }
    if plan.wants(&[4]) {
        let done = lifecycle::run(bench).await;
        note(bench, "lifecycle", done);
    }
    if plan.wants(&[11]) {
        let done = throughput::run(bench, Website, plan.large, plan.website_repeats()).await;
        note(bench, "throughput of the second operator", done);
        let done = memory::run(bench, Website, &[0, plan.large], 1).await;
        note(bench, "memory of the second operator", done);
    }
    if plan.wants(&[12]) {
        let done = crowd::run(bench).await;
        note(bench, "crowd", done);
    }
    gate::run(bench).await
}

fn note(bench: &mut Bench, measurement: &str, done: Result<(), Error>) {
    if let Err(error) = done {
        progress(format!("{measurement}: {error}"));
        bench.failures.push(format!("{measurement}: {error}"));
    }
}
