//! The rows of the table: figures and their bounds. Every bound is a count or a ratio of two values
//! of one run, except two times of row 12, which are far above what a slow machine needs.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::figures::Figures;
use crate::plan::Plan;
use crate::stats::{extremes, median};
use crate::workload::{CHILDREN, Crowd, Workload};

/// The operator's CPU time for a new resource, over the bare client's, which neither decodes nor
/// builds: docs/performance.md says what the difference is.
const CREATE_CPU: Bound = Bound::AtMost(2.0);
/// The operator's CPU time for a look at a converged resource, over the bare client's for a new
/// one.
const RECONCILE_CPU: Bound = Bound::AtMost(0.05);

/// Runs after an edit of one preview of a crowd: its own, and those of two others.
const RUNS_OF_AN_EDIT: Bound = Bound::AtMost(3.0);
/// Milliseconds: the slowest answer of /livez.
const LIVEZ: Bound = Bound::AtMost(100.0);
/// Milliseconds of CPU time for an edit of one preview of a crowd.
const CPU_OF_AN_EDIT: Bound = Bound::AtMost(5.0);

/// The limit of a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// The median of the repeats, and their extremes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Value {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// Which value of the repeats is compared with the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Decisive {
    /// The median of a ratio, which differs a little from repeat to repeat.
    Median,
    /// The worst repeat of a count: each repeat must keep the bound.
    Worst,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    pub(crate) number: u8,
    pub(crate) title: String,
    pub(crate) bound: Bound,
    pub(crate) decisive: Decisive,
    pub(crate) value: Result<Value, String>,
    /// The largest share of the cores that other programs used in a run of this row, if it was too
    /// large.
    pub(crate) disturbed: Option<f64>,
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(bound) => value <= bound,
            Self::AtLeast(bound) => value >= bound,
        }
    }
}

impl Value {
    /// The median and the extremes; `None` without values.
    pub(crate) fn new(repeats: &[f64]) -> Option<Self> {
        let ((min, max), median) = (extremes(repeats)?, median(repeats)?);
        Some(Self { median, min, max })
    }
}

impl Row {
    /// The value that is compared with the bound.
    pub(crate) fn measured(&self) -> Result<f64, &str> {
        let value = self.value.as_ref().map_err(String::as_str)?;
        Ok(match self.decisive {
            Decisive::Median => value.median,
            Decisive::Worst => match self.bound {
                Bound::AtMost(_) => value.max,
                Bound::AtLeast(_) => value.min,
            },
        })
    }

    /// Whether the value is within the bound. A row without a value is not.
    pub(crate) fn holds(&self) -> bool {
        self.measured().is_ok_and(|measured| self.bound.holds(measured))
    }
}

/// Builds the selected rows from figures.
struct Rows<'a> {
    figures: &'a Figures,
    wanted: &'a BTreeSet<u8>,
    built: Vec<Row>,
}

