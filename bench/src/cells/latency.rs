//! Row 3: the time from the create of a resource until all its children exist, at five creates per
//! second.
//!
//! The bare client sends the children as soon as the bench has the answer to its create, without a
//! watch. The operator and the bare client have separate control planes, in turns. The bound is on
//! the median of the repeats' ratios; a p99 of few resources is little more than their maximum.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::bare::Feed;
use crate::bare_process::BareProcess;
use crate::bench::{Bench, progress};
use crate::error::Error;
use crate::figures::other_load;
use crate::load;
use crate::observer::{Observer, State};
use crate::operator::Operator;
use crate::other_load::OtherLoad;
use crate::plan::LATENCY_WARM_UP;
use crate::plane::Plane;
use crate::stats::percentile;
use crate::workload::Workload;

/// Creates per second.
const RATE: u32 = 5;
const LIMIT: Duration = Duration::from_mins(1);
const WORKLOAD: Workload = Workload::Echo;

/// Measures all repeats, then all of them together.
pub(super) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let mut all = [("bare", Vec::new()), ("operator", Vec::new())];
    for repeat in 0..bench.plan.latency_repeats {
        let mut order = [false, true];
        if repeat % 2 == 1 {
            order.reverse();
        }
        for by_operator in order {
            let (latencies, others) = measure(bench, by_operator).await?;
            let (client, of_client) = &mut all[usize::from(by_operator)];
            bench.figures.add(other_load(&format!("latency.{client}")), others);
            for (name, percent) in [("p50_ms", 50), ("p99_ms", 99)] {
                let value = percentile(&latencies, percent)
                    .ok_or_else(|| Error::Unmeasurable("there is no latency".into()))?;
                bench.figures.add(format!("latency.{client}.{name}"), value);
            }
            of_client.extend(latencies);
        }
    }
    for (client, latencies) in &all {
        for percent in [50, 99] {
            if let Some(value) = percentile(latencies, percent) {
                bench.figures.add(format!("latency.{client}.all_p{percent}_ms"), value);
            }
        }
    }
    Ok(())
}

/// The latencies of one client in milliseconds, and the load of other programs.
async fn measure(bench: &Bench, by_operator: bool) -> Result<(Vec<f64>, f64), Error> {
    let plane = Plane::start(WORKLOAD).await?;
    let (mut operator, mut bare) = (None, None);
    if by_operator {
        operator.insert(bench.operate(&plane, WORKLOAD, &[])?).steady(0).await?;
    } else {
        bare = Some(bench.start_bare(&plane, WORKLOAD, Feed::Stdin).await?);
    }
    let total = bench.plan.latencies + LATENCY_WARM_UP;
    let observer = Observer::start(plane.api(), WORKLOAD).await?;
    plane.rest().await?;
    let client = operator.iter().map(Operator::pid).chain(bare.iter().map(BareProcess::pid));
    let processes: Vec<u32> = plane.processes().iter().copied().chain(client).collect();
    let load = OtherLoad::begin(&processes)?;
    let created_at = Arc::new(Mutex::new(vec![None; total]));
    let input = bare.as_ref().map(BareProcess::input);
    load::run_at_rate(0..total, RATE, |number| {
        let (api, input) = (plane.api().clone(), input.clone());
        let created_at = Arc::clone(&created_at);
        async move {
            let body = WORKLOAD.body(&WORKLOAD.object_name(number))?;
            created_at.lock().unwrap_or_else(PoisonError::into_inner)[number] =
                Some(Instant::now());
            let answer = api.create(&WORKLOAD.collection(), body).await?;
            input.map_or(Ok(()), |input| input.created(number, &answer))
        }
    })
    .await?;
    observer.all_complete(LIMIT, total).await?;
    let others = load.share()?;
    let created_at = created_at.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let latencies = latencies(&created_at, &observer.state())
        .ok_or_else(|| Error::Unmeasurable("a resource was not observed".into()))?;
    let [p50, p99] = [50, 99].map(|percent| percentile(&latencies, percent).unwrap_or(f64::NAN));
    let client = if by_operator { "Operator" } else { "Bare client" };
    progress(format!("{client} at {RATE}/s: p50 {p50:.2} ms, p99 {p99:.2} ms"));
    if let Some(operator) = operator {
        operator.stop().await?;
    }
    Ok((latencies, others))
}

/// The time from each create to the last child in milliseconds, without the first creates; `None`
/// if one is unknown.
fn latencies(created_at: &[Option<Instant>], state: &State) -> Option<Vec<f64>> {
    let latency = |(number, created_at): (usize, &Option<Instant>)| {
        let last_child = state.last_child(&WORKLOAD.object_name(number))?;
        Some(last_child.saturating_duration_since((*created_at)?).as_secs_f64() * 1000.0)
    };
    created_at.iter().enumerate().skip(LATENCY_WARM_UP).map(latency).collect()
}
