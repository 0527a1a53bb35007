//! Row 4, delete: resources are created, edited and deleted beside the controller manager. Garbage
//! collection deletes the children, and the operator sends nothing.
//!
//! The controller manager sends requests for the same kinds, so that the API server's counters do
//! not count the operator alone. Here the operator's own counter is the figure; the API server's
//! count of applies, which only the operator sends, must confirm its writes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::{Bench, progress};
use crate::client::Api;
use crate::error::Error;
use crate::load;
use crate::observer::{Observer, RESOURCE, State};
use crate::operator::{Metrics, Operator, count};
use crate::plane::Plane;
use crate::requests::Requests;
use crate::wait::{Look, until};
use crate::workload::Workload;

const LIMIT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(300);
const WORKLOAD: Workload = Workload::Echo;

/// Creates, edits and deletes some resources.
pub(super) async fn run(bench: &mut Bench) -> Result<(), Error> {
    let n = bench.plan.sample;
    let plane = Plane::start_with_controller_manager(WORKLOAD).await?;
    let mut operator = bench.operate(&plane, WORKLOAD, &[])?;
    operator.steady(0).await?;
    let observer = Observer::start(plane.api(), WORKLOAD).await?;
    let mut step = Step::begin(&plane, &mut operator).await?;

    load::create(plane.api(), WORKLOAD, 0..n, load::ignore).await?;
    observer.all_complete(LIMIT, n).await?;
    reached(plane.api(), n, "every status shows two pods", |status| status["replicas"] == 2)
        .await?;
    step.end(bench, &plane, &mut operator, "create").await?;

    let api = plane.api().clone();
    load::run_all(0..n, move |number| {
        let (api, path) = (api.clone(), WORKLOAD.path(RESOURCE, number));
        async move { api.merge(&path, &json!({ "spec": { "replicas": 3 } })).await }
    })
    .await?;
    let is_edited = |status: &Value| status["replicas"] == 3 && status["observedGeneration"] == 2;
    reached(plane.api(), n, "every status shows the edit", is_edited).await?;
    step.end(bench, &plane, &mut operator, "edit").await?;

    let api = plane.api().clone();
    load::run_all(0..n, move |number| {
        let (api, path) = (api.clone(), WORKLOAD.path(RESOURCE, number));
        async move { api.delete(&path).await }
    })
    .await?;
    let is_empty = |state: &State| (0..3).all(|kind| state.count(kind) == 0).then_some(());
    observer.until(LIMIT, "garbage collection has deleted all children", is_empty).await?;
    operator.until("has seen every deletion", |now| now.resources() == 0.0).await?;
    step.end(bench, &plane, &mut operator, "delete").await?;
    operator.stop().await
}

/// The counters at the start of a step.
struct Step {
    requests: Requests,
    metrics: Metrics,
}

impl Step {
    async fn begin(plane: &Plane, operator: &mut Operator) -> Result<Self, Error> {
        let metrics = operator.rest().await?;
        Ok(Self { requests: Requests::read(plane.api()).await?, metrics })
    }

    async fn end(
        &mut self,
        bench: &mut Bench,
        plane: &Plane,
        operator: &mut Operator,
        what: &str,
    ) -> Result<(), Error> {
        let now = Self::begin(plane, operator).await?;
        let requests = now.metrics.requests() - self.metrics.requests();
        let applies = now.requests.since(&self.requests).applies();
        let writes = now.metrics.writes() - self.metrics.writes();
        applies.confirm(&format!("{what}, applies"), writes)?;
        let each = requests / count(bench.plan.sample);
        bench.figures.add(format!("lifecycle.{what}.requests"), each);
        progress(format!("Lifecycle, {what}: {each} requests of the operator per resource"));
        *self = now;
        Ok(())
    }
}

/// Waits until `condition` holds for the status of all `n` resources.
async fn reached(
    api: &Api,
    n: usize,
    what: &str,
    condition: impl Fn(&Value) -> bool,
) -> Result<(), Error> {
    until(what, LIMIT, POLL, async || {
        let list: Value = api.read(&WORKLOAD.collection()).await?;
        let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
        let reached = items.iter().filter(|item| condition(&item["status"])).count();
        let seen = || Look::Seen(format!("{reached} of {n}"));
        Ok(if reached == n { Look::Found(()) } else { seen() })
    })
    .await
}