impl Rows<'_> {
    fn add(
        &mut self,
        number: u8,
        title: impl Into<String>,
        (bound, decisive): (Bound, Decisive),
        repeats: Result<Vec<f64>, String>,
        disturbed: Option<f64>,
    ) {
        if self.wanted.contains(&number) {
            let title = title.into();
            let value = repeats
                .and_then(|repeats| Value::new(&repeats).ok_or_else(|| "no repeat".to_owned()));
            self.built.push(Row { number, title, bound, decisive, value, disturbed });
        }
    }

    /// A count. Other programs do not change it.
    fn count(&mut self, number: u8, title: impl Into<String>, bound: Bound, name: &str) {
        let values = self.figures.get(name).map(<[f64]>::to_vec);
        self.add(number, title, (bound, Decisive::Worst), values, None);
    }

    /// A time. Other programs change it.
    fn time(&mut self, number: u8, title: impl Into<String>, bound: Bound, name: &str) {
        let values = self.figures.get(name).map(<[f64]>::to_vec);
        let disturbed = self.figures.disturbed(&[name]);
        self.add(number, title, (bound, Decisive::Worst), values, disturbed);
    }

    /// Two values of the same repeat.
    fn ratio(
        &mut self,
        number: u8,
        title: impl Into<String>,
        bound: Bound,
        (above, below): (&str, &str),
    ) {
        let (ratios, disturbed) =
            (self.figures.ratios(above, below), self.figures.disturbed(&[above, below]));
        self.add(number, title, (bound, Decisive::Median), ratios, disturbed);
    }

    /// Every repeat of `above` over the median of `below`, which has other repeats.
    fn over_median(
        &mut self,
        number: u8,
        title: impl Into<String>,
        bound: Bound,
        (above, below): (&str, &str),
    ) {
        let below_median = self.figures.get(below).map(median);
        let ratios = match (self.figures.get(above), below_median) {
            (Ok(above), Ok(Some(median))) if median > 0.0 => {
                Ok(above.iter().map(|above| above / median).collect())
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
            _ => Err(format!("{below} is zero")),
        };
        let disturbed = self.figures.disturbed(&[above, below]);
        self.add(number, title, (bound, Decisive::Median), ratios, disturbed);
    }

    /// The larger of two amounts of memory of the same repeat. Other programs do not change it.
    fn worse(&mut self, number: u8, title: &str, bound: Bound, (one, other): (&str, &str)) {
        let values = self.figures.worse(one, other);
        self.add(number, title, (bound, Decisive::Median), values, None);
    }
}

/// The selected rows.
pub(crate) fn rows(figures: &Figures, plan: &Plan) -> Vec<Row> {
    let mut rows = Rows { figures, wanted: &plan.rows, built: Vec::new() };
    beside_the_bare_client(&mut rows, plan);
    requests(&mut rows, plan);
    restart_and_memory(&mut rows);
    cpu(&mut rows, plan);
    second_operator(&mut rows, plan);
    crowd(&mut rows, plan);
    rows.built
}

fn create(workload: Workload, n: usize, client: &str, field: &str) -> String {
    format!("create.{workload}.{n}.{client}.{field}")
}

fn beside_the_bare_client(rows: &mut Rows<'_>, plan: &Plan) {
    use Bound::{AtLeast, AtMost};
    for n in [plan.small, plan.large] {
        let [operator, bare] =
            ["operator", "bare"].map(|client| create(Workload::Echo, n, client, "rate"));
        let title = format!("resources per second / bare client's, N={n}");
        rows.ratio(1, title, AtLeast(0.95), (&operator, &bare));
    }
    let [operator, bare] = ["operator", "bare"]
        .map(|client| create(Workload::Echo, plan.large, client, "plane_cpu_ms"));
    let title = "control-plane CPU per resource / bare client's";
    rows.ratio(2, title, AtMost(1.05), (&operator, &bare));
    for (percent, bound) in [("p50", 1.5), ("p99", 3.0)] {
        let [operator, bare] =
            ["operator", "bare"].map(|client| format!("latency.{client}.{percent}_ms"));
        let title = format!("create to all children, {percent} / writes alone");
        rows.ratio(3, title, AtMost(bound), (&operator, &bare));
    }
}

fn requests(rows: &mut Rows<'_>, plan: &Plan) {
    use Bound::AtMost;
    let created = create(Workload::Echo, plan.large, "operator", "requests");
    for (what, bound, name) in [
        ("create (k+1)", f64::from(CHILDREN) + 1.0, &*created),
        ("change of one child", 2.0, "rest.change.requests"),
        ("delete", 0.0, "lifecycle.delete.requests"),
    ] {
        rows.count(4, format!("requests per resource: {what}"), AtMost(bound), name);
    }
    for (what, name) in [
        ("in a forced resync of all", "resync"),
        ("after a metadata-only edit of each", "annotate"),
    ] {
        for counted in ["requests", "revisions"] {
            let figure = format!("rest.{name}.{counted}");
            rows.count(5, format!("{counted} {what}"), AtMost(0.0), &figure);
        }
    }
    rows.count(6, "writes of a restart", AtMost(0.0), "restart.writes");
}

