//! Row 3: from the create of a resource until all its children are there, at five creates a second.
//!
//! The bare client creates the resource and then sends the children side by side, as the operator
//! does; both are seen by the same watch. Each side has control planes of its own, in turns: an
//! operator beside the bare client would do the same work.
//!
//! The bound is on the median of the repeats' ratios. A p99 of few resources is little more than
//! the slowest of them; that of all repeats together is told below the table.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Bench, tell};
use crate::bare::Bare;
use crate::client::Api;
use crate::error::Error;
use crate::load;
use crate::plane::Plane;
use crate::stats::percentile;
use crate::watch::Eyes;
use crate::workload::{NAMESPACE, echo, kinds, name};

/// Creates a second.
const RATE: u32 = 5;
/// Creates before those that count: connections are open then.
const FIRST: usize = 5;
const LIMIT: Duration = Duration::from_mins(1);

/// Runs all repeats, then looks at all of them together.
pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let (mut bare_all, mut operator_all) = (Vec::new(), Vec::new());
    for repeat in 0..bench.plan.latency_repeats {
        let of_bare = async |bench: &Bench| measure(bench, false).await;
        let (bare, operator) = if repeat % 2 == 0 {
            let bare = of_bare(bench).await?;
            (bare, measure(bench, true).await?)
        } else {
            let operator = measure(bench, true).await?;
            (of_bare(bench).await?, operator)
        };
        for (who, latencies) in [("bare", &bare), ("operator", &operator)] {
            for (name, percent) in [("p50_ms", 50), ("p99_ms", 99)] {
                let value = percentile(latencies, percent)
                    .ok_or_else(|| Error::Unmeasurable("no latency".into()))?;
                bench.figures.add(format!("latency.{who}.{name}"), value);
            }
        }
        bare_all.extend(bare);
        operator_all.extend(operator);
    }
    for (who, latencies) in [("bare", &bare_all), ("operator", &operator_all)] {
        for percent in [50, 99] {
            if let Some(value) = percentile(latencies, percent) {
                bench.figures.add(format!("latency.{who}.all_p{percent}_ms"), value);
            }
        }
    }
    Ok(())
}

/// The latencies in milliseconds of one side, on a control plane of its own.
async fn measure(bench: &Bench, by_operator: bool) -> Result<Vec<f64>, Error> {
    let plane = Plane::up().await?;
    let mut operator = if by_operator { Some(bench.operate(&plane, &[])?) } else { None };
    if let Some(operator) = &mut operator {
        operator.steady(0).await?;
    }
    let total = bench.plan.latencies + FIRST;
    let bare = Bare::prepare(plane.api(), 0..total)?;
    let eyes = Eyes::open(plane.api()).await?;
    plane.rest().await?;
    let begun = Arc::new(Mutex::new(vec![None; total]));
    load::paced(0..total, RATE, |number| {
        let (api, bare, begun) = (plane.api().clone(), Arc::clone(&bare), Arc::clone(&begun));
        async move {
            begun.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(Instant::now());
            if by_operator { create(&api, number).await } else { bare.one(number).await }
        }
    })
    .await?;
    eyes.until(LIMIT, "all children are there", |sight| (sight.complete() >= total).then_some(()))
        .await?;
    let begun = begun.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut latencies = Vec::with_capacity(total);
    for number in FIRST..total {
        let (begun, children) = (begun[number], eyes.sight().children(&name(number)));
        let latency =
            begun.zip(children).map(|(begun, children)| children.saturating_duration_since(begun));
        latencies.push(
            latency
                .ok_or_else(|| Error::Unmeasurable("a resource was not seen".into()))?
                .as_secs_f64()
                * 1000.0,
        );
    }
    let [p50, p99] = [50, 99].map(|percent| percentile(&latencies, percent).unwrap_or(f64::NAN));
    tell(format!(
        "{} at {RATE}/s: p50 {p50:.2} ms, p99 {p99:.2} ms",
        if by_operator { "Operator" } else { "Bare" }
    ));
    if let Some(operator) = operator {
        operator.stop().await?;
    }
    Ok(latencies)
}

async fn create(api: &Api, number: usize) -> Result<(), Error> {
    let body = serde_json::to_string(&echo(&name(number)))
        .map_err(|error| Error::Workload(error.to_string()))?;
    api.create(&kinds()[0].path(Some(NAMESPACE)), body).await.map(drop)
}
