//! Rows 1, 2, 4, 9, 10: many resources at once, by the bare client and by the operator in turns.
//!
//! The clock goes from the first create until the bench's own eyes have seen all children and all
//! statuses. CPU time counts until a moment later, so that what a run has set off (watch events,
//! second looks) is paid for, by both. Which of the two goes first alternates, and ratios are those
//! of neighbours in time. All processes share the machine's cores, the bench's own among
//! them; whatever else runs there is in every figure.
//!
//! The bench's own CPU time tells what sending costs alone: it creates the resources and looks on
//! in either case, and as the bare client it sends the three writes, too, over the same connections
//! as the operator. The difference is what the writes take.
//!
//! The bare client runs once more while the three kinds are watched as the operator watches them:
//! what the API server does for these watches no operator that sees its children can do without, so
//! that is the floor of rows 1 and 2.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::Value;

use super::{AFTERWARDS, Bench, CONVERGE, tell};
use crate::bare::Bare;
use crate::client::decode;
use crate::error::Error;
use crate::load;
use crate::operator::count;
use crate::plane::Plane;
use crate::proc::Cpu;
use crate::requests::Requests;
use crate::watch::{Eyes, Onlookers};
use crate::workload::{CHILDREN, UID, kinds, name, path};

/// Who writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Bare,
    /// The bare client, while somebody watches what the operator watches.
    Watched,
    Operator,
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Watched => "watched",
            Self::Operator => "operator",
        }
    }
}

/// Runs all repeats with `n` resources.
pub(crate) async fn run(bench: &mut Bench, n: usize) -> Result<(), Error> {
    for repeat in 0..bench.plan.repeats {
        let order =
            if repeat % 2 == 0 { [Who::Bare, Who::Operator] } else { [Who::Operator, Who::Bare] };
        let mut left = Vec::new();
        for who in order {
            left.push(one(bench, n, who).await?);
        }
        if n == bench.plan.large && repeat < bench.plan.repeats.div_ceil(2) {
            one(bench, n, Who::Watched).await?;
        }
        let figures = &mut bench.figures;
        let [with, without] = [Who::Bare, Who::Operator]
            .map(|who| figures.last(&format!("create.{n}.{}.bench_cpu_ms", who.name())));
        if let (Some(with), Some(without)) = (with, without) {
            figures.add(format!("create.{n}.floor_ms"), with - without);
        }
        if let Some(difference) = difference(&left[0], &left[1], "") {
            return Err(Error::Unmeasurable(format!(
                "{:?} and {:?} do not leave the same behind: {difference}",
                order[0], order[1]
            )));
        }
    }
    Ok(())
}

/// One run; gives what it left of its first resource.
async fn one(bench: &mut Bench, n: usize, who: Who) -> Result<Value, Error> {
    let plane = Plane::up().await?;
    bench.kubernetes = Some(plane.version());
    let bare = if who == Who::Operator { None } else { Some(Bare::prepare(plane.api(), 0..n)?) };
    let onlookers =
        if who == Who::Watched { Some(Onlookers::open(plane.api()).await?) } else { None };
    let mut operator = if who == Who::Operator { Some(bench.operate(&plane, &[])?) } else { None };
    if let Some(operator) = &mut operator {
        operator.steady(0).await?;
    }
    let eyes = Eyes::open(plane.api()).await?;
    let requests = Requests::so_far(plane.api()).await?;
    let said = match &mut operator {
        Some(operator) => Some((Cpu::of(operator.pid())?, operator.rest().await?)),
        None => None,
    };
    plane.rest().await?;
    let cpu = plane.cpu()?;
    let own = operator.as_ref().map(|operator| Cpu::of(operator.pid())).transpose()?;
    let bench_cpu = Cpu::of(std::process::id())?;
    let started = Instant::now();
    match &bare {
        Some(bare) => bare.all().await?,
        None => load::create(plane.api(), 0..n).await?,
    }
    let done = eyes.until(CONVERGE, format!("{n} resources are complete"), |sight| {
        if sight.complete() >= n { sight.completed() } else { None }
    });
    let took = (done.await? - started).as_secs_f64();
    tokio::time::sleep(AFTERWARDS).await;

    onlookers.map_or(Ok(()), Onlookers::close)?;
    let prefix = format!("create.{n}.{}", who.name());
    let plane_cpu = plane.cpu_since(&cpu)?.millis() / count(n);
    let bench_cpu = Cpu::of(std::process::id())?.since(bench_cpu).millis() / count(n);
    let figures = &mut bench.figures;
    figures.add(format!("{prefix}.bench_cpu_ms"), bench_cpu);
    figures.add(format!("{prefix}.rate"), count(n) / took);
    figures.add(format!("{prefix}.plane_cpu_ms"), plane_cpu);
    let mut story =
        format!("{who:?}, N={n}: {:.1}/s, control plane {plane_cpu:.3} ms each", count(n) / took);
    let answered = Requests::so_far(plane.api()).await?.since(&requests);
    // The bare client's first create has to be there for both.
    let answered = answered.without("POST", "echoes", count(n));
    let per_resource = match (&mut operator, said, own) {
        (Some(operator), Some((_, before)), Some(own)) => {
            let cpu = Cpu::of(operator.pid())?.since(own).millis() / count(n);
            let now = operator.rest().await?;
            let requests = answered.agreed("create", now.requests() - before.requests())?;
            figures.add(format!("{prefix}.cpu_ms"), cpu);
            figures.add(
                format!("{prefix}.reconciles"),
                (now.reconciles() - before.reconciles()) / count(n),
            );
            story = format!("{story}, operator {cpu:.3} ms each");
            requests
        }
        _ => answered.agreed("create", count(n) * (f64::from(CHILDREN) + 1.0))?,
    };
    figures.add(format!("{prefix}.requests"), per_resource / count(n));
    tell(story);
    let left = what_is_left(&plane).await?;
    if let Some(operator) = operator {
        operator.stop().await?;
    }
    Ok(left)
}

