//! Rows 4, 5, 6, 9: what a converged cluster costs: an edit that changes one child, edits that
//! change none, restarts, and a forced resync of everything.
//!
//! That revisions are counted at all is seen by the bench's own edits: each must move the store by
//! exactly one.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Bench, CONVERGE, tell};
use crate::error::Error;
use crate::lister;
use crate::load;
use crate::operator::{Operator, Said, count};
use crate::plane::Plane;
use crate::proc::Cpu;
use crate::requests::Requests;
use crate::watch::{DEPLOYMENT, ECHO, Eyes};
use crate::workload::{kinds, name, path};

/// How often everything is swept in the resync.
const RESYNC: &str = "3s";
/// Sweeps that are measured.
const SWEEPS: usize = 3;
const POLL: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_mins(2);
/// Repairs a second.
const DRIFTS: u32 = 20;

/// Runs everything on one control plane.
pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let n = bench.plan.large;
    let plane = Plane::up().await?;
    let mut operator = bench.operate(&plane, &[])?;
    operator.steady(0).await?;
    let eyes = Eyes::open(plane.api()).await?;
    load::create(plane.api(), 0..n).await?;
    eyes.until(CONVERGE, format!("{n} resources are complete"), |sight| {
        (sight.complete() >= n).then_some(())
    })
    .await?;
    operator.rest().await?;
    if bench.plan.wants(&[4]) {
        change(bench, &plane, &mut operator, &eyes).await?;
    }
    if bench.plan.wants(&[5]) {
        annotate(bench, &plane, &mut operator, &eyes).await?;
        drift(bench, &plane, &mut operator, &eyes).await?;
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

/// The state of everything that is counted.
struct Counted {
    requests: Requests,
    said: Said,
    revision: u64,
}

impl Counted {
    async fn now(plane: &Plane, operator: &mut Operator) -> Result<Self, Error> {
        let said = operator.rest().await?;
        Ok(Self {
            requests: Requests::so_far(plane.api()).await?,
            said,
            revision: plane.api().revision().await?,
        })
    }

    /// Requests of the operator from `before` to now, without so many of the bench.
    fn requests_since(&self, before: &Self, what: &str, own: f64) -> Result<f64, Error> {
        let answered = self.requests.since(&before.requests).without("PATCH", "echoes", own);
        answered.agreed(what, self.said.requests() - before.said.requests())
    }

    fn revisions_since(&self, before: &Self) -> f64 {
        f64::from(u32::try_from(self.revision - before.revision).unwrap_or(u32::MAX))
    }
}

/// Edits of resources that change their Deployment alone.
async fn change(
    bench: &mut Bench,
    plane: &Plane,
    operator: &mut Operator,
    eyes: &Eyes,
) -> Result<(), Error> {
    let edits = bench.plan.sample;
    let before = Counted::now(plane, operator).await?;
    let api = plane.api().clone();
    load::all(0..edits, move |number| {
        let api = api.clone();
        async move {
            api.merge(&path(&kinds()[ECHO], &name(number)), &json!({ "spec": { "replicas": 3 } }))
                .await
                .map(drop)
        }
    })
    .await?;
    eyes.until(LIMIT, "all edits have reached the Deployments", |sight| {
        let edited = |number| {
            sight.object(DEPLOYMENT, &name(number)).is_some_and(|seen| seen.generation == 2)
        };
        (0..edits).all(edited).then_some(())
    })
    .await?;
    let now = Counted::now(plane, operator).await?;
    let each = now.requests_since(&before, "change", count(edits))? / count(edits);
    bench.figures.add("rest.change.requests", each);
    tell(format!("Change of one child: {each} requests for each of {edits}"));
    Ok(())
}

/// An annotation on every resource: nothing follows from it.
async fn annotate(
    bench: &mut Bench,
    plane: &Plane,
    operator: &mut Operator,
    eyes: &Eyes,
) -> Result<(), Error> {
    let n = bench.plan.large;
    let before = Counted::now(plane, operator).await?;
    let children = |eyes: &Eyes| (1..3).map(|kind| eyes.sight().events(kind)).sum::<u64>();
    let (events, echoes) = (children(eyes), eyes.sight().events(ECHO));
    let api = plane.api().clone();
    load::all(0..n, move |number| {
        let api = api.clone();
        let patch = json!({ "metadata": { "annotations": { "example.com/note": "seen" } } });
        async move { api.merge(&path(&kinds()[ECHO], &name(number)), &patch).await.map(drop) }
    })
    .await?;
    let all = echoes + u64::try_from(n).unwrap_or(u64::MAX);
    eyes.until(LIMIT, "all edits were seen", |sight| (sight.events(ECHO) >= all).then_some(()))
        .await?;
    let now = Counted::now(plane, operator).await?;
    let revisions = now.revisions_since(&before) - count(n);
    if revisions < 0.0 {
        return Err(Error::Unmeasurable(format!(
            "{n} edits moved the revision by {}",
            now.revisions_since(&before)
        )));
    }
    let moved = children(eyes) - events + (eyes.sight().events(ECHO) - all);
    bench.figures.add(
        "rest.annotate.requests",
        now.requests_since(&before, "metadata-only edit", count(n))?,
    );
    bench.figures.add(
        "rest.annotate.revisions",
        revisions.max(f64::from(u32::try_from(moved).unwrap_or(u32::MAX))),
    );
    bench.figures.add(
        "rest.annotate.reconciles",
        (now.said.reconciles() - before.said.reconciles()) / count(n),
    );
    tell(format!(
        "Metadata-only edit of {n}: {revisions} revisions and {moved} events beside the edits"
    ));
    Ok(())
}

/// From damage to repair, of one field of a Deployment, one after the other.
async fn drift(
    bench: &mut Bench,
    plane: &Plane,
    operator: &mut Operator,
    eyes: &Eyes,
) -> Result<(), Error> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / DRIFTS);
    for number in 0..bench.plan.sample {
        ticks.tick().await;
        let name = name(number);
        let before = eyes
            .sight()
            .object(DEPLOYMENT, &name)
            .ok_or_else(|| Error::Unmeasurable(format!("{name} is not there")))?;
        let started = Instant::now();
        plane
            .api()
            .merge(&path(&kinds()[DEPLOYMENT], &name), &json!({ "spec": { "replicas": 9 } }))
            .await?;
        let repaired = eyes.until(LIMIT, format!("{name} is repaired"), |sight| {
            sight
                .object(DEPLOYMENT, &name)
                .filter(|seen| seen.generation >= before.generation + 2)
                .map(|seen| seen.changed)
        });
        let took = repaired.await?.saturating_duration_since(started);
        bench.figures.add("rest.drift_ms", took.as_secs_f64() * 1000.0);
    }
    operator.rest().await.map(drop)
}

