//! Row 4, delete: whole lives beside the controller manager: create, as ready as it gets without
//! nodes, edit, delete. Garbage collection takes the children, and the operator sends nothing for
//! it.
//!
//! The controller manager uses the same kinds, so that what the API server counts is not the
//! operator's alone: here the operator's own counter is the figure, and the API server's count of
//! applies, which nobody else sends, must agree with its writes.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::{Bench, tell};
use crate::client::Api;
use crate::error::Error;
use crate::load;
use crate::operator::{Operator, Said, count};
use crate::plane::Plane;
use crate::requests::Requests;
use crate::watch::{ECHO, Eyes};
use crate::workload::{NAMESPACE, kinds, name, path};

const LIMIT: Duration = Duration::from_mins(2);

#[derive(Deserialize)]
struct Listed {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    replicas: u32,
    observed_generation: u64,
}

/// Lets some resources live and die.
pub(crate) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let n = bench.plan.sample;
    let plane = Plane::with_controller_manager().await?;
    let mut operator = bench.operate(&plane, &[])?;
    operator.steady(0).await?;
    let eyes = Eyes::open(plane.api()).await?;
    let mut step = Step::begin(&plane, &mut operator).await?;

    load::create(plane.api(), 0..n).await?;
    eyes.until(LIMIT, "all resources are complete", |sight| (sight.complete() >= n).then_some(()))
        .await?;
    reached(
        plane.api(),
        |status| status.replicas == 2,
        "the status shows the pods that were asked for",
    )
    .await?;
    step.end(bench, &plane, &mut operator, "create").await?;

    let api = plane.api().clone();
    load::all(0..n, move |number| {
        let api = api.clone();
        async move {
            api.merge(&path(&kinds()[0], &name(number)), &json!({ "spec": { "replicas": 3 } }))
                .await
                .map(drop)
        }
    })
    .await?;
    reached(
        plane.api(),
        |s| s.replicas == 3 && s.observed_generation == 2,
        "the status shows the edit",
    )
    .await?;
    step.end(bench, &plane, &mut operator, "edit").await?;

    let api = plane.api().clone();
    load::all(0..n, move |number| {
        let api = api.clone();
        async move { api.delete(&path(&kinds()[0], &name(number))).await }
    })
    .await?;
    let gone =
        |sight: &crate::watch::Sight| (0..3).all(|kind| sight.count(kind) == 0).then_some(());
    eyes.until(LIMIT, "garbage collection has taken all children", gone).await?;
    debug_assert_eq!(eyes.sight().count(ECHO), 0);
    step.end(bench, &plane, &mut operator, "delete").await?;
    operator.stop().await
}

/// Counts from one step to the next.
struct Step {
    requests: Requests,
    said: Said,
}

impl Step {
    async fn begin(plane: &Plane, operator: &mut Operator) -> Result<Self, Error> {
        let said = operator.rest().await?;
        Ok(Self { requests: Requests::so_far(plane.api()).await?, said })
    }

    async fn end(
        &mut self,
        bench: &mut Bench,
        plane: &Plane,
        operator: &mut Operator,
        what: &str,
    ) -> Result<(), Error> {
        let now = Self::begin(plane, operator).await?;
        let requests = now.said.requests() - self.said.requests();
        let applies = now.requests.since(&self.requests).applies();
        applies.agreed(&format!("{what}, applies"), now.said.writes() - self.said.writes())?;
        let each = requests / count(bench.plan.sample);
        bench.figures.add(format!("lifecycle.{what}.requests"), each);
        tell(format!("Whole life, {what}: {each} requests of the operator for each resource"));
        *self = now;
        Ok(())
    }
}

/// Waits until all resources have such a status.
async fn reached(api: &Api, holds: impl Fn(&Status) -> bool, what: &str) -> Result<(), Error> {
    let deadline = tokio::time::Instant::now() + LIMIT;
    loop {
        let listed: Listed = api.read(&kinds()[0].path(Some(NAMESPACE))).await?;
        let there = listed.items.iter().filter(|item| holds(&item.status)).count();
        if there == listed.items.len() {
            return Ok(());
        }
        if tokio::time::Instant::now() > deadline {
            let seen = format!("{there} of {}", listed.items.len());
            return Err(Error::Late { what: what.to_owned(), within: LIMIT, seen });
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
