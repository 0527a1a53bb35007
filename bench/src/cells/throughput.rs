//! Rows 1, 2, 4, 9, 10, 11: many resources at once, written by the operator and by the bare client
//! in turns.
//!
//! The bench creates the resources and observes them, the same for both. The clock runs from the
//! first create until the bench has seen all children and all statuses. CPU time counts until the
//! control plane and the client are at rest, at least one second longer, so that watch events and
//! second reconciles are included. The two take turns in going first, and a ratio compares
//! neighbours in time.
//!
//! A third run, without a bound, is the bare client without watches: what the writes alone cost.

use std::time::Instant;

use serde_json::Value;

use crate::bare::Feed;
use crate::bare_process::{BareProcess, Input};
use crate::bench::{Bench, CONVERGE, afterwards, progress};
use crate::client::decode;
use crate::difference::difference;
use crate::error::Error;
use crate::figures::other_load;
use crate::load;
use crate::observer::Observer;
use crate::operator::{Operator, count};
use crate::other_load::OtherLoad;
use crate::plane::Plane;
use crate::proc::{Cpu, millis_since};
use crate::process::Process;
use crate::requests::Requests;
use crate::workload::{Workload, uid};

/// Which client writes the children and the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Operator,
    Bare,
    BareWithoutWatches,
}

impl Client {
    /// Part of the names of figures.
    fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Bare => "bare",
            Self::BareWithoutWatches => "writes",
        }
    }
}

/// A client that runs.
enum Running {
    Operator(Operator),
    Bare(BareProcess),
}

impl Running {
    fn process(&mut self) -> &mut Process {
        match self {
            Self::Operator(operator) => &mut operator.process,
            Self::Bare(bare) => &mut bare.process,
        }
    }

    /// Resources that it still has to reconcile, if it counts them.
    async fn in_work(&mut self) -> Result<f64, Error> {
        match self {
            Self::Operator(operator) => Ok(operator.metrics().await?.in_work()),
            Self::Bare(_) => Ok(0.0),
        }
    }

    fn input(&self) -> Option<Input> {
        match self {
            Self::Operator(_) => None,
            Self::Bare(bare) => Some(bare.input()),
        }
    }
}

/// Measures `repeats` pairs of runs with `n` resources.
pub(super) async fn run(
    bench: &mut Bench,
    workload: Workload,
    n: usize,
    repeats: usize,
) -> Result<(), Error> {
    for repeat in 0..repeats {
        let mut order = [Client::Bare, Client::Operator];
        if repeat % 2 == 1 {
            order.reverse();
        }
        let one = measure(bench, workload, n, order[0]).await?;
        let other = measure(bench, workload, n, order[1]).await?;
        if let Some(difference) = difference(&one, &other) {
            return Err(Error::Unmeasurable(format!(
                "{:?} and {:?} create different objects: {difference}",
                order[0], order[1]
            )));
        }
        if n == bench.plan.large && repeat < repeats.div_ceil(2) {
            measure(bench, workload, n, Client::BareWithoutWatches).await?;
        }
    }
    Ok(())
}