fn restart_and_memory(rows: &mut Rows<'_>) {
    use Bound::AtMost;
    let title = "restart: exec to steady / list and decode";
    // The lister only decodes; the operator also builds and compares every resource.
    rows.ratio(6, title, AtMost(1.6), ("restart.operator_ms", "restart.lister_ms"));
    let ratios = ("memory.echo.loaded.slope_ratio", "memory.echo.restarted.slope_ratio");
    rows.worse(7, "memory per resource with children / its JSON", AtMost(1.0), ratios);
    let peaks = ("memory.echo.loaded.peak_ratio", "memory.echo.restarted.peak_ratio");
    rows.worse(8, "memory: peak / steady", AtMost(1.3), peaks);
}

fn cpu(rows: &mut Rows<'_>, plan: &Plan) {
    let (small, large, most) = (plan.small, plan.large, plan.most());
    let [operator, bare] =
        ["operator", "bare"].map(|client| create(Workload::Echo, large, client, "cpu_ms"));
    let title = "operator CPU per new resource / bare client's";
    rows.ratio(9, title, CREATE_CPU, (&operator, &bare));
    let title = "operator CPU per look at rest / bare client's per new resource";
    rows.over_median(9, title, RECONCILE_CPU, ("rest.resync.cpu_ms", &bare));
    let few = create(Workload::Echo, small, "operator", "cpu_ms");
    let title = format!("operator CPU per resource, N={most} / N={small}");
    rows.over_median(10, title, Bound::AtMost(1.15), ("memory.echo.cpu_ms", &few));
}

/// The same bounds as for Echo. Its objects are so small that their memory is no ratio of their
/// JSON; the report has the bytes.
fn second_operator(rows: &mut Rows<'_>, plan: &Plan) {
    use Bound::AtMost;
    let figure = |client, field| create(Workload::Website, plan.large, client, field);
    let requests = figure("operator", "requests");
    let bound = AtMost(f64::from(CHILDREN) + 1.0);
    rows.count(11, "second operator: requests per resource: create (k+1)", bound, &requests);
    let (operator, bare) = (figure("operator", "cpu_ms"), figure("bare", "cpu_ms"));
    let title = "second operator: CPU per new resource / bare client's";
    rows.ratio(11, title, CREATE_CPU, (&operator, &bare));
}

