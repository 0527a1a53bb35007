//! The gate: an operator that is fast because it does not look does not pass. The children of some
//! resources are damaged, and all of them must become exactly what they were. If one does not, no
//! figure counts.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Bench, CONVERGE, tell};
use crate::client::Api;
use crate::error::Error;
use crate::load;
use crate::plane::Plane;
use crate::watch::Eyes;
use crate::workload::{kinds, name, path};

/// Resources that are there; every one of the first [`DAMAGED`] has something damaged.
const RESOURCES: usize = 100;
const DAMAGED: usize = 40;
/// How long repairs may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Index of the kinds among [`kinds`].
const DEPLOYMENT: usize = 1;
const SERVICE: usize = 2;

/// What somebody does to a child.
enum Damage {
    Change(Value),
    Delete,
}

/// Damages, and waits until all is repaired.
pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let plane = Plane::up().await?;
    bench.kubernetes = Some(plane.version());
    let operator = bench.operate(&plane, &[])?;
    let eyes = Eyes::open(plane.api()).await?;
    load::create(plane.api(), 0..RESOURCES).await?;
    eyes.until(CONVERGE, "all resources are complete", |sight| {
        (sight.complete() >= RESOURCES).then_some(())
    })
    .await?;
    let mut wanted = Vec::new();
    for number in 0..DAMAGED {
        let (kind, damage) = damage(number);
        let path = path(&kinds()[kind], &name(number));
        let before = stripped(plane.api(), &path).await?;
        match damage {
            Damage::Change(change) => drop(plane.api().merge(&path, &change).await?),
            Damage::Delete => plane.api().delete(&path).await?,
        }
        wanted.push((path, before));
    }
    let deadline = tokio::time::Instant::now() + LIMIT;
    for (path, before) in &wanted {
        loop {
            let now = stripped(plane.api(), path).await;
            if now.as_ref().is_ok_and(|now| now == before) {
                break;
            }
            if tokio::time::Instant::now() > deadline {
                let seen = now.map_or_else(|error| error.to_string(), |now| now.to_string());
                let what = format!("{path} is what it was: {before}");
                return Err(Error::Late { what, within: LIMIT, seen });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    tell(format!("Gate: {DAMAGED} damaged children are exactly as they were"));
    operator.stop().await
}

/// One sort of damage after the other.
fn damage(number: usize) -> (usize, Damage) {
    match number % 6 {
        0 => (DEPLOYMENT, Damage::Change(json!({ "spec": { "replicas": 7 } }))),
        1 => (
            SERVICE,
            Damage::Change(
                json!({ "metadata": { "labels": { "app.kubernetes.io/name": "other" } } }),
            ),
        ),
        2 => (DEPLOYMENT, Damage::Delete),
        // A selector is one value as a whole: a key that somebody adds makes it another.
        3 => (SERVICE, Damage::Change(json!({ "spec": { "selector": { "foreign": "yes" } } }))),
        4 => (SERVICE, Damage::Delete),
        _ => (
            DEPLOYMENT,
            Damage::Change(
                json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": null } } }),
            ),
        ),
    }
}

/// An object without what a repair or a new beginning may change: identity, version, times,
/// address, who wrote it.
async fn stripped(api: &Api, path: &str) -> Result<Value, Error> {
    let mut object: Value = api.read(path).await?;
    for (parent, fields) in [
        (
            "/metadata",
            &["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"][..],
        ),
        ("/spec", &["clusterIP", "clusterIPs"]),
        ("", &["status"]),
    ] {
        if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
            parent.retain(|field, _| !fields.contains(&field.as_str()));
        }
    }
    Ok(object)
}
