//! What the figures prove: one row for each bound.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::figures::Figures;
use crate::plan::Plan;
use crate::stats::{extremes, median};
use crate::workload::CHILDREN;

/// What a value must not go past.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// The middle of the repeats, and their ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Value {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) number: u8,
    pub(crate) title: String,
    pub(crate) bound: Bound,
    pub(crate) value: Result<Value, String>,
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
    /// Of repeats.
    pub(crate) fn of(repeats: &[f64]) -> Option<Self> {
        let ((min, max), median) = (extremes(repeats)?, median(repeats)?);
        Some(Self { median, min, max })
    }
}

impl Row {
    /// Whether the value is within the bound. What could not be measured is not.
    pub(crate) fn holds(&self) -> bool {
        self.value.as_ref().is_ok_and(|value| self.bound.holds(value.median))
    }
}

/// Builds rows from figures.
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
        bound: Bound,
        repeats: Result<Vec<f64>, String>,
    ) {
        if self.wanted.contains(&number) {
            let value = repeats
                .and_then(|repeats| Value::of(&repeats).ok_or_else(|| "no repeat".to_owned()));
            self.built.push(Row { number, title: title.into(), bound, value });
        }
    }

    fn single(&mut self, number: u8, title: impl Into<String>, bound: Bound, name: &str) {
        let values = self.figures.get(name).map(<[f64]>::to_vec);
        self.add(number, title, bound, values);
    }

    fn ratio(
        &mut self,
        number: u8,
        title: impl Into<String>,
        bound: Bound,
        above: &str,
        below: &str,
    ) {
        let values = self.figures.ratios(above, below);
        self.add(number, title, bound, values);
    }

    fn worse(
        &mut self,
        number: u8,
        title: impl Into<String>,
        bound: Bound,
        one: &str,
        other: &str,
    ) {
        let values = self.figures.worse(one, other);
        self.add(number, title, bound, values);
    }
}

/// All rows that are wanted.
pub(crate) fn rows(figures: &Figures, plan: &Plan) -> Vec<Row> {
    use Bound::{AtLeast, AtMost};
    let mut rows = Rows { figures, wanted: &plan.rows, built: Vec::new() };
    let (small, large, most) = (plan.small, plan.large, plan.most());
    let writes = f64::from(CHILDREN) + 1.0;
    for n in [small, large] {
        let title = format!("converged resources per second / bare client's, N={n}");
        rows.ratio(
            1,
            title,
            AtLeast(0.95),
            &format!("create.{n}.operator.rate"),
            &format!("create.{n}.bare.rate"),
        );
    }
    let [cpu, bare] = ["operator", "bare"].map(|who| format!("create.{large}.{who}.plane_cpu_ms"));
    rows.ratio(2, "control-plane CPU per resource / bare client's", AtMost(1.05), &cpu, &bare);
    rows.ratio(
        3,
        "create to all children, p50 / raw writes'",
        AtMost(1.5),
        "latency.operator.p50_ms",
        "latency.bare.p50_ms",
    );
    rows.ratio(
        3,
        "create to all children, p99 / raw writes'",
        AtMost(3.0),
        "latency.operator.p99_ms",
        "latency.bare.p99_ms",
    );
    rows.single(
        4,
        "requests per resource: create (k+1)",
        AtMost(writes),
        &format!("create.{large}.operator.requests"),
    );
    rows.single(
        4,
        "requests per resource: change of one child",
        AtMost(2.0),
        "rest.change.requests",
    );
    rows.single(4, "requests per resource: delete", AtMost(0.0), "lifecycle.delete.requests");
    rows.single(5, "requests in a forced resync of all", AtMost(0.0), "rest.resync.requests");
    rows.single(5, "revisions in a forced resync of all", AtMost(0.0), "rest.resync.revisions");
    rows.single(
        5,
        "requests after a metadata-only edit of each",
        AtMost(0.0),
        "rest.annotate.requests",
    );
    rows.single(
        5,
        "revisions after a metadata-only edit of each",
        AtMost(0.0),
        "rest.annotate.revisions",
    );
    rows.single(6, "writes of a restart", AtMost(0.0), "restart.writes");
    rows.ratio(
        6,
        "restart: exec to steady / list and decode",
        AtMost(1.5),
        "restart.operator_ms",
        "restart.lister_ms",
    );
    rows.worse(
        7,
        "memory per resource set / its JSON",
        AtMost(1.0),
        "memory.lived.slope_ratio",
        "memory.restarted.slope_ratio",
    );
    rows.worse(
        8,
        "memory: peak / steady",
        AtMost(1.3),
        "memory.lived.peak_ratio",
        "memory.restarted.peak_ratio",
    );
    rows.single(
        9,
        "operator CPU per resource created, ms",
        AtMost(0.8),
        &format!("create.{large}.operator.cpu_ms"),
    );
    rows.single(9, "operator CPU per reconcile at rest, ms", AtMost(0.02), "rest.resync.cpu_ms");
    let title = format!("operator CPU per resource, N={most} / N={small}");
    let below = figures.get(&format!("create.{small}.operator.cpu_ms")).ok().and_then(median);
    let above = figures.get("memory.cpu_ms");
    let ratios = match (above, below) {
        (Ok(above), Some(below)) if below > 0.0 => {
            Ok(above.iter().map(|above| above / below).collect())
        }
        (Err(error), _) => Err(error),
        _ => Err(format!("create.{small}.operator.cpu_ms was not measured")),
    };
    rows.add(10, title, AtMost(1.15), ratios);
    rows.built
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_never_within_its_bound() {
        let rows = rows(&Figures::default(), &Plan::full());
        assert!(rows.len() > 15, "{}", rows.len());
        assert!(rows.iter().all(|row| !row.holds() && row.value.is_err()));
        let numbers: BTreeSet<u8> = rows.iter().map(|row| row.number).collect();
        assert_eq!(numbers, (1..=10).collect());
    }

    #[test]
    fn the_median_decides_and_a_bound_includes_itself() {
        let row = |repeats: &[f64], bound| Row {
            number: 1,
            title: String::new(),
            bound,
            value: Ok(Value::of(repeats).unwrap()),
        };
        assert!(row(&[0.9, 0.95, 1.2], Bound::AtLeast(0.95)).holds());
        assert!(!row(&[0.9, 0.94, 1.2], Bound::AtLeast(0.95)).holds());
        assert!(row(&[1.05], Bound::AtMost(1.05)).holds());
        assert!(!row(&[1.06], Bound::AtMost(1.05)).holds());
    }

    #[test]
    fn a_ratio_is_of_neighbours_in_time() {
        let mut figures = Figures::default();
        for (operator, bare) in [(90.0, 100.0), (198.0, 200.0), (300.0, 300.0)] {
            figures.add("create.500.operator.rate", operator);
            figures.add("create.500.bare.rate", bare);
        }
        let rows = rows(&figures, &Plan::full());
        assert_eq!(rows[0].value, Ok(Value { median: 0.99, min: 0.9, max: 1.0 }));
        assert!(rows[0].holds() && !rows[1].holds());
    }
}
