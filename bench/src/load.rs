//! Work on many resources: so many in flight, or so many a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::client::Api;
use crate::error::Error;
use crate::workload::{self, kinds};

/// Resources in flight, of the bare client and of the loader: as many as the operator works on at
/// once.
pub(crate) const IN_FLIGHT: usize = 16;

/// Runs `work` for every number in the range, [`IN_FLIGHT`] at a time; the first error ends it.
pub(crate) async fn all<F>(
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
        ended.map_err(|error| Error::Workload(error.to_string()))??;
    }
    Ok(())
}

/// Starts `work` for every number in the range at this rate, whether the ones before have ended or
/// not; then waits for all.
pub(crate) async fn paced<F>(
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
        ended.map_err(|error| Error::Workload(error.to_string()))??;
    }
    Ok(())
}

/// Creates the Echoes with these numbers.
pub(crate) async fn create(api: &Api, numbers: std::ops::Range<usize>) -> Result<(), Error> {
    let mut bodies = Vec::with_capacity(numbers.len());
    for number in numbers.clone() {
        let text = serde_json::to_string(&workload::echo(&workload::name(number)));
        bodies.push(text.map_err(|error| Error::Workload(error.to_string()))?);
    }
    let (api, bodies, first) = (api.clone(), Arc::new(bodies), numbers.start);
    let collection: Arc<str> = kinds()[0].path(Some(workload::NAMESPACE)).into();
    all(numbers, move |number| {
        let (api, bodies, collection) = (api.clone(), Arc::clone(&bodies), Arc::clone(&collection));
        async move { api.create(&collection, bodies[number - first].clone()).await.map(drop) }
    })
    .await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn every_number_is_worked_on_once() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        all(5..100, move |number| {
            let note = Arc::clone(&note);
            async move {
                note.lock().unwrap().push(number);
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
    async fn an_error_of_one_is_the_error_of_all() {
        let failed = all(0..50, |number| async move {
            if number == 20 { Err(Error::Interrupted) } else { Ok(()) }
        })
        .await;
        assert!(matches!(failed, Err(Error::Interrupted)));
    }
}
