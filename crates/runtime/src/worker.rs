//! The workers: take a key, reconcile it, decide when it comes again. A panic stays with its own
//! resource.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use kubewright_core::Class;

use crate::engine::{BACKOFF, Engine};
use crate::queue::{Given, WorkKey};
use crate::reconcile::{End, Run, reconcile};

impl Engine {
    /// One worker: until the queue is closed.
    pub(crate) async fn work(self: Arc<Self>) {
        while let Some(Given { key, priority, lag }) = self.queue.next().await {
            self.metrics.waited(priority, lag);
            let started = Instant::now();
            let run = AssertUnwindSafe(reconcile(&self, &key)).catch_unwind().await;
            let end = match run {
                Ok(end) => end,
                Err(panic) => self.panicked(&key, &story(&*panic)).await,
            };
            let name = self.running(key.controller).name;
            let error = match end {
                End::Failed(class) => Some(class),
                End::Parked => Some(Class::Invalid),
                End::Done | End::Waits => None,
            };
            self.metrics.reconciled(name, started.elapsed(), error);
            self.schedule(&key, &end);
            self.forget_if_gone(&key);
            self.queue.done(&key);
        }
    }

    /// One bad object never stops the others: it is told, and tried again later.
    async fn panicked(&self, key: &WorkKey, story: &str) -> End {
        let defect = format!("the operator panicked: {story}");
        let running = self.running(key.controller);
        let Some(parent) = running.parents.get(&key.key) else { return End::Done };
        let run = Run::new(self, running, key, parent);
        AssertUnwindSafe(run.defect(&defect))
            .catch_unwind()
            .await
            .unwrap_or(End::Failed(Class::Bug))
    }

    /// When a resource comes again.
    fn schedule(&self, key: &WorkKey, end: &End) {
        match end {
            End::Done | End::Parked => {
                self.retries.forget(key);
            }
            End::Waits | End::Failed(_) => {
                let parent = || self.running(key.controller).parents.get(&key.key);
                let generation = parent().and_then(|parent| parent.generation());
                // What the API server does not accept waits for an edit; but a policy or a webhook
                // may change too.
                let first = if *end == End::Failed(Class::Invalid) { BACKOFF.1 } else { BACKOFF.0 };
                let delay = self.retries.failed(key, generation, first, BACKOFF.1);
                self.queue.add_after(key.clone(), delay);
            }
        }
    }

    /// A resource that went while it was worked on: the run put things back that were already
    /// cleaned up.
    fn forget_if_gone(&self, key: &WorkKey) {
        if self.running(key.controller).parents.get(&key.key).is_none() {
            self.forget(key);
        }
    }
}

/// What a panic says.
fn story(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}
