//! Records what an operator sends, and checks that the bare client sends the same.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::difference::difference;
use crate::error::Error;
use crate::recorder::{Recorder, Recording};
use crate::script::Script;
use crate::workload::Workload;

/// The recorder's pause before it answers, for the script of a measurement.
const SHORT_HOLD: Duration = Duration::from_millis(3);
/// The same for a comparison, which also counts the writes in flight. On a busy machine a client
/// can need a moment to send them all.
const LONG_HOLD: Duration = Duration::from_millis(200);
/// How often a difference that a pause can cause is compared again. The operator starts more runs
/// when a pause makes some last longer than a second.
const MAX_REPEATS: u32 = 3;
/// Resources of a comparison: several for each worker.
const COMPARED: usize = 32;

/// Records the script of a client that `start` starts with a kubeconfig. The client stops when the
/// value that `start` returns is dropped.
///
/// # Errors
/// [`Error::Unmeasurable`] if the writes of a resource come in other rounds than in the script that
/// was `compared`: the machine was too busy, and the bare client would be slower than the operator.
pub(crate) async fn record<Client>(
    workload: Workload,
    count: usize,
    compared: &Script,
    start: impl AsyncFnOnce(&Path) -> Result<Client, Error>,
) -> Result<Script, Error> {
    let recording = record_with(workload, count, SHORT_HOLD, start).await?;
    let script = Script::new(&recording, workload, count)?;
    if script.rounds == compared.rounds {
        return Ok(script);
    }
    Err(Error::Unmeasurable(format!(
        "the {workload} operator wrote the objects of each resource in rounds of {:?}, and of {:?} \
         when it was compared; is the machine busy?",
        script.rounds, compared.rounds
    )))
}

/// Records an operator, then a bare client with the operator's script. A pause of a busy machine
/// can change how many writes are in flight and how many connections are open, so the comparison is
/// repeated once if only these differ.
///
/// # Errors
/// [`Error::DifferentWork`] if the recordings differ: in requests, headers, bodies, order,
/// connections, or the number of writes in flight.
pub(crate) async fn compare<Operator, Bare>(
    workload: Workload,
    operator: impl AsyncFn(&Path) -> Result<Operator, Error>,
    bare: impl AsyncFn(&Path, &Script) -> Result<Bare, Error>,
) -> Result<Script, Error> {
    let different = |difference| Error::DifferentWork { workload: workload.name(), difference };
    let mut repeats = 0;
    loop {
        let by_operator = record_with(workload, COMPARED, LONG_HOLD, &operator).await?;
        let script = Script::new(&by_operator, workload, COMPARED)?;
        let start = async |kubeconfig: &Path| bare(kubeconfig, &script).await;
        let by_bare = record_with(workload, COMPARED, LONG_HOLD, start).await?;
        let (one, other) = (content(&by_operator, workload)?, content(&by_bare, workload)?);
        if let Some(difference) = difference(&one, &other) {
            return Err(different(difference));
        }
        match difference(&timing(&by_operator), &timing(&by_bare)) {
            None => return Ok(script),
            Some(difference) if repeats == MAX_REPEATS => return Err(different(difference)),
            Some(_) => repeats += 1,
        }
    }
}

async fn record_with<Client>(
    workload: Workload,
    count: usize,
    hold: Duration,
    start: impl AsyncFnOnce(&Path) -> Result<Client, Error>,
) -> Result<Recording, Error> {
    let recorder = Recorder::start(hold).await?;
    let client = start(recorder.kubeconfig()).await?;
    let recording = recorder.record(workload, count).await;
    drop(client);
    recording
}

/// What must be equal at any speed.
fn content(recording: &Recording, workload: Workload) -> Result<serde_json::Value, Error> {
    Ok(json!({
        "script": Script::new(recording, workload, COMPARED)?,
        "requests": recording.arrivals.len(),
    }))
}