/// Previews that compete for one host, also in a namespace with a limit.
fn crowd(rows: &mut Rows<'_>, plan: &Plan) {
    let (few, most) = (plan.crowds.first().copied().unwrap_or(0), plan.crowd());
    for crowd in Crowd::ALL {
        let figure = |n: usize, field: &str| format!("crowd.{crowd}.{n}.{field}");
        let title = format!("{crowd}: operator CPU per new preview, N={most} / N={few}");
        let pair = (&*figure(most, "cpu_ms"), &*figure(few, "cpu_ms"));
        rows.over_median(12, title, Bound::AtMost(1.3), pair);
        let title = format!("{crowd}: most runs after an edit of one, N={most}");
        rows.count(12, title, RUNS_OF_AN_EDIT, &figure(most, "edit_runs"));
        let title = format!("{crowd}: operator CPU of an edit of one, ms, N={most}");
        rows.time(12, title, CPU_OF_AN_EDIT, &figure(most, "edit_cpu_ms"));
        let title = format!("{crowd}: slowest answer of /livez, ms, N={most}");
        rows.time(12, title, LIVEZ, &figure(most, "livez_ms"));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_value_is_not_within_its_bound() {
        let rows = rows(&Figures::default(), &Plan::full());
        assert!(rows.len() > 20, "{}", rows.len());
        assert!(rows.iter().all(|row| !row.holds() && row.value.is_err()));
        let numbers: BTreeSet<u8> = rows.iter().map(|row| row.number).collect();
        assert_eq!(numbers, (1..=12).collect());
    }

    #[test]
    fn the_median_counts_and_a_bound_includes_itself() {
        let row = |repeats: &[f64], bound| Row {
            number: 1,
            title: String::new(),
            bound,
            decisive: Decisive::Median,
            value: Ok(Value::new(repeats).unwrap()),
            disturbed: None,
        };
        assert!(row(&[0.9, 0.95, 1.2], Bound::AtLeast(0.95)).holds());
        assert!(!row(&[0.9, 0.94, 1.2], Bound::AtLeast(0.95)).holds());
        assert!(row(&[1.05], Bound::AtMost(1.05)).holds());
        assert!(!row(&[1.06], Bound::AtMost(1.05)).holds());
    }

    #[test]
    fn every_repeat_of_a_count_must_keep_its_bound() {
        let mut figures = Figures::default();
        for (writes, requests) in [(0.0, 3.0), (0.0, 3.0), (0.0, 3.0), (1.0, 3.4), (0.0, 3.0)] {
            figures.add("restart.writes", writes);
            figures.add("create.echo.2000.operator.requests", requests);
        }
        let rows = rows(&figures, &Plan::full());
        for (title, measured) in
            [("writes of a restart", 1.0), ("requests per resource: create (k+1)", 3.4)]
        {
            let row = rows.iter().find(|row| row.title == title).unwrap();
            assert_eq!(row.measured(), Ok(measured), "{title}");
            assert!(!row.holds(), "{title}");
        }
    }

    #[test]
    fn a_row_is_disturbed_if_one_of_its_runs_was() {
        let mut figures = Figures::default();
        for (client, other_load) in [("operator", 0.04), ("bare", 0.35), ("bare", 0.1)] {
            figures.add(format!("create.echo.2000.{client}.other_load"), other_load);
        }
        figures.add("create.echo.2000.operator.requests", 3.0);
        let rows = rows(&figures, &Plan::full());
        let disturbed = |title: &str| {
            let row = rows.iter().find(|row| row.title.contains(title)).unwrap();
            row.disturbed
        };
        assert_eq!(disturbed("bare client's, N=2000"), Some(0.35));
        assert_eq!(disturbed("bare client's, N=500"), None, "another run");
        assert_eq!(disturbed("create (k+1)"), None, "a count");
    }

    #[test]
    fn a_ratio_compares_values_of_the_same_repeat() {
        let mut figures = Figures::default();
        for (operator, bare) in [(90.0, 100.0), (198.0, 200.0), (300.0, 300.0)] {
            figures.add("create.echo.500.operator.rate", operator);
            figures.add("create.echo.500.bare.rate", bare);
        }
        let rows = rows(&figures, &Plan::full());
        assert_eq!(rows[0].value, Ok(Value { median: 0.99, min: 0.9, max: 1.0 }));
        assert!(rows[0].holds() && !rows[1].holds());
    }

    #[test]
    fn a_look_at_rest_is_compared_with_a_create_of_the_same_run() {
        let mut figures = Figures::default();
        for bare in [0.4, 0.5, 0.9] {
            figures.add("create.echo.2000.bare.cpu_ms", bare);
            figures.add("create.echo.2000.operator.cpu_ms", bare * 2.0);
        }
        figures.add("rest.resync.cpu_ms", 0.02);
        let rows = rows(&figures, &Plan { rows: [9].into(), ..Plan::full() });
        let medians: Vec<f64> = rows.iter().map(|row| row.value.clone().unwrap().median).collect();
        assert_eq!(medians, [2.0, 0.04]);
        assert!(rows.iter().all(Row::holds));
    }
}
