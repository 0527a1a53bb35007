//! Work on many resources: a number in flight, or a number per second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::client::Api;
use crate::error::Error;
use crate::workload::Workload;

/// Creates in flight, the same for the operator and the bare client: twice as many as either
/// handles at a time, so that both always have work.
const IN_FLIGHT: usize = 16;

/// Runs `work` for every number in the range, [`IN_FLIGHT`] at a time. The first error ends it.
pub(crate) async fn run_all<F>(
    numbers: std::ops::Range<usize>,
    work: impl Fn(usize) -> F + Send + Sync + 'static,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>> + Send,
{
    let (next, work) = (Arc::new(AtomicUsize::new(numbers.start)), Arc::new(work));
    let mut workers: JoinSet<Result<(), Error>> = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (next, work, end) = (Arc::clone(&next), Arc::clone(&work), numbers.end);
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return Ok(());
                }
                work(number).await?;
            }
        });
    }
    while let Some(ended) = workers.join_next().await {
        ended.map_err(Error::connection)??;
    }
    Ok(())
}

/// Starts `work` for every number in the range at this rate, then waits for all of it.
pub(crate) async fn run_at_rate<F>(
    numbers: std::ops::Range<usize>,
    per_second: u32,
    mut work: impl FnMut(usize) -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut started = JoinSet::new();
    for number in numbers {
        ticks.tick().await;
        started.spawn(work(number));
    }
    while let Some(ended) = started.join_next().await {
        ended.map_err(Error::connection)??;
    }
    Ok(())
}

/// Creates the resources with these numbers, and calls `created` with each answer.
pub(crate) async fn create(
    api: &Api,
    workload: Workload,
    numbers: std::ops::Range<usize>,
    created: impl Fn(usize, Bytes) -> Result<(), Error> + Send + Sync + 'static,
) -> Result<(), Error> {
    // All bodies exist before the first request, so that building them costs the run nothing.
    let bodies = numbers.clone().map(|number| workload.body(&workload.object_name(number)));
    let bodies: Arc<[String]> = bodies.collect::<Result<_, _>>()?;
    let (api, first, created) = (api.clone(), numbers.start, Arc::new(created));
    let collection: Arc<str> = workload.collection().into();
    run_all(numbers, move |number| {
        let (api, bodies, collection) = (api.clone(), Arc::clone(&bodies), Arc::clone(&collection));
        let created = Arc::clone(&created);
        async move {
            let body = bodies[number - first].clone();
            created(number, api.create(&collection, body).await?)
        }
    })
    .await
}

/// For [`create`] if the answers are not needed.
#[allow(clippy::unnecessary_wraps)] // the form that `create` calls
pub(crate) fn ignore(_: usize, _: Bytes) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn every_number_is_worked_on_once() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        run_all(5..100, move |number| {
            let record = Arc::clone(&record);
            async move {
                record.lock().unwrap().push(number);
                Ok(())
            }
        })
        .await
        .unwrap();
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable();
        assert_eq!(seen, (5..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn the_error_of_one_number_is_returned() {
        let failed = run_all(0..50, |number| async move {
            if number == 20 { Err(Error::Interrupted) } else { Ok(()) }
        })
        .await;
        assert!(matches!(failed, Err(Error::Interrupted)));
    }
}
