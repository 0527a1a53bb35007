//! Rows 4, 5, 6, 9: what a converged cluster costs: an edit that changes one child, edits that
//! change no child, restarts, and a forced resync of all resources.
//!
//! The bench's own edits check the count of revisions: each of them must add exactly one.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::bench::{Bench, CONVERGE, progress};
use crate::error::Error;
use crate::figures::other_load;
use crate::lister;
use crate::load;
use crate::observer::{FIRST_CHILD, Observer, RESOURCE};
use crate::operator::{Metrics, Operator, count};
use crate::other_load::OtherLoad;
use crate::plane::Plane;
use crate::proc::Cpu;
use crate::requests::Requests;
use crate::wait::{Look, until};
use crate::workload::Workload;

/// Time between two resyncs.
const RESYNC: &str = "3s";
/// Measured resyncs.
const SWEEPS: usize = 3;
const POLL: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_mins(2);
/// Repairs per second.
const DRIFTS: u32 = 20;
const WORKLOAD: Workload = Workload::Echo;

/// Measures everything on one control plane.
pub(super) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let n = bench.plan.large;
    let plane = Plane::start(WORKLOAD).await?;
    let mut operator = bench.operate(&plane, WORKLOAD, &[])?;
    operator.steady(0).await?;
    let observer = Observer::start(plane.api(), WORKLOAD).await?;
    load::create(plane.api(), WORKLOAD, 0..n, load::ignore).await?;
    observer.all_complete(CONVERGE, n).await?;
    operator.rest().await?;
    if bench.plan.wants(&[4]) {
        change(bench, &plane, &mut operator, &observer).await?;
    }
    if bench.plan.wants(&[5]) {
        annotate(bench, &plane, &mut operator, &observer).await?;
        drift(bench, &plane, &mut operator, &observer).await?;
    }
    operator.stop().await?;
    if bench.plan.wants(&[6]) {
        restart(bench, &plane).await?;
    }
    if bench.plan.wants(&[5, 9]) {
        resync(bench, &plane).await?;
    }
    Ok(())
}

/// All counters at one time.
struct Counters {
    requests: Requests,
    metrics: Metrics,
    revision: u64,
}

impl Counters {
    async fn read(plane: &Plane, operator: &mut Operator) -> Result<Self, Error> {
        let metrics = operator.rest().await?;
        Ok(Self {
            requests: Requests::read(plane.api()).await?,
            metrics,
            revision: plane.api().revision().await?,
        })
    }

    /// Requests of the operator since `before`, without `own` edits of the bench.
    fn requests_since(&self, before: &Self, what: &str, own: f64) -> Result<f64, Error> {
        let resource = &WORKLOAD.kinds()[RESOURCE].plural;
        let answered = self.requests.since(&before.requests).without("PATCH", resource, own);
        answered.confirm(what, self.metrics.requests() - before.metrics.requests())
    }
}

/// A difference of two counters of the API server as a figure.
fn difference(now: u64, before: u64) -> f64 {
    f64::from(u32::try_from(now.saturating_sub(before)).unwrap_or(u32::MAX))
}

/// Edits of resources that change only their Deployment.
async fn change(
    bench: &mut Bench,
    plane: &Plane,
    operator: &mut Operator,
    observer: &Observer,
) -> Result<(), Error> {
    let edits = bench.plan.sample;
    let before = Counters::read(plane, operator).await?;
    let api = plane.api().clone();
    load::run_all(0..edits, move |number| {
        let (api, path) = (api.clone(), WORKLOAD.path(RESOURCE, number));
        async move { api.merge(&path, &json!({ "spec": { "replicas": 3 } })).await }
    })
    .await?;
    observer
        .until(LIMIT, "every edit has reached its Deployment", |state| {
            let is_edited = |number| {
                state
                    .object(FIRST_CHILD, &WORKLOAD.object_name(number))
                    .is_some_and(|seen| seen.generation == 2)
            };
            (0..edits).all(is_edited).then_some(())
        })
        .await?;
    let now = Counters::read(plane, operator).await?;
    let each = now.requests_since(&before, "change", count(edits))? / count(edits);
    bench.figures.add("rest.change.requests", each);
    progress(format!("Change of one child: {each} requests for each of {edits}"));
    Ok(())
}

