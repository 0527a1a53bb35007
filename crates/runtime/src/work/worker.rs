//! The workers: each takes a key, reconciles it, and decides when it runs again. A panic affects
//! only its own resource, and never ends a worker.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use kubewright_core::Class;
use tokio::task::JoinSet;

use super::backoff::Delays;
use super::context::{RunContext, RunOutcome};
use super::run::{reconcile, report_defect};
use super::schedule::WorkItem;
use crate::engine::Engine;
use crate::key::WorkKey;

/// The pause before a worker that panicked continues: a defect must not become a hot loop.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// Starts workers for `count` runs at a time. They work until the queue is closed.
///
/// There are twice as many workers: while runs are slow, others take other namespaces.
pub(crate) fn start(engine: &Arc<Engine>, count: usize) -> JoinSet<()> {
    let count = count.max(1);
    engine.queue.set_workers(count);
    let mut workers = JoinSet::new();
    for _ in 0..2 * count {
        workers.spawn(work(Arc::clone(engine)));
    }
    workers
}

/// Waits until all workers have ended, however each of them ended.
pub(crate) async fn join(mut workers: JoinSet<()>) {
    while workers.join_next().await.is_some() {}
}

/// Works until the queue is closed. A panic outside of a run counts, and the worker continues.
async fn work(engine: Arc<Engine>) {
    while let Err(panic) = AssertUnwindSafe(take_keys(&engine)).catch_unwind().await {
        report_worker_panic(&engine, &*panic);
        tokio::time::sleep(AFTER_PANIC).await;
    }
}

async fn take_keys(engine: &Engine) {
    while let Some(WorkItem { key, priority, waited }) = engine.queue.next().await {
        engine.metrics.waited(priority, waited);
        if let Err(panic) = AssertUnwindSafe(run(engine, &key)).catch_unwind().await {
            report_worker_panic(engine, &*panic);
        }
        engine.queue.done(&key);
    }
}

/// Reconciles one resource and plans its next run.
async fn run(engine: &Engine, key: &WorkKey) {
    let started = Instant::now();
    let outcome = match AssertUnwindSafe(reconcile(engine, key)).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => report_panic(engine, key, &panic_text(&*panic)).await,
    };
    let error = match outcome {
        RunOutcome::Failed(class) => Some(class),
        RunOutcome::Stalled => Some(Class::Invalid),
        RunOutcome::Done | RunOutcome::Repeat => None,
    };
    let controller = engine.controller(key.controller);
    engine.metrics.reconciled(controller.name, started.elapsed(), error);
    schedule(engine, key, outcome);
    // If the resource was deleted during the run, the run may have recorded something about it.
    // Forget it again.
    if !controller.exists(&key.key) {
        engine.forget(key);
    }
}

/// Reports a panic of the operator in the status of its resource.
async fn report_panic(engine: &Engine, key: &WorkKey, text: &str) -> RunOutcome {
    let defect = format!("the operator panicked: {text}");
    let resource = engine.controller(key.controller).resources.get(&key.key);
    let Some(resource) = resource else { return RunOutcome::Done };
    let ctx = RunContext::new(engine, key, resource);
    let reported = AssertUnwindSafe(report_defect(&ctx, &defect)).catch_unwind().await;
    reported.unwrap_or(RunOutcome::Failed(Class::Bug))
}

/// Reports a panic of the engine itself: no resource is the cause.
fn report_worker_panic(engine: &Engine, panic: &(dyn Any + Send)) {
    engine.metrics.worker_panicked();
    let text = panic_text(panic);
    tracing::error!(text, "a worker panicked, and continues; report this bug");
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

/// Plans the next run.
fn schedule(engine: &Engine, key: &WorkKey, outcome: RunOutcome) {
    let delays = match outcome {
        RunOutcome::Done | RunOutcome::Stalled => return engine.retries.forget(key),
        RunOutcome::Failed(Class::Invalid) => Delays::REJECTED,
        RunOutcome::Failed(Class::Denied) => Delays::DENIED,
        RunOutcome::Repeat | RunOutcome::Failed(_) => Delays::USUAL,
    };
    let resource = engine.controller(key.controller).resources.get(&key.key);
    let generation = resource.and_then(|resource| resource.generation());
    let delay = engine.retries.failed(key, generation, delays);
    engine.queue.add_after(key.clone(), delay);
}

#[cfg(test)]
mod tests;
