//! Rows 7, 8, 10, 11: resident memory over the number of resources, and the CPU time of a large
//! load.
//!
//! Two processes are measured: one that ran from the first create on, and one that is started at
//! each level, finds all objects in place and writes nothing. Memory is read once it no longer
//! moves. The denominator is the JSON of the three objects, as the API server lists them.
//!
//! CPU time is that of all creates, divided by their number. The last level alone would show most
//! what grows with the number of existing objects; it is printed below the table.

use std::time::Duration;

use crate::bench::{Bench, CONVERGE, afterwards, progress};
use crate::client::Api;
use crate::error::Error;
use crate::figures::other_load;
use crate::load;
use crate::observer::Observer;
use crate::operator::{Operator, count};
use crate::other_load::OtherLoad;
use crate::plane::Plane;
use crate::proc::{Cpu, Memory};
use crate::request::Request;
use crate::stats::slope;
use crate::wait::{Look, until};
use crate::workload::{NAMESPACE, Workload};

/// Memory is at rest if it moves by less than this share in a second.
const STILL: f64 = 0.003;
const LONGEST_WAIT: Duration = Duration::from_secs(45);

/// The memory of one process, level by level.
#[derive(Default)]
struct Climb {
    points: Vec<(f64, f64)>,
    last: Option<Memory>,
}

/// Measures the memory at these levels, `climbs` times.
pub(super) async fn run(
    bench: &mut Bench,
    workload: Workload,
    levels: &[usize],
    climbs: usize,
) -> Result<(), Error> {
    for _ in 0..climbs {
        climb(bench, workload, levels).await?;
    }
    Ok(())
}

async fn climb(bench: &mut Bench, workload: Workload, levels: &[usize]) -> Result<(), Error> {
    let plane = Plane::start(workload).await?;
    let mut loaded = bench.operate(&plane, workload, &[])?;
    loaded.steady(0).await?;
    let observer = Observer::start(plane.api(), workload).await?;
    let (mut of_loaded, mut of_restarted) = (Climb::default(), Climb::default());
    let (mut existing, mut cpu, mut last_cpu) = (0, 0.0, 0.0);
    for level in levels.iter().copied() {
        if level > existing {
            plane.rest().await?;
            let pid = loaded.pid();
            let load = OtherLoad::begin(&[plane.processes(), &[pid]].concat())?;
            let before = Cpu::read(pid)?;
            load::create(plane.api(), workload, existing..level, load::ignore).await?;
            observer.all_complete(CONVERGE, level).await?;
            afterwards(&plane, pid, async || Ok(loaded.metrics().await?.in_work())).await?;
            let used = Cpu::read(pid)?.since(before);
            bench.figures.add(other_load(&format!("memory.{workload}")), load.share()?);
            last_cpu = used / count(level - existing);
            cpu += used;
        }
        existing = level;
        of_loaded.read(&mut loaded, level).await?;
        let mut restarted = bench.operate(&plane, workload, &[])?;
        restarted.steady(level).await?;
        of_restarted.read(&mut restarted, level).await?;
        restarted.stop().await?;
        progress(format!(
            "{workload}, N={level}: {}; restarted: {}",
            of_loaded.describe(),
            of_restarted.describe()
        ));
    }
    let json = json_bytes(plane.api(), workload, existing).await?;
    loaded.stop().await?;
    let mut add = |name: String, value| {
        bench.figures.add(format!("memory.{workload}.{name}"), value);
    };
    add("json_bytes".into(), json);
    add("cpu_ms".into(), cpu / count(existing));
    add("last_level_cpu_ms".into(), last_cpu);
    for (process, climb) in [("loaded", &of_loaded), ("restarted", &of_restarted)] {
        let slope = slope(&climb.points)
            .ok_or_else(|| Error::Unmeasurable("memory at one level has no slope".into()))?;
        let last = climb.last.ok_or_else(|| Error::Unmeasurable("no memory was read".into()))?;
        add(format!("{process}.slope_bytes"), slope);
        add(format!("{process}.slope_ratio"), slope / json);
        add(format!("{process}.peak_ratio"), last.peak / last.now);
        for (level, bytes) in &climb.points {
            add(format!("{process}.rss_bytes.{level}"), *bytes);
        }
    }
    Ok(())
}

impl Climb {
    async fn read(&mut self, operator: &mut Operator, level: usize) -> Result<(), Error> {
        operator.rest().await?;
        let memory = memory_at_rest(operator.pid()).await?;
        self.points.push((count(level), memory.now));
        self.last = Some(memory);
        Ok(())
    }

    fn describe(&self) -> String {
        let mebi = |bytes: f64| bytes / 1024.0 / 1024.0;
        self.last.map_or_else(String::new, |last| {
            format!("{:.1} MiB, peak {:.1} MiB", mebi(last.now), mebi(last.peak))
        })
    }
}

/// Memory once it no longer moves. An allocator may return memory to the system for some seconds.
async fn memory_at_rest(pid: u32) -> Result<Memory, Error> {
    let mut before = Memory::read(pid)?;
    let mut still = 0;
    until("the operator's memory no longer moves", LONGEST_WAIT, Duration::ZERO, async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = Memory::read(pid)?;
        still = if (now.now - before.now).abs() <= before.now * STILL { still + 1 } else { 0 };
        before = now;
        Ok(if still == 3 { Look::Found(now) } else { Look::Seen(format!("{now:?}")) })
    })
    .await
}

/// The average size of a resource with its children, as the API server lists them.
async fn json_bytes(api: &Api, workload: Workload, resources: usize) -> Result<f64, Error> {
    let (mut bytes, mut objects) = (0, 0);
    let kinds = workload.kinds();
    for kind in &kinds {
        let list = Request::get(format!("{}?limit=500", kind.path(Some(NAMESPACE))));
        api.each_item(&list, |item| {
            bytes += item.len();
            objects += 1;
            Ok(())
        })
        .await?;
    }
    if objects != resources * kinds.len() {
        return Err(Error::Unmeasurable(format!("{resources} resources have {objects} objects")));
    }
    Ok(count(bytes) / count(resources))
}