/// A new annotation on every resource, which changes no child.
async fn annotate(
    bench: &mut Bench,
    plane: &Plane,
    operator: &mut Operator,
    observer: &Observer,
) -> Result<(), Error> {
    let n = bench.plan.large;
    let before = Counters::read(plane, operator).await?;
    let child_events = |observer: &Observer| {
        (FIRST_CHILD..3).map(|kind| observer.state().events(kind)).sum::<u64>()
    };
    let (events, resource_events) = (child_events(observer), observer.state().events(RESOURCE));
    let api = plane.api().clone();
    load::run_all(0..n, move |number| {
        let (api, path) = (api.clone(), WORKLOAD.path(RESOURCE, number));
        let edit = json!({ "metadata": { "annotations": { "example.com/note": "seen" } } });
        async move { api.merge(&path, &edit).await }
    })
    .await?;
    let all = resource_events + u64::try_from(n).unwrap_or(u64::MAX);
    observer
        .until(LIMIT, "every edit was observed", |state| {
            (state.events(RESOURCE) >= all).then_some(())
        })
        .await?;
    // The operator may see the edits later than the bench does.
    let enough = before.metrics.reconciles() + count(n);
    operator.until("has seen every edit", |now| now.reconciles() >= enough).await?;
    let now = Counters::read(plane, operator).await?;
    let revisions = difference(now.revision, before.revision) - count(n);
    if revisions < 0.0 {
        let moved = difference(now.revision, before.revision);
        return Err(Error::Unmeasurable(format!("{n} edits added {moved} revisions")));
    }
    let more_events = difference(child_events(observer), events)
        + difference(observer.state().events(RESOURCE), all);
    let requests = now.requests_since(&before, "metadata-only edit", count(n))?;
    bench.figures.add("rest.annotate.requests", requests);
    bench.figures.add("rest.annotate.revisions", revisions.max(more_events));
    progress(format!(
        "Metadata-only edit of {n}: {revisions} revisions and {more_events} events besides the \
         edits"
    ));
    Ok(())
}

/// The time from a foreign change of one field of a Deployment to its repair, one by one.
async fn drift(
    bench: &mut Bench,
    plane: &Plane,
    operator: &mut Operator,
    observer: &Observer,
) -> Result<(), Error> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / DRIFTS);
    for number in 0..bench.plan.sample {
        ticks.tick().await;
        let name = WORKLOAD.object_name(number);
        let before = observer
            .state()
            .object(FIRST_CHILD, &name)
            .ok_or_else(|| Error::Unmeasurable(format!("the Deployment {name} is missing")))?;
        let (path, edit) =
            (WORKLOAD.path(FIRST_CHILD, number), json!({ "spec": { "replicas": 9 } }));
        let started = Instant::now();
        plane.api().merge(&path, &edit).await?;
        let repaired = observer.until(LIMIT, format!("{name} is repaired"), |state| {
            state
                .object(FIRST_CHILD, &name)
                .filter(|seen| seen.generation >= before.generation + 2)
                .map(|seen| seen.changed)
        });
        let took = repaired.await?.saturating_duration_since(started);
        bench.figures.add("rest.drift_ms", took.as_secs_f64() * 1000.0);
    }
    operator.rest().await.map(drop)
}

/// Restarts, and the process that lists and decodes the same, in turns.
async fn restart(bench: &mut Bench, plane: &Plane) -> Result<(), Error> {
    let n = bench.plan.large;
    for repeat in 0..bench.plan.restarts {
        // Both processes end within this run.
        let load = OtherLoad::begin(plane.processes())?;
        let (lister, (steady, writes)) = if repeat % 2 == 0 {
            let lister = listed(bench, plane).await?;
            (lister, restarted(bench, plane).await?)
        } else {
            let restarted = restarted(bench, plane).await?;
            (listed(bench, plane).await?, restarted)
        };
        bench.figures.add(other_load("restart"), load.share()?);
        bench.figures.add("restart.writes", writes);
        bench.figures.add("restart.lister_ms", lister);
        bench.figures.add("restart.operator_ms", steady);
        progress(format!(
            "Restart with {n}: steady after {steady:.0} ms, {writes} writes; \
             listed and decoded after {lister:.0} ms"
        ));
    }
    Ok(())
}

