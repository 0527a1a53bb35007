//! Rows 7, 8, 10: resident memory over the number of resources, and CPU time of a large load.
//!
//! Two processes are looked at: one that lived through the load from nothing on, and at each level
//! one that was started on what is there, beside the first, and stopped again: it finds everything
//! in place and writes nothing. Memory is read when the operator and the control plane are at rest
//! and the figure has stopped moving. The denominator is the JSON of the three objects as the API
//! server serves them to a list.
//!
//! CPU time is that of all loads from nothing to the most, divided by the most; the last level
//! alone, where anything that grows with what is there would show most, is told below the table.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{AFTERWARDS, Bench, CONVERGE, tell};
use crate::client::Api;
use crate::error::Error;
use crate::load;
use crate::operator::{Operator, count};
use crate::plane::Plane;
use crate::proc::{Cpu, CpuTime, Memory};
use crate::stats::slope;
use crate::watch::Eyes;
use crate::workload::{NAMESPACE, kinds};

/// Memory that moved by less than this share in a second has come to rest.
const STILL: f64 = 0.003;
const LONGEST_WAIT: Duration = Duration::from_secs(45);

/// What was read of one of the two processes, level by level.
#[derive(Default)]
struct Climb {
    points: Vec<(f64, f64)>,
    last: Option<Memory>,
}

/// Runs all climbs.
pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    for _ in 0..bench.plan.climbs {
        climb(bench).await?;
    }
    Ok(())
}

async fn climb(bench: &mut Bench) -> Result<(), Error> {
    let plane = Plane::up().await?;
    let mut lived = bench.operate(&plane, &[])?;
    lived.steady(0).await?;
    let eyes = Eyes::open(plane.api()).await?;
    let (mut of_lived, mut of_restarted, mut cpu, mut last_cpu) =
        (Climb::default(), Climb::default(), CpuTime::default(), 0.0);
    let mut there = 0;
    for level in bench.plan.levels.clone() {
        if level > there {
            plane.rest().await?;
            let before = Cpu::of(lived.pid())?;
            load::create(plane.api(), there..level).await?;
            eyes.until(CONVERGE, format!("{level} resources are complete"), |s| {
                (s.complete() >= level).then_some(())
            })
            .await?;
            tokio::time::sleep(AFTERWARDS).await;
            let used = Cpu::of(lived.pid())?.since(before);
            last_cpu = used.millis() / count(level - there);
            cpu += used;
        }
        there = level;
        of_lived.read(&mut lived, level).await?;
        let mut restarted = bench.operate(&plane, &[])?;
        restarted.steady(level).await?;
        of_restarted.read(&mut restarted, level).await?;
        restarted.stop().await?;
        tell(format!("N={level}: {}; restarted: {}", of_lived.story(), of_restarted.story()));
    }
    let json = bytes_as_served(plane.api(), there).await?;
    lived.stop().await?;
    let figures = &mut bench.figures;
    figures.add("memory.json_bytes", json);
    figures.add("memory.cpu_ms", cpu.millis() / count(there));
    figures.add("memory.last_level_cpu_ms", last_cpu);
    for (who, climb) in [("lived", &of_lived), ("restarted", &of_restarted)] {
        let slope = slope(&climb.points)
            .ok_or_else(|| Error::Unmeasurable("memory at one level has no slope".into()))?;
        let last = climb.last.ok_or_else(|| Error::Unmeasurable("no memory was read".into()))?;
        figures.add(format!("memory.{who}.slope_bytes"), slope);
        figures.add(format!("memory.{who}.slope_ratio"), slope / json);
        figures.add(format!("memory.{who}.peak_ratio"), last.peak / last.now);
        for (level, bytes) in &climb.points {
            figures.add(format!("memory.{who}.rss_bytes.{level}"), *bytes);
        }
    }
    Ok(())
}

impl Climb {
    async fn read(&mut self, operator: &mut Operator, level: usize) -> Result<(), Error> {
        operator.rest().await?;
        let memory = at_rest(operator.pid()).await?;
        self.points.push((count(level), memory.now));
        self.last = Some(memory);
        Ok(())
    }

    fn story(&self) -> String {
        let mebi = |bytes: f64| bytes / 1024.0 / 1024.0;
        self.last.map_or_else(String::new, |last| {
            format!("{:.1} MiB now, {:.1} at most", mebi(last.now), mebi(last.peak))
        })
    }
}

/// Memory once it has stopped moving. An allocator may give memory back for some seconds: that is
/// waited for.
async fn at_rest(pid: u32) -> Result<Memory, Error> {
    let started = Instant::now();
    let mut before = Memory::of(pid)?;
    let mut still = 0;
    while started.elapsed() < LONGEST_WAIT {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = Memory::of(pid)?;
        still = if (now.now - before.now).abs() <= before.now * STILL { still + 1 } else { 0 };
        if still == 3 {
            return Ok(now);
        }
        before = now;
    }
    let seen = format!("{before:?}");
    Err(Error::Late {
        what: "the operator's memory has come to rest".into(),
        within: LONGEST_WAIT,
        seen,
    })
}

#[derive(Deserialize)]
struct Page<'a> {
    metadata: Next,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Next {
    #[serde(default, rename = "continue")]
    next: String,
}

/// The bytes of a resource and its children, on average.
async fn bytes_as_served(api: &Api, resources: usize) -> Result<f64, Error> {
    let (mut bytes, mut objects) = (0, 0);
    for kind in kinds() {
        let (collection, mut next) = (kind.path(Some(NAMESPACE)), String::new());
        loop {
            let answer = api.get(&format!("{collection}?limit=500&continue={next}")).await?;
            let page: Page<'_> = crate::client::decode(&collection, &answer)?;
            bytes += page.items.iter().map(|item| item.get().len()).sum::<usize>();
            objects += page.items.len();
            if page.metadata.next.is_empty() {
                break;
            }
            next = page.metadata.next;
        }
    }
    if objects != resources * kinds().len() {
        return Err(Error::Unmeasurable(format!(
            "there are {objects} objects for {resources} resources"
        )));
    }
    Ok(count(bytes) / count(resources))
}
