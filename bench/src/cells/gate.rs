//! The gate: an operator that is fast because it misses changes fails here. The bench changes or
//! deletes children, and the operator must restore each of them exactly. If it does not, no figure
//! counts.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, CONVERGE, progress};
use crate::client::Api;
use crate::error::Error;
use crate::load;
use crate::observer::Observer;
use crate::plane::Plane;
use crate::workload::Workload;

/// Existing resources. One child of each of the first [`DAMAGED`] is changed or deleted.
const RESOURCES: usize = 100;
const DAMAGED: usize = 40;
/// How long the repairs may take.
const LIMIT: Duration = Duration::from_secs(30);
/// Indexes of the kinds of an Echo.
const DEPLOYMENT: usize = 1;
const SERVICE: usize = 2;

/// What happens to a child.
enum Damage {
    Change(Value),
    Delete,
}

/// Changes and deletes children, and waits until all are restored.
pub(super) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let workload = Workload::Echo;
    let plane = Plane::start(workload).await?;
    bench.kubernetes = Some(plane.version());
    let operator = bench.operate(&plane, workload, &[])?;
    let observer = Observer::start(plane.api(), workload).await?;
    load::create(plane.api(), workload, 0..RESOURCES, load::ignore).await?;
    observer.all_complete(CONVERGE, RESOURCES).await?;
    let mut wanted = Vec::new();
    for number in 0..DAMAGED {
        let (kind, damage) = damage(number);
        let path = workload.path(kind, number);
        let before = stripped(plane.api(), &path).await?;
        match damage {
            Damage::Change(change) => plane.api().merge(&path, &change).await?,
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
                let what = format!("{path} is restored to {before}");
                return Err(Error::Late { what, within: LIMIT, seen });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    progress(format!("Gate: the operator restored all {DAMAGED} damaged children"));
    operator.stop().await
}

/// Six kinds of damage in turn.
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
        // A selector is atomic: an additional key changes all of it.
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

/// An object without the fields that a repair may change: identity, version, times, address and
/// managers.
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