/// Milliseconds until everything is listed and decoded.
async fn listed(bench: &Bench, plane: &Plane) -> Result<f64, Error> {
    plane.rest().await?;
    let reads = bench.reads(WORKLOAD)?;
    let took = lister::run(plane.kubeconfig(), reads, WORKLOAD, bench.plan.large).await?;
    Ok(took.as_secs_f64() * 1000.0)
}

/// Milliseconds until the operator is steady, and its writes until it is at rest.
async fn restarted(bench: &Bench, plane: &Plane) -> Result<(f64, f64), Error> {
    let before = Requests::read(plane.api()).await?;
    plane.rest().await?;
    let mut operator = bench.operate(plane, WORKLOAD, &[])?;
    let steady = operator.steady(bench.plan.large).await?;
    let metrics = operator.rest().await?;
    operator.stop().await?;
    let writes = Requests::read(plane.api()).await?.since(&before).writes();
    let writes = writes.confirm("writes of a restart", metrics.writes())?;
    Ok((steady.as_secs_f64() * 1000.0, writes))
}

/// Every resource is reconciled several times, and nothing changes.
async fn resync(bench: &mut Bench, plane: &Plane) -> Result<(), Error> {
    let n = bench.plan.large;
    let mut operator = bench.operate(plane, WORKLOAD, &["--resync", RESYNC])?;
    operator.steady(n).await?;
    let observer = Observer::start(plane.api(), WORKLOAD).await?;
    plane.rest().await?;
    let requests = Requests::read(plane.api()).await?;
    let revision = plane.api().revision().await?;
    let pid = operator.pid();
    let load = OtherLoad::begin(&[plane.processes(), &[pid]].concat())?;
    // A reconcile between these two readings counts as CPU time alone.
    let (cpu, before) = (Cpu::read(pid)?, operator.metrics().await?);
    let enough = before.reconciles() + count(n * SWEEPS);
    let (metrics, used) = until("every resource was reconciled again", LIMIT, POLL, async || {
        let (metrics, used) =
            counted_first(operator.metrics(), || Ok(Cpu::read(pid)?.since(cpu))).await?;
        let done = metrics.reconciles() - before.reconciles();
        let seen = || Look::Seen(format!("{done} of {} reconciles", n * SWEEPS));
        Ok(if metrics.reconciles() >= enough { Look::Found((metrics, used)) } else { seen() })
    })
    .await?;
    let others = load.share()?;
    let reconciles = metrics.reconciles() - before.reconciles();
    let answered = Requests::read(plane.api()).await?.since(&requests);
    let requests = answered.confirm("resync", metrics.requests() - before.requests())?;
    let revisions = difference(plane.api().revision().await?, revision);
    let events = difference((0..3).map(|kind| observer.state().events(kind)).sum(), 0);
    let each = used / reconciles;
    bench.figures.add("rest.resync.requests", requests);
    bench.figures.add("rest.resync.revisions", revisions.max(events));
    bench.figures.add("rest.resync.cpu_ms", each);
    bench.figures.add(other_load("rest.resync"), others);
    progress(format!(
        "Resync: {reconciles} reconciles, {requests} requests, {revisions} revisions, \
         {each:.4} ms CPU each"
    ));
    operator.stop().await
}

/// Reads the counters, then the CPU time. A reconcile that ends between the two counts as CPU time
/// alone: each seems to cost a little more, and never less.
async fn counted_first<Counters, Time>(
    counters: impl Future<Output = Result<Counters, Error>>,
    time: impl FnOnce() -> Result<Time, Error>,
) -> Result<(Counters, Time), Error> {
    let counters = counters.await?;
    Ok((counters, time()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn no_reconcile_counts_without_its_cpu_time() {
        // Each reconcile takes one unit of CPU time. One ends after each reading.
        let done = Cell::new(6000);
        let read = || done.replace(done.get() + 1);
        let (reconciles, time) = counted_first(async { Ok(read()) }, || Ok(read())).await.unwrap();
        assert!(time >= reconciles, "{time} units for {reconciles} reconciles");
    }
}
