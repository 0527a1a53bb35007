//! The metrics in the OpenMetrics text format. Names and labels are part of the public interface.
//!
//! Labels have few values by construction (controllers, kinds, verbs, classes), never the name of
//! an object or the text of an error.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use kubewright_core::Class;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry, Unit};

use crate::work::schedule::Priority;

type Label = &'static str;

/// A set of labels: a struct whose field names are the label names.
macro_rules! labels {
    ($($name:ident { $($label:ident: $type:ty),* })*) => { $(
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        struct $name { $($label: $type),* }
    )* };
}

labels! {
    ControllerLabel { controller: Label }
    ErrorLabel { controller: Label, class: Label }
    WriteLabel { controller: Label, kind: String, action: Label }
    VerbLabel { verb: Label }
    RequestLabel { verb: Label, code: u16 }
    KindLabel { kind: String }
    PriorityLabel { priority: Label }
}

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics of one process.
pub(crate) struct Metrics {
    registry: Registry,
    reconciles: Family<ControllerLabel, Counter>,
    errors: Family<ErrorLabel, Counter>,
    durations: Durations<ControllerLabel>,
    writes: Family<WriteLabel, Counter>,
    requests: Family<RequestLabel, Counter>,
    request_durations: Durations<VerbLabel>,
    watch_failures: Family<KindLabel, Counter>,
    undecodable: Family<KindLabel, Counter>,
    resources: Family<ControllerLabel, Gauge>,
    queue_depth: Family<PriorityLabel, Gauge>,
    queue_lag: Durations<PriorityLabel>,
    running: Gauge,
    ready: Gauge,
    cache_age: Family<KindLabel, Gauge>,
    worker_panics: Counter,
    pending_expirations: Gauge,
    pending_rollouts: Family<ControllerLabel, Gauge>,
}

/// From 0.1 ms to 52 s.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 20))
}

/// From 1 ms to 9 min.
fn lags() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 20))
}

fn register<M: Metric + Clone + Default>(r: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    r.register(name, help, metric.clone());
    metric
}

fn seconds<L>(r: &mut Registry, name: &str, help: &str, buckets: fn() -> Histogram) -> Durations<L>
where
    L: EncodeLabelSet + Clone + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync + 'static,
{
    let metric = Family::new_with_constructor(buckets);
    r.register_with_unit(name, help, Unit::Seconds, Family::clone(&metric));
    metric
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("kubewright");
        let r = &mut registry;
        Arc::new(Self {
            reconciles: register(r, "reconciles", "Completed reconciles"),
            errors: register(r, "reconcile_errors", "Reconciles that ended with an error"),
            durations: seconds(r, "reconcile_duration", "Duration of a reconcile", durations),
            writes: register(r, "writes", "Written objects, by kind and action"),
            requests: register(r, "api_requests", "Requests to the API server; code 0: no answer"),
            request_durations: seconds(
                r,
                "api_request_duration",
                "Time until the head of the answer",
                durations,
            ),
            watch_failures: register(r, "watch_failures", "Watches that failed and were reopened"),
            undecodable: register(r, "undecodable_objects", "Objects that could not be decoded"),
            resources: register(r, "resources", "Custom resources in the cache"),
            queue_depth: register(r, "queue_depth", "Resources that wait for a worker"),
            queue_lag: seconds(r, "queue_lag", "Time that resources waited", lags),
            running: register(r, "running_reconciles", "Reconciles in progress"),
            ready: register(r, "ready", "1 once all caches are filled"),
            cache_age: {
                let metric = Family::<KindLabel, Gauge>::default();
                let help = "Time since the watch of a kind failed; 0 while the cache is up to date";
                r.register_with_unit("cache_age", help, Unit::Seconds, metric.clone());
                metric
            },
            worker_panics: register(r, "worker_panics", "Panics of workers outside of a run"),
            pending_expirations: register(
                r,
                "pending_expirations",
                "Expired resources that wait for the deletion limiter",
            ),
            pending_rollouts: register(
                r,
                "pending_rollouts",
                "Resources whose change waits for the rollout limiter",
            ),
            registry,
        })
    }

    pub(crate) fn reconciled(&self, controller: Label, took: Duration, error: Option<Class>) {
        self.reconciles.get_or_create(&ControllerLabel { controller }).inc();
        self.durations.get_or_create(&ControllerLabel { controller }).observe(took.as_secs_f64());
        if let Some(class) = error {
            self.errors.get_or_create(&ErrorLabel { controller, class: class.as_str() }).inc();
        }
    }

    pub(crate) fn wrote(&self, controller: Label, kind: &str, action: Label) {
        self.writes.get_or_create(&WriteLabel { controller, kind: kind.to_owned(), action }).inc();
    }

    pub(crate) fn requested(&self, verb: Label, code: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabel { verb, code }).inc();
        self.request_durations.get_or_create(&VerbLabel { verb }).observe(took.as_secs_f64());
    }

    pub(crate) fn watch_failed(&self, kind: &str) {
        self.watch_failures.get_or_create(&KindLabel { kind: kind.to_owned() }).inc();
    }

    pub(crate) fn undecodable(&self, kind: &str) {
        self.undecodable.get_or_create(&KindLabel { kind: kind.to_owned() }).inc();
    }

    pub(crate) fn resources(&self, controller: Label, count: usize) {
        self.resources.get_or_create(&ControllerLabel { controller }).set(gauge(count));
    }

    /// Records how long a key waited for a worker.
    pub(crate) fn waited(&self, priority: Priority, waited: Duration) {
        let label = PriorityLabel { priority: priority.as_str() };
        self.queue_lag.get_or_create(&label).observe(waited.as_secs_f64());
    }

    pub(crate) fn queue(&self, depths: [usize; Priority::ALL.len()], running: usize) {
        for (priority, depth) in Priority::ALL.into_iter().zip(depths) {
            let label = PriorityLabel { priority: priority.as_str() };
            self.queue_depth.get_or_create(&label).set(gauge(depth));
        }
        self.running.set(gauge(running));
    }

    pub(crate) fn ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    /// Records for each kind how long its cache has not been up to date.
    pub(crate) fn cache_ages(&self, ages: Vec<(String, Duration)>) {
        // Several watches may have the same kind: the oldest cache counts.
        let mut oldest: BTreeMap<String, Duration> = BTreeMap::new();
        for (kind, age) in ages {
            let known = oldest.entry(kind).or_default();
            *known = age.max(*known);
        }
        for (kind, age) in oldest {
            let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
            self.cache_age.get_or_create(&KindLabel { kind }).set(seconds);
        }
    }

    pub(crate) fn worker_panicked(&self) {
        self.worker_panics.inc();
    }

    pub(crate) fn pending_expirations(&self, count: usize) {
        self.pending_expirations.set(gauge(count));
    }

    pub(crate) fn pending_rollouts(&self, controller: Label, count: usize) {
        self.pending_rollouts.get_or_create(&ControllerLabel { controller }).set(gauge(count));
    }

    /// The OpenMetrics text.
    pub(crate) fn encode(&self) -> String {
        let mut out = String::new();
        if let Err(error) = text::encode(&mut out, &self.registry) {
            let _ = write!(out, "# {error}\n# EOF\n");
        }
        out
    }
}

#[cfg(test)]
mod tests;
