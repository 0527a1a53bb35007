//! What is printed at the end, and what is written for programs.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::error::Error;
use crate::figures::Figures;
use crate::plan::{Plan, ROWS};
use crate::rows::{Row, Value};
use crate::stats::{median, percentile};
use crate::table::{number, table};

/// Everything about a run.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) machine: Machine,
    pub(crate) kubernetes: Option<&'a str>,
    pub(crate) version: &'static str,
    pub(crate) plan: &'a Plan,
    /// Why no row counts: the gate did not open, or it was interrupted.
    pub(crate) gate: Option<String>,
    /// Cells that could not be measured to their end.
    pub(crate) failures: &'a [String],
    pub(crate) rows: &'a [Row],
    pub(crate) figures: &'a Figures,
}

/// What it ran on.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    cores: usize,
    processor: String,
    memory_kib: Option<u64>,
    kernel: String,
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
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
    /// Whether every bound was kept, and everything was measured to its end.
    pub(crate) fn holds(&self) -> bool {
        self.gate.is_none() && self.failures.is_empty() && self.rows.iter().all(Row::holds)
    }

    /// For people.
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
        if let Some(coarser) = self.plan.coarser {
            let _ = writeln!(text, "coarser than a full run: {coarser}");
        }
        let _ = writeln!(text, "\n{}", table(self.rows));
        text.push_str(&self.more());
        for failure in self.failures {
            let _ = writeln!(text, "not measured to its end: {failure}");
        }
        for row in self.rows.iter().filter(|row| !row.holds() && self.gate.is_none()) {
            let why = match &row.value {
                Ok(Value { median, .. }) => number(*median),
                Err(why) => format!("not measured: {why}"),
            };
            let _ = writeln!(text, "row {}: {}: {why}", row.number, row.title);
        }
        match &self.gate {
            Some(why) => drop(writeln!(text, "NO FIGURE COUNTS: {why}")),
            None if self.holds() => {
                let part = self.plan.rows.len() < ROWS.count();
                text.push_str(if part {
                    "every bound of these rows is kept\n"
                } else {
                    "every bound is kept\n"
                });
            }
            None => text.push_str("not every bound is kept\n"),
        }
        text
    }

    /// Absolute values, for information.
    fn more(&self) -> String {
        let mut text = String::new();
        let (small, large) = (self.plan.small, self.plan.large);
        let mut line = |what: &str, names: &[(&str, String)]| {
            let values: Vec<String> = names
                .iter()
                .filter_map(|(unit, name)| {
                    Some(format!("{unit} {}", number(median(self.figures.get(name).ok()?)?)))
                })
                .collect();
            if !values.is_empty() {
                let _ = writeln!(text, "    {what}: {}", values.join(", "));
            }
        };
        for n in [small, large] {
            for (who, name) in [
                ("bare client", "bare"),
                ("bare client, watched", "watched"),
                ("operator", "operator"),
            ] {
                let of = |field: &str| format!("create.{n}.{name}.{field}");
                let fields = [
                    ("resources/s", of("rate")),
                    ("control-plane CPU ms", of("plane_cpu_ms")),
                    ("own CPU ms", of("cpu_ms")),
                ];
                line(&format!("{who}, N={n}"), &fields);
            }
        }
        line(
            "floor of row 9: the three writes alone, sent by the bare client",
            &[("CPU ms", format!("create.{large}.floor_ms"))],
        );
        for (who, name) in [("bare client", "bare"), ("operator", "operator")] {
            let of = |field: &str| format!("latency.{name}.{field}");
            line(
                &format!("create to children, {who}"),
                &[("p50 ms", of("all_p50_ms")), ("p99 ms", of("all_p99_ms"))],
            );
        }
        line(
            "restart",
            &[
                ("operator ms", "restart.operator_ms".into()),
                ("lister ms", "restart.lister_ms".into()),
            ],
        );
        line(
            "lifecycle requests",
            &["create", "edit", "delete"].map(|step| (step, format!("lifecycle.{step}.requests"))),
        );
        for (who, name) in [("lived through the load", "lived"), ("restarted", "restarted")] {
            let of = |field: &str| format!("memory.{name}.{field}");
            let fields = [
                ("bytes per set", of("slope_bytes")),
                ("/ JSON", of("slope_ratio")),
                ("peak/steady", of("peak_ratio")),
            ];
            line(&format!("memory, {who}"), &fields);
        }
        line("JSON of a set", &[("bytes", "memory.json_bytes".into())]);
        let large = [
            ("whole", "memory.cpu_ms".to_owned()),
            ("last level", "memory.last_level_cpu_ms".to_owned()),
        ];
        line("operator CPU ms per resource of the largest load", &large);
        if let Ok(drifts) = self.figures.get("rest.drift_ms") {
            let [p50, p99] = [50, 99]
                .map(|percent| percentile(drifts, percent).map_or_else(|| "-".to_owned(), number));
            let _ = writeln!(text, "    drift repair: p50 ms {p50}, p99 ms {p99}");
        }
        text
    }

    /// For programs.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::File { path: path.to_owned(), source };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        fs::write(path, text).map_err(failed)
    }
}
