//! The report: text for people, JSON for programs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::error::Error;
use crate::figures::Figures;
use crate::plan::{Plan, ROWS};
use crate::rows::Row;
use crate::stats::{median, percentile};
use crate::table::{number, table};
use crate::workload::Workload;

/// Everything about a run.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) machine: Machine,
    pub(crate) kubernetes: Option<&'a str>,
    pub(crate) version: &'static str,
    pub(crate) plan: &'a Plan,
    /// Why no figure counts.
    pub(crate) invalid: Option<String>,
    /// Measurements that failed.
    pub(crate) failures: &'a [String],
    pub(crate) rows: &'a [Row],
    pub(crate) figures: &'a Figures,
}

/// The machine.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    cores: usize,
    processor: String,
    memory_kib: Option<u64>,
    kernel: String,
}

impl Machine {
    /// This machine.
    pub(crate) fn current() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let value = text.lines().find_map(|line| {
                line.strip_prefix(name)?.split_once(':').map(|(_, value)| value.trim().to_owned())
            });
            value.unwrap_or_else(|| "unknown".to_owned())
        };
        Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            processor: field(&text("/proc/cpuinfo"), "model name"),
            memory_kib: field(&text("/proc/meminfo"), "MemTotal")
                .trim_end_matches(" kB")
                .parse()
                .ok(),
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl Report<'_> {
    /// Whether every bound holds and no measurement failed.
    pub(crate) fn holds(&self) -> bool {
        self.invalid.is_none() && self.failures.is_empty() && self.rows.iter().all(Row::holds)
    }

    /// The text for people.
    pub(crate) fn text(&self) -> String {
        let Machine { cores, processor, memory_kib, kernel } = &self.machine;
        let memory = memory_kib
            .map_or_else(|| "unknown".to_owned(), |kib| format!("{} GiB", kib / 1024 / 1024));
        // Writing to a String cannot fail.
        let mut text = String::new();
        let kubernetes = self.kubernetes.unwrap_or("not started");
        let _ = writeln!(
            text,
            "\n{cores} cores ({processor}), {memory}, Linux {kernel}, Kubernetes {kubernetes}"
        );
        if let Some(differences) = self.plan.differences() {
            let _ = writeln!(text, "other than in a full run: {differences}");
        }
        let _ = writeln!(text, "\n{}", table(self.rows));
        text.push_str(&self.absolute_values());
        for failure in self.failures {
            let _ = writeln!(text, "failed: {failure}");
        }
        for row in self.rows.iter().filter(|row| !row.holds() && self.invalid.is_none()) {
            let why = row.measured().map_or_else(|why| format!("not measured: {why}"), number);
            let _ = writeln!(text, "row {}: {}: {why}", row.number, row.title);
        }
        let summary = match &self.invalid {
            Some(why) => format!("NO FIGURE COUNTS: {why}"),
            None if !self.holds() => "not every bound holds".to_owned(),
            None if self.plan.rows.len() < ROWS.count() => {
                "every bound of these rows holds".to_owned()
            }
            None => "every bound holds".to_owned(),
        };
        let _ = writeln!(text, "{summary}");
        text
    }

    /// Absolute values, without bounds.
    fn absolute_values(&self) -> String {
        let mut lines = Lines { figures: self.figures, text: String::new() };
        lines.create(Workload::Echo, self.plan.small);
        lines.create(Workload::Echo, self.plan.large);
        for (name, client) in [("bare client, writes alone", "bare"), ("operator", "operator")] {
            let figure = |field: &str| format!("latency.{client}.{field}");
            lines.add(
                &format!("create to all children, {name}"),
                &[("p50 ms", figure("all_p50_ms")), ("p99 ms", figure("all_p99_ms"))],
            );
        }
        lines.add(
            "restart",
            &[
                ("operator ms", "restart.operator_ms".into()),
                ("list and decode ms", "restart.lister_ms".into()),
            ],
        );
        lines.add("look at rest", &[("operator CPU ms", "rest.resync.cpu_ms".into())]);
        lines.add(
            "requests beside a controller manager",
            &["create", "edit", "delete"].map(|step| (step, format!("lifecycle.{step}.requests"))),
        );
        lines.memory(Workload::Echo);
        let text = &mut lines.text;
        if let Ok(drifts) = self.figures.get("rest.drift_ms") {
            let [p50, p99] = [50, 99]
                .map(|percent| percentile(drifts, percent).map_or_else(|| "-".to_owned(), number));
            let _ = writeln!(text, "- drift repair: p50 ms {p50}, p99 ms {p99}");
        }
        lines.create(Workload::Website, self.plan.large);
        lines.memory(Workload::Website);
        lines.text
    }

    /// Writes everything as JSON.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        fs::write(path, text).map_err(failed)
    }
}

/// Lines of medians.
struct Lines<'a> {
    figures: &'a Figures,
    text: String,
}

impl Lines<'_> {
    /// One line; nothing if no value was measured.
    fn add(&mut self, what: &str, names: &[(&str, String)]) {
        let value = |(unit, name): &(&str, String)| {
            Some(format!("{unit} {}", number(median(self.figures.get(name).ok()?)?)))
        };
        let values: Vec<String> = names.iter().filter_map(value).collect();
        if !values.is_empty() {
            let _ = writeln!(self.text, "- {what}: {}", values.join(", "));
        }
    }

    fn create(&mut self, workload: Workload, n: usize) {
        for (name, client) in [
            ("bare client", "bare"),
            ("bare client without watches", "writes"),
            ("operator", "operator"),
        ] {
            let figure = |field: &str| format!("create.{workload}.{n}.{client}.{field}");
            let fields = [
                ("resources/s", figure("rate")),
                ("control-plane CPU ms", figure("plane_cpu_ms")),
                ("own CPU ms", figure("cpu_ms")),
            ];
            self.add(&format!("{workload}, N={n}, {name}"), &fields);
        }
    }

    fn memory(&mut self, workload: Workload) {
        let figure = |name: &str| format!("memory.{workload}.{name}");
        for (name, process) in [("after the load", "loaded"), ("restarted", "restarted")] {
            let fields = [
                ("bytes per resource", figure(&format!("{process}.slope_bytes"))),
                ("/ JSON", figure(&format!("{process}.slope_ratio"))),
                ("peak/steady", figure(&format!("{process}.peak_ratio"))),
            ];
            self.add(&format!("{workload}, memory {name}"), &fields);
        }
        self.add(
            &format!("{workload}, memory without resources"),
            &[("bytes", figure("restarted.rss_bytes.0"))],
        );
        self.add(
            &format!("{workload}, JSON of a resource with its children"),
            &[("bytes", figure("json_bytes"))],
        );
        let fields =
            [("all levels", figure("cpu_ms")), ("last level", figure("last_level_cpu_ms"))];
        self.add(&format!("{workload}, operator CPU ms per resource of the largest load"), &fields);
    }
}