/// What must be equal, and what a pause of a busy machine can change.
fn timing(recording: &Recording) -> serde_json::Value {
    json!({
        "writesInFlight": recording.most_writes_in_flight,
        "connections": recording.connections,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use kubewright_runtime::{Connect, Settings};
    use tokio::task::JoinSet;

    use super::*;
    use crate::bare::follow_watches;
    use crate::client::Api;

    /// The engine in this process; it stops with the returned value.
    fn engine(workload: Workload, kubeconfig: &Path) -> JoinSet<()> {
        let registry = workload.registry().only(&[workload.name().to_owned()]).unwrap();
        let connect = Connect { kubeconfig: Some(kubeconfig.to_owned()), context: None };
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let never = std::future::pending();
            kubewright_runtime::run(registry, connect, Settings::default(), never).await.unwrap();
        });
        tasks
    }

    /// The bare client in this process.
    fn bare(kubeconfig: &Path, script: &Script) -> Result<JoinSet<()>, Error> {
        let (api, script) = (Api::connect(kubeconfig)?, Arc::new(script.clone()));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { follow_watches(api, script, || ()).await.unwrap() });
        Ok(tasks)
    }

    async fn compared(workload: Workload, change: impl Fn(&mut Script)) -> Result<Script, Error> {
        let operator = async |kubeconfig: &Path| Ok(engine(workload, kubeconfig));
        let bare = async |kubeconfig: &Path, script: &Script| {
            let mut script = script.clone();
            change(&mut script);
            bare(kubeconfig, &script)
        };
        compare(workload, operator, bare).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_bare_client_sends_the_bytes_of_the_operator() {
        for workload in [Workload::Echo, Workload::Website] {
            let script = compared(workload, |_| ()).await.unwrap();
            assert_eq!(script.rounds, [2, 1], "two children side by side, then the status");
            let writes = &script.resources[0].writes;
            assert!(writes[2].path().ends_with("/status"));
            for child in &writes[..2] {
                let body: serde_json::Value = serde_json::from_str(&child.body).unwrap();
                assert_eq!(body["metadata"]["resourceVersion"], "1", "it must not exist yet");
                assert_eq!(body["metadata"]["ownerReferences"][0]["uid"], crate::workload::uid(0));
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_recording_in_other_rounds_than_the_compared_one_is_an_error() {
        let workload = Workload::Website;
        let start = async |kubeconfig: &Path| Ok(engine(workload, kubeconfig));
        let mut compared = compared(workload, |_| ()).await.unwrap();
        let script = record(workload, 40, &compared, start).await.unwrap();
        assert_eq!((script.resources.len(), &script.rounds), (40, &compared.rounds));
        compared.rounds = vec![1, 1, 1];
        let repeated = record(workload, 40, &compared, start).await.map(drop);
        let error = repeated.unwrap_err().to_string();
        assert!(error.contains("rounds of [2, 1], and of [1, 1, 1]"), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_difference_of_time_alone_is_compared_again() {
        let workload = Workload::Website;
        let bares = AtomicUsize::new(0);
        let operator = async |kubeconfig: &Path| Ok(engine(workload, kubeconfig));
        // The first bare client opens one more connection, for a request that both send.
        let bare = async |kubeconfig: &Path, script: &Script| {
            let mut script = script.clone();
            if bares.fetch_add(1, Ordering::Relaxed) == 0 {
                for request in std::mem::take(&mut script.start) {
                    Api::connect(kubeconfig)?.replay(&request, String::new()).await?;
                }
            }
            bare(kubeconfig, &script)
        };
        compare(workload, operator, bare).await.unwrap();
        assert_eq!(bares.into_inner(), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_difference_between_the_two_is_an_error() {
        type Change = fn(&mut Script);
        let changes: [(&str, Change); 5] = [
            (".script.resources[3].writes[0].uri", |script| {
                let uri = &mut script.resources[3].writes[0].uri;
                *uri = uri.replace("&force=true", "");
            }),
            (".script.resources[5].writes[1].headers.accept", |script| {
                script.resources[5].writes[1].headers.remove("accept");
            }),
            (".script.resources[0].writes[2].body", |script| {
                let body = &mut script.resources[0].writes[2].body;
                *body = body.replace("Reconciling", "Reconcilinh");
            }),
            (".script.rounds", |script| script.rounds = vec![1, 2]),
            (".requests", |script| {
                script.start.extend(script.collections.last().map(|c| c.list.clone()));
            }),
        ];
        for (place, change) in changes {
            match compared(Workload::Website, change).await {
                Err(Error::DifferentWork { difference, .. }) if difference.starts_with(place) => {}
                other => panic!("{place} was changed: {other:?}"),
            }
        }
    }
}