/// One run. Returns the first resource and its children.
async fn measure(
    bench: &mut Bench,
    workload: Workload,
    n: usize,
    client: Client,
) -> Result<Value, Error> {
    let plane = Plane::start(workload).await?;
    bench.kubernetes = Some(plane.version());
    let mut running = start(bench, &plane, workload, client).await?;
    let observer = Observer::start(plane.api(), workload).await?;
    let answered = Requests::read(plane.api()).await?;
    let reconciles = match &mut running {
        Running::Operator(operator) => Some(operator.rest().await?),
        Running::Bare(_) => None,
    };
    plane.rest().await?;
    let client_pid = running.process().pid();
    let load = OtherLoad::begin(&[plane.processes(), &[client_pid]].concat())?;
    let plane_cpu = Cpu::read_all(plane.processes())?;
    let cpu = Cpu::read(client_pid)?;
    let started = Instant::now();
    let input = running.input();
    let created = load::create(plane.api(), workload, 0..n, move |number, answer| {
        input.as_ref().map_or(Ok(()), |input| input.created(number, &answer))
    });
    let all = async {
        created.await?;
        observer.all_complete(CONVERGE, n).await
    };
    let completed = tokio::select! {
        completed = all => completed?,
        error = running.process().unexpected_end() => return Err(error),
    };
    let rate = count(n) / (completed - started).as_secs_f64();
    afterwards(&plane, client_pid, async || running.in_work().await).await?;
    let plane_cpu = millis_since(plane.processes(), &plane_cpu)? / count(n);
    let cpu = Cpu::read(client_pid)?.since(cpu) / count(n);
    let others = load.share()?;
    // The creates come from the bench.
    let resource = &workload.kinds()[0].plural;
    let answered =
        Requests::read(plane.api()).await?.since(&answered).without("POST", resource, count(n));
    let prefix = format!("create.{workload}.{n}.{}", client.name());
    bench.figures.add(other_load(&prefix), others);
    let mut add = |name: &str, value| bench.figures.add(format!("{prefix}.{name}"), value);
    add("rate", rate);
    add("plane_cpu_ms", plane_cpu);
    add("cpu_ms", cpu);
    let sent = match (&mut running, reconciles) {
        (Running::Operator(operator), Some(before)) => {
            let now = operator.rest().await?;
            add("reconciles", (now.reconciles() - before.reconciles()) / count(n));
            now.requests() - before.requests()
        }
        _ => count(n * bench.writes_per_resource(workload)?),
    };
    let requests = answered.confirm("create", sent)? / count(n);
    bench.figures.add(format!("{prefix}.requests"), requests);
    progress(format!(
        "{workload}, N={n}, {client:?}: {rate:.1}/s; CPU of each: {plane_cpu:.3} ms of the control \
         plane, {cpu:.3} ms of the client; other programs: {:.0} % of the cores",
        others * 100.0
    ));
    let objects = first_objects(&plane, workload).await?;
    if let Running::Operator(operator) = running {
        operator.stop().await?;
    }
    Ok(objects)
}

async fn start(
    bench: &Bench,
    plane: &Plane,
    workload: Workload,
    client: Client,
) -> Result<Running, Error> {
    let feed = match client {
        Client::Operator => {
            let mut operator = bench.operate(plane, workload, &[])?;
            operator.steady(0).await?;
            return Ok(Running::Operator(operator));
        }
        Client::Bare => Feed::Watch,
        Client::BareWithoutWatches => Feed::Stdin,
    };
    bench.start_bare(plane, workload, feed).await.map(Running::Bare)
}

/// The first resource and its children, without fields that differ in every run.
async fn first_objects(plane: &Plane, workload: Workload) -> Result<Value, Error> {
    let mut objects = Vec::new();
    for kind in 0..workload.kinds().len() {
        objects.push(plane.api().read::<Value>(&workload.path(kind, 0)).await?);
    }
    // The UID of the resource is a key in the managedFields of its children.
    let real = objects[0]["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let text = Value::from(objects).to_string().replace(&real, &uid(0));
    let mut objects = decode("the first resource", text.as_bytes())?;
    clear_varying(&mut objects);
    Ok(objects)
}

/// Sets the fields to null that differ from run to run. Their lengths are the same in every run.
fn clear_varying(value: &mut Value) {
    const VARYING: [&str; 9] = [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "time",
        "lastTransitionTime",
        "clusterIP",
        "clusterIPs",
        // The hash covers the UID of the owner.
        kubewright::labels::DESIRED_HASH,
        "lastUpdateTime",
    ];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if VARYING.contains(&name.as_str()) {
                    *value = Value::Null;
                } else {
                    clear_varying(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(clear_varying),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn varying_fields_are_cleared_at_every_depth() {
        let entry = json!({ "time": "t", "manager": "m" });
        let mut object = json!({ "metadata": { "uid": "u", "managedFields": [entry] } });
        clear_varying(&mut object);
        let entry = json!({ "time": null, "manager": "m" });
        let expected = json!({ "metadata": { "uid": null, "managedFields": [entry] } });
        assert_eq!(object, expected);
    }
}