/// Restarts, and the bare client that lists the same, in turns.
async fn restart(bench: &mut Bench, plane: &Plane) -> Result<(), Error> {
    let n = bench.plan.large;
    for repeat in 0..bench.plan.restarts {
        let (lister, (steady, writes)) = if repeat % 2 == 0 {
            let lister = listed(bench, plane).await?;
            (lister, restarted(bench, plane).await?)
        } else {
            let restarted = restarted(bench, plane).await?;
            (listed(bench, plane).await?, restarted)
        };
        bench.figures.add("restart.writes", writes);
        bench.figures.add("restart.lister_ms", lister);
        bench.figures.add("restart.operator_ms", steady);
        tell(format!(
            "Restart with {n}: steady after {steady:.0} ms, listed after {lister:.0} ms, {writes} writes"
        ));
    }
    Ok(())
}

async fn listed(bench: &Bench, plane: &Plane) -> Result<f64, Error> {
    plane.rest().await?;
    Ok(lister::run(plane.kubeconfig(), bench.plan.large).await?.as_secs_f64() * 1000.0)
}

/// Milliseconds until it is steady, and its writes until it rests.
async fn restarted(bench: &Bench, plane: &Plane) -> Result<(f64, f64), Error> {
    let before = Requests::so_far(plane.api()).await?;
    plane.rest().await?;
    let mut operator = bench.operate(plane, &[])?;
    let steady = operator.steady(bench.plan.large).await?;
    let said = operator.rest().await?;
    operator.stop().await?;
    let writes = Requests::so_far(plane.api()).await?.since(&before).writes();
    Ok((steady.as_secs_f64() * 1000.0, writes.agreed("writes of a restart", said.writes())?))
}

/// Everything is reconciled again and again, and nothing follows.
async fn resync(bench: &mut Bench, plane: &Plane) -> Result<(), Error> {
    if !Operator::can_resync(&bench.operator)? {
        tell("Resync: this operator has no --resync, so rows 5 and 9 are not measured");
        return Ok(());
    }
    let n = bench.plan.large;
    let mut operator = bench.operate(plane, &["--resync", RESYNC])?;
    operator.steady(n).await?;
    let eyes = Eyes::open(plane.api()).await?;
    plane.rest().await?;
    let requests = Requests::so_far(plane.api()).await?;
    let revision = plane.api().revision().await?;
    let (cpu, before) = (Cpu::of(operator.pid())?, operator.said().await?);
    let enough = before.reconciles() + count(n * SWEEPS);
    let deadline = Instant::now() + LIMIT;
    let (used, said) = loop {
        tokio::time::sleep(POLL).await;
        let used = Cpu::of(operator.pid())?.since(cpu);
        let said = operator.said().await?;
        if said.reconciles() >= enough {
            break (used, said);
        }
        if Instant::now() > deadline {
            let seen =
                format!("{} of {} reconciles", said.reconciles() - before.reconciles(), n * SWEEPS);
            return Err(Error::Late {
                what: "everything was reconciled again".into(),
                within: LIMIT,
                seen,
            });
        }
    };
    let reconciles = said.reconciles() - before.reconciles();
    let answered = Requests::so_far(plane.api()).await?.since(&requests);
    let requests = answered.agreed("resync", said.requests() - before.requests())?;
    let revisions =
        f64::from(u32::try_from(plane.api().revision().await? - revision).unwrap_or(u32::MAX));
    let moved: u64 = (0..3).map(|kind| eyes.sight().events(kind)).sum();
    let each = used.millis() / reconciles;
    bench.figures.add("rest.resync.requests", requests);
    bench.figures.add(
        "rest.resync.revisions",
        revisions.max(f64::from(u32::try_from(moved).unwrap_or(u32::MAX))),
    );
    bench.figures.add("rest.resync.cpu_ms", each);
    bench.figures.add("rest.resync.reconciles", reconciles);
    tell(format!(
        "Resync: {reconciles} reconciles, {requests} requests, {revisions} revisions, {each:.4} ms CPU each"
    ));
    operator.stop().await
}