/// The first resource and its children, without what is never the same: times, identities,
/// addresses.
async fn what_is_left(plane: &Plane) -> Result<Value, Error> {
    let mut left = Vec::new();
    for kind in kinds() {
        left.push(plane.api().read::<Value>(&path(&kind, &name(0))).await?);
    }
    // The resource's UID is a key in the children's managedFields.
    let uid = left[0]["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let text = Value::from(left).to_string().replace(&uid, UID);
    let mut left = decode("what is left", text.as_bytes())?;
    forget(&mut left);
    Ok(left)
}

/// Where two values differ first, and how.
fn difference(one: &Value, other: &Value, at: &str) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            let of = |map: &serde_json::Map<String, Value>, key| {
                map.get(key).cloned().unwrap_or_default()
            };
            keys.into_iter()
                .find_map(|key| difference(&of(one, key), &of(other, key), &format!("{at}.{key}")))
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let mut pairs = one.iter().zip(other).enumerate();
            pairs
                .find_map(|(index, (one, other))| difference(one, other, &format!("{at}[{index}]")))
        }
        _ => (one != other).then(|| format!("{at} is {one} and {other}")),
    }
}

/// Empties fields that differ from run to run. Their sizes stay out of it too: none of them varies
/// by more than a digit.
fn forget(value: &mut Value) {
    const VARYING: [&str; 9] = [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "time",
        "lastTransitionTime",
        "clusterIP",
        "clusterIPs",
        kubewright::labels::DESIRED_HASH,
        "lastUpdateTime",
    ];
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if VARYING.contains(&name.as_str()) { *value = Value::Null } else { forget(value) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(forget),
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::*;
    use crate::plan::Plan;

    /// On a control plane of its own, as every run: with what is listed under `KUBEWRIGHT_ASSETS`,
    /// or built.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_bare_client_writes_everything_that_belongs_to_a_resource_and_each_request_is_counted()
     {
        let mut bench = Bench::new(Plan::smoke(), PathBuf::new());
        let left = one(&mut bench, 20, Who::Bare).await.unwrap();
        assert_eq!(bench.figures.get("create.20.bare.requests"), Ok(&[3.0][..]));
        assert!(bench.figures.get("create.20.bare.rate").unwrap()[0] > 0.0);
        assert_eq!(left[0]["status"]["ready"], "0/2");
        assert_eq!(left[1]["metadata"]["ownerReferences"][0]["name"], "echo-00000");
    }

    #[test]
    fn a_difference_is_told_with_its_place() {
        let one = json!({ "a": [{ "b": 1 }], "c": 2 });
        assert_eq!(difference(&one, &one, ""), None);
        let other = json!({ "a": [{ "b": 3 }], "c": 2 });
        assert_eq!(difference(&one, &other, "").as_deref(), Some(".a[0].b is 1 and 3"));
        let other = json!({ "a": [{ "b": 1 }] });
        assert_eq!(difference(&one, &other, "").as_deref(), Some(".c is 2 and null"));
    }

    #[test]
    fn what_varies_is_forgotten_wherever_it_is() {
        let mut object = json!({ "metadata": { "uid": "u", "managedFields": [{ "time": "t", "manager": "m" }] } });
        forget(&mut object);
        assert_eq!(
            object,
            json!({ "metadata": { "uid": null, "managedFields": [{ "time": null, "manager": "m" }] } })
        );
    }
}
