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
use crate::wait::{Look, until};
use crate::workload::Workload;

/// Existing resources. One child of each of the first [`DAMAGED`] is changed or deleted.
const RESOURCES: usize = 100;
const DAMAGED: usize = 40;
const POLL: Duration = Duration::from_millis(50);
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
    let mut damaged = wanted.as_slice();
    until("every damaged child is restored", LIMIT, POLL, async || {
        while let [(path, before), rest @ ..] = damaged {
            match stripped(plane.api(), path).await {
                Ok(now) if now == *before => damaged = rest,
                Ok(now) => return Ok(Look::Seen(format!("{path} is {now} and was {before}"))),
                Err(error) => return Ok(Look::Seen(error.to_string())),
            }
        }
        Ok(Look::Found(()))
    })
    .await?;
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
