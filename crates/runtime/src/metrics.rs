//! What can be counted, in the OpenMetrics text format. Names and labels are part of the public
//! interface.
//!
//! Labels have few values by construction: controllers, kinds, verbs, classes; never a name or an
//! error's text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use kubewright_core::Class;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::queue::Priority;

type Label = &'static str;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerLabel {
    controller: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabel {
    controller: Label,
    class: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabel {
    controller: Label,
    kind: String,
    action: Label,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabel {
    verb: Label,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PriorityLabel {
    priority: Label,
}

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics of one process.
#[derive(Debug)]
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
    held: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerbLabel {
    verb: Label,
}

/// From 0.1 ms to 52 s.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 20))
}

/// From 1 ms to 9 min.
fn lags() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 20))
}

impl Metrics {
    #[allow(clippy::too_many_lines)] // a list: one registration after the other
    pub(crate) fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("kubewright");
        let metrics = Self {
            reconciles: Family::default(),
            errors: Family::default(),
            durations: Family::new_with_constructor(durations),
            writes: Family::default(),
            requests: Family::default(),
            request_durations: Family::new_with_constructor(durations),
            watch_failures: Family::default(),
            undecodable: Family::default(),
            resources: Family::default(),
            queue_depth: Family::default(),
            queue_lag: Family::new_with_constructor(lags),
            running: Gauge::default(),
            ready: Gauge::default(),
            held: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register(
            "reconciles",
            "Reconciles that ended, by controller",
            metrics.reconciles.clone(),
        );
        registry.register(
            "reconcile_errors",
            "Reconciles that ended with an error, by class",
            metrics.errors.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "Time of one reconcile",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register(
            "writes",
            "Objects that were written, by kind and why",
            metrics.writes.clone(),
        );
        registry.register(
            "api_requests",
            "Requests to the API server; code 0: no answer",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "api_request_duration",
            "Time to the answer's head",
            Unit::Seconds,
            metrics.request_durations.clone(),
        );
        registry.register(
            "watch_failures",
            "Watches that broke and were opened again",
            metrics.watch_failures.clone(),
        );
        registry.register(
            "undecodable_objects",
            "Objects from the API server that could not be decoded",
            metrics.undecodable.clone(),
        );
        registry.register(
            "resources",
            "Custom resources that are known",
            metrics.resources.clone(),
        );
        registry.register(
            "queue_depth",
            "Resources that wait to be worked on, by why",
            metrics.queue_depth.clone(),
        );
        registry.register_with_unit(
            "queue_lag",
            "How long resources waited to be worked on, by why",
            Unit::Seconds,
            metrics.queue_lag.clone(),
        );
        registry.register(
            "running_reconciles",
            "Resources that are worked on now",
            metrics.running.clone(),
        );
        registry.register("ready", "1 once all caches are filled", metrics.ready.clone());
        registry.register(
            "held_deletions",
            "Resources that had their time and wait to be deleted",
            metrics.held.clone(),
        );
        Arc::new(Self { registry, ..metrics })
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

    pub(crate) fn request(&self, verb: Label, code: u16, took: Duration) {
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
        self.resources
            .get_or_create(&ControllerLabel { controller })
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A resource was given out after it had waited this long.
    pub(crate) fn waited(&self, priority: Priority, lag: Duration) {
        let label = PriorityLabel { priority: priority.as_str() };
        self.queue_lag.get_or_create(&label).observe(lag.as_secs_f64());
    }

    pub(crate) fn queue(&self, depths: [usize; Priority::ALL.len()], running: usize) {
        for (priority, depth) in Priority::ALL.into_iter().zip(depths) {
            let label = PriorityLabel { priority: priority.as_str() };
            self.queue_depth.get_or_create(&label).set(i64::try_from(depth).unwrap_or(i64::MAX));
        }
        self.running.set(i64::try_from(running).unwrap_or(i64::MAX));
    }

    pub(crate) fn ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }

    pub(crate) fn held(&self, count: usize) {
        self.held.set(i64::try_from(count).unwrap_or(i64::MAX));
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
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_as_documented() {
        let metrics = Metrics::new();
        metrics.reconciled("echo", Duration::from_millis(1), Some(Class::Refused));
        metrics.wrote("echo", "Deployment", "create");
        metrics.request("apply", 201, Duration::from_millis(1));
        metrics.queue([3, 2, 1], 1);
        metrics.waited(Priority::Sweep, Duration::from_millis(1500));
        metrics.held(4);
        let text = metrics.encode();
        for line in [
            r#"kubewright_reconciles_total{controller="echo"} 1"#,
            r#"kubewright_reconcile_errors_total{controller="echo",class="refused"} 1"#,
            r#"kubewright_writes_total{controller="echo",kind="Deployment",action="create"} 1"#,
            r#"kubewright_api_requests_total{verb="apply",code="201"} 1"#,
            r#"kubewright_queue_depth{priority="change"} 3"#,
            r#"kubewright_queue_depth{priority="resync"} 1"#,
            r#"kubewright_queue_lag_seconds_sum{priority="sweep"} 1.5"#,
            r#"kubewright_queue_lag_seconds_bucket{le="1.024",priority="sweep"} 0"#,
            "kubewright_held_deletions 4",
            "kubewright_reconcile_duration_seconds_count",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
