//! The workers: each takes a key, reconciles it, and decides when it runs again. A panic affects
//! only its own resource.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use kubewright_core::Class;

use super::backoff::{FIRST_DELAY, MAX_DELAY};
use super::context::{RunContext, RunOutcome};
use super::run::{reconcile, report_defect};
use super::schedule::WorkItem;
use crate::engine::Engine;
use crate::key::WorkKey;

/// Works until the queue is closed.
pub(crate) async fn work(engine: Arc<Engine>) {
    while let Some(WorkItem { key, priority, waited }) = engine.queue.next().await {
        engine.metrics.waited(priority, waited);
        let started = Instant::now();
        let outcome = match AssertUnwindSafe(reconcile(&engine, &key)).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(panic) => report_panic(&engine, &key, &panic_text(&*panic)).await,
        };
        let error = match outcome {
            RunOutcome::Failed(class) => Some(class),
            RunOutcome::Stalled => Some(Class::Invalid),
            RunOutcome::Done | RunOutcome::Repeat => None,
        };
        let controller = engine.controller(key.controller);
        engine.metrics.reconciled(controller.name, started.elapsed(), error);
        schedule(&engine, &key, outcome);
        // If the resource was deleted during the run, the run may have recorded something about it.
        // Forget it again.
        if controller.resources.get(&key.key).is_none() {
            engine.forget(&key);
        }
        engine.queue.done(&key);
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

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

/// Plans the next run.
fn schedule(engine: &Engine, key: &WorkKey, outcome: RunOutcome) {
    // The API server rejected an object (`Class::Invalid`). The object needs an edit, or a policy
    // or a webhook must change. So the run is repeated every 4 to 5 minutes.
    let first_delay = match outcome {
        RunOutcome::Done | RunOutcome::Stalled => return engine.retries.forget(key),
        RunOutcome::Failed(Class::Invalid) => MAX_DELAY,
        RunOutcome::Repeat | RunOutcome::Failed(_) => FIRST_DELAY,
    };
    let resource = engine.controller(key.controller).resources.get(&key.key);
    let generation = resource.and_then(|resource| resource.generation());
    let delay = engine.retries.failed(key, generation, first_delay);
    engine.queue.add_after(key.clone(), delay);
}
