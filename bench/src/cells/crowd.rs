//! Row 12: previews that compete for one host, without and with a policy that allows ten of them.
//!
//! Many previews are created, as for the other rows. Then single previews are edited, the holder of
//! the host among them, one after the other: a new image, which changes no claim. The figures are
//! the most runs after one edit, and the mean CPU time of an edit. Both contain those of the edited
//! preview; CPU time also contains the scrapes of the metrics. During all of it, the bench asks for
//! /livez every 20 ms.

use serde_json::{Value, json};

use crate::bench::{Bench, CONVERGE, afterwards, progress};
use crate::error::Error;
use crate::figures::other_load;
use crate::load;
use crate::observer::{FIRST_CHILD, Observer, RESOURCE, State};
use crate::operator::{Operator, count};
use crate::other_load::OtherLoad;
use crate::plane::Plane;
use crate::proc::Cpu;
use crate::workload::{Crowd, Workload};

const WORKLOAD: Workload = Workload::Preview;
/// Edited previews beside the holder.
const EDITS: usize = 10;
/// Runs of the smallest crowd: its CPU time is short.
const REPEATS_OF_FEW: usize = 3;

/// Measures all crowds.
pub(super) async fn run(bench: &mut Bench) -> Result<(), Error> {
    for (position, n) in bench.plan.crowds.clone().into_iter().enumerate() {
        for crowd in Crowd::ALL {
            let repeats = if position == 0 { REPEATS_OF_FEW } else { 1 };
            for _ in 0..repeats {
                measure(bench, crowd, n).await?;
            }
        }
    }
    Ok(())
}

async fn measure(bench: &mut Bench, crowd: Crowd, n: usize) -> Result<(), Error> {
    let plane = Plane::start(WORKLOAD).await?;
    bench.kubernetes = Some(plane.version());
    if crowd == Crowd::Limit {
        let policy = json!({
            "apiVersion": "platform9.com/v1", "kind": "PreviewPolicy",
            "metadata": { "name": "ten" }, "spec": { "limits": { "previews": 10 } },
        });
        plane.api().create("/apis/platform9.com/v1/previewpolicies", policy.to_string()).await?;
    }
    let mut operator = bench.operate(&plane, WORKLOAD, &[])?;
    operator.steady(0).await?;
    let observer = Observer::start(plane.api(), WORKLOAD).await?;
    let before = operator.rest().await?;
    plane.rest().await?;
    let livez = operator.ask_livez();
    let load = OtherLoad::begin(&[plane.processes(), &[operator.pid()]].concat())?;
    let cpu = Cpu::read(operator.pid())?;
    load::create(plane.api(), WORKLOAD, 0..n, load::ignore).await?;
    observer.all_complete(CONVERGE, n).await?;
    let pid = operator.pid();
    afterwards(&plane, pid, async || Ok(operator.metrics().await?.in_work())).await?;
    let each = Cpu::read(pid)?.since(cpu) / count(n);
    let runs = (operator.rest().await?.reconciles() - before.reconciles()) / count(n);
    let (edit_runs, edit_cpu) = edit(&plane, &mut operator, &observer, n).await?;
    let slowest = livez.slowest()?.as_secs_f64() * 1000.0;
    let prefix = format!("crowd.{crowd}.{n}");
    for (field, value) in [
        ("cpu_ms", each),
        ("runs", runs),
        ("edit_runs", edit_runs),
        ("edit_cpu_ms", edit_cpu),
        ("livez_ms", slowest),
    ] {
        bench.figures.add(format!("{prefix}.{field}"), value);
    }
    bench.figures.add(other_load(&prefix), load.share()?);
    progress(format!(
        "Crowd, {crowd}, N={n}: {each:.3} ms CPU and {runs:.2} runs per preview; {edit_cpu:.3} ms \
         CPU and at most {edit_runs} runs per edit; slowest /livez: {slowest:.1} ms"
    ));
    operator.stop().await
}

/// Edits the holder and some others. Returns the most runs after an edit, and the mean CPU time.
async fn edit(
    plane: &Plane,
    operator: &mut Operator,
    observer: &Observer,
    n: usize,
) -> Result<(f64, f64), Error> {
    let holder = holder(plane, n).await?;
    let others = (0..n).step_by(n.div_ceil(EDITS)).filter(|number| *number != holder);
    let edited: Vec<usize> = std::iter::once(holder).chain(others).collect();
    let (mut before, mut most) = (operator.rest().await?.reconciles(), 0.0_f64);
    let cpu = Cpu::read(operator.pid())?;
    for number in &edited {
        let image = json!({ "spec": { "image": "registry.example.com/app:2" } });
        plane.api().merge(&WORKLOAD.path(RESOURCE, *number), &image).await?;
        let name = WORKLOAD.object_name(*number);
        let is_edited = |state: &State| {
            state.object(FIRST_CHILD, &name).filter(|seen| seen.generation == 2).map(drop)
        };
        observer.until(CONVERGE, "the edit has reached its Deployment", is_edited).await?;
        let now = operator.rest().await?.reconciles();
        (most, before) = (most.max(now - before), now);
    }
    Ok((most, Cpu::read(operator.pid())?.since(cpu) / count(edited.len())))
}

/// The number of the preview that holds the host.
async fn holder(plane: &Plane, n: usize) -> Result<usize, Error> {
    let list: Value = plane.api().read(&WORKLOAD.collection()).await?;
    let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
    let holders: Vec<&str> = items
        .iter()
        .filter(|item| item["status"]["host"].is_string())
        .filter_map(|item| item["metadata"]["name"].as_str())
        .collect();
    let number = (0..n).find(|number| holders == [WORKLOAD.object_name(*number)]);
    number.ok_or_else(|| Error::Unmeasurable(format!("{holders:?} hold the host")))
}
